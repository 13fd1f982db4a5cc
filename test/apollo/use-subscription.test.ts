import '../react/dom.ts';

import { gql } from '@apollo/client';
import { ApolloProvider, useQuery, useSubscription } from '@apollo/client/react';
import { cleanup, renderHook } from '@testing-library/react';
import { createElement, type ReactNode, StrictMode } from 'react';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { eventOf } from '../graphql/support.ts';
import { eventually } from '../support/eventually.ts';
import { completed, coverage, startApp, startSite, type Site } from './app.ts';

let site: Site;
let app: ReturnType<typeof startApp>;
beforeEach(async () => {
  site = await startSite();
  app = startApp(site.url);
});
afterEach(async () => {
  cleanup();
  await app.stop();
  await site.stop();
});

const wrapper = ({ children }: { children: ReactNode }) =>
  createElement(StrictMode, null, createElement(ApolloProvider, { client: app.apollo, children }));
const active = () => site.edge.metric('lifeline_subscriptions_active');

test('a plain useSubscription shows each event once through a cut, in strict mode, and leaves nothing behind', async () => {
  const seen: string[] = [];
  const { result, unmount } = renderHook(
    () =>
      useSubscription<{ coverageUpdates: { workflowId: string } }>(coverage, {
        variables: { account: 'A123' },
        onData: ({ data: { data } }) => void seen.push(data?.coverageUpdates.workflowId ?? 'nothing'),
      }),
    { wrapper },
  );
  await eventually(async () => (await active()) === 1);
  await site.edge.append(completed('wf-1'));
  await eventually(() => result.current.data?.coverageUpdates.workflowId === 'wf-1');
  site.network.set({ do: 'refuse' });
  await site.edge.append(completed('wf-2'));
  site.network.set({ do: 'pass' });
  await eventually(() => result.current.data?.coverageUpdates.workflowId === 'wf-2');
  expect(seen).toEqual(['wf-1', 'wf-2']);
  expect(result.current.error).toBeUndefined();
  unmount();
  await eventually(async () => (await active()) === 0, { what: 'released' });
});

test('what one component subscribes to changes what another one has queried', async () => {
  await site.edge.append(eventOf('rte.progress', { workflowId: 'wf-1', percent: 40 }));
  const { result } = renderHook(
    () => {
      useSubscription(coverage, { variables: { account: 'A123' }, ignoreResults: true });
      return useQuery<{ coverageUpdate: { status: string } | null }>(gql`
        query {
          coverageUpdate(workflowId: "wf-1") {
            workflowId
            status
          }
        }
      `);
    },
    { wrapper },
  );
  await eventually(() => result.current.data?.coverageUpdate?.status === 'PROCESSING');
  await eventually(async () => (await active()) === 1);
  await site.edge.append(completed('wf-1'));
  await eventually(() => result.current.data?.coverageUpdate?.status === 'COMPLETED');
});

test('an error that ends it is the hook’s error', async () => {
  const { result } = renderHook(() => useSubscription(coverage, { variables: { account: 'not-mine' } }), { wrapper });
  const error = await eventually(() => result.current.error);
  expect(error).toMatchObject({ errors: [{ extensions: { code: 'FORBIDDEN', retry: 'never' } }] });
});
