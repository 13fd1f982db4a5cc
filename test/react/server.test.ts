import { createElement, StrictMode } from 'react';
import { renderToString } from 'react-dom/server';
import { expect, test } from 'vitest';

import { createClient, type LifelineClient } from '../../src/client/index.ts';
import {
  LifelineProvider,
  useCoverageUpdates,
  useLifelineStatus,
  useVideoVisitEvents,
  useWaitForCoverage,
} from '../../src/react/index.ts';

const View = () => {
  const updates = useCoverageUpdates({ accountId: 'A123' }, { onEvent: () => undefined });
  const visits = useVideoVisitEvents();
  const status = useLifelineStatus();
  const wait = useWaitForCoverage('wf-1');
  return `${updates.events.length} ${visits.events.length} ${status.state} ${wait.state}`;
};
const html = (client: LifelineClient | null) =>
  renderToString(createElement(StrictMode, null, createElement(LifelineProvider, { client }, createElement(View))));

test('rendered on a server, the hooks show the start and do nothing', async () => {
  const doings: string[] = [];
  const client = createClient({
    url: 'http://127.0.0.1:1/graphql',
    token: () => {
      doings.push('token');
      return 'none';
    },
    storage: {
      get: () => {
        doings.push('storage');
        return null;
      },
      set: () => void doings.push('storage'),
    },
    platform: {
      fetch: () => {
        doings.push('fetch');
        return Promise.reject(new Error('no network here'));
      },
      setTimeout: () => void doings.push('timer'),
    },
  });
  expect(html(client)).toBe('0 0 idle waiting');
  expect(html(null)).toBe('0 0 idle idle');
  await Promise.resolve();
  expect(doings).toEqual([]);
  await client.close();
});
