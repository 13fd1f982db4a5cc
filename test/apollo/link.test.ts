import { ApolloLink, CombinedGraphQLErrors, gql, Observable } from '@apollo/client';
import { print } from 'graphql';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { eventOf, tokenFor } from '../graphql/support.ts';
import { eventually } from '../support/eventually.ts';
import { type AppOptions, completed, coverage, startApp, startSite, type Site, watch } from './app.ts';

let site: Site;
const apps: { stop(): Promise<void> }[] = [];
const start = (options?: AppOptions) => {
  const app = startApp(site.url, options);
  apps.push(app);
  return app;
};
beforeEach(async () => {
  site = await startSite();
});
afterEach(async () => {
  for (const app of apps.splice(0)) await app.stop();
  await site.stop();
});

const shown = (workflowId: string) => ({
  coverageUpdates: {
    __typename: 'CoverageUpdate',
    workflowId,
    status: 'COMPLETED',
    coverage: { __typename: 'Coverage', plan: 'PPO Gold 1500' },
  },
});
const active = () => site.edge.metric('lifeline_subscriptions_active');
const nothingPending = async () => {
  const { data } = await site.edge.post('{ pendingDeliveries { nodes { delivery { id } } } }', { token: await tokenFor('m-1') });
  return (data as { pendingDeliveries: { nodes: object[] } }).pendingDeliveries.nodes.length === 0;
};

describe('a plain subscription through the link', () => {
  test('shows exactly what the app asks for, each event once, and acknowledges it', async () => {
    await site.edge.append(completed('wf-1'));
    const { seen, stop } = watch(start().apollo);
    await eventually(() => seen.length === 1);
    await site.edge.append(completed('wf-2'));
    await eventually(() => seen.length === 2);
    expect(seen).toEqual([shown('wf-1'), shown('wf-2')]);
    await eventually(nothingPending, { what: 'acknowledged' });
    stop();
    await eventually(async () => (await active()) === 0, { what: 'released' });
  });

  test('goes on after a cut and a restart of the server, with what came meanwhile, in order and once', async () => {
    const { seen } = watch(start().apollo);
    await eventually(async () => (await active()) === 1);
    await site.edge.append(completed('wf-1'));
    await eventually(() => seen.length === 1);
    site.network.set({ do: 'refuse' });
    await site.edge.append(completed('wf-2'));
    site.network.set({ do: 'pass' });
    await eventually(() => seen.length === 2, { what: 'after the cut' });
    await site.restart();
    await site.edge.append(completed('wf-3'));
    await eventually(() => seen.length === 3, { what: 'after the restart' });
    await eventually(nothingPending, { what: 'acknowledged' });
    expect(seen).toEqual([shown('wf-1'), shown('wf-2'), shown('wf-3')]);
  });

  test('is fed by queries of the same document where nothing can be pushed', async () => {
    await site.edge.append(completed('wf-1'));
    const { apollo, lifeline } = start({ transports: ['POLLING'] });
    const { seen } = watch(
      apollo,
      gql`
        subscription Mine($account: ID!) {
          mine: coverageUpdates(accountId: $account) {
            ...Parts
            delivery {
              at: sentAt
            }
          }
        }
        fragment Parts on CoverageUpdate {
          type: status
          workflowId
        }
      `,
    );
    await eventually(() => seen.length === 1);
    expect(lifeline.status.get().transport).toBe('POLLING');
    expect(seen[0]).toEqual({
      mine: {
        __typename: 'CoverageUpdate',
        type: 'COMPLETED',
        workflowId: 'wf-1',
        delivery: { __typename: 'Delivery', at: expect.any(String) as string },
      },
    });
    await eventually(nothingPending, { what: 'acknowledged' });
  });

  test('starts behind an `after` that the app gives', async () => {
    await site.edge.append(completed('wf-1'), completed('wf-2'));
    const token = await tokenFor('m-1');
    const { data } = await site.edge.post('{ coverageUpdates(accountId: "A123") { nodes { delivery { id cursor } } } }', { token });
    const [first, second] = (data as { coverageUpdates: { nodes: { delivery: { id: string; cursor: string } }[] } }).coverageUpdates
      .nodes;
    // Both are closed: only the cursor can bring the second one.
    await site.edge.post('mutation ($ids: [ID!]!) { acknowledgeDeliveries(ids: $ids) { acknowledged } }', {
      token,
      variables: { ids: [first?.delivery.id, second?.delivery.id] },
    });
    const { seen } = watch(
      start().apollo,
      gql`
        subscription ($cursor: String) {
          coverageUpdates(accountId: "A123", after: $cursor) {
            workflowId
          }
        }
      `,
      { cursor: first?.delivery.cursor },
    );
    await eventually(() => seen.length === 1);
    expect(seen[0]).toMatchObject({ coverageUpdates: { workflowId: 'wf-2' } });
  });

  test('writes to the normalised cache, so that views which have queried a check see it change', async () => {
    await site.edge.append(eventOf('rte.progress', { workflowId: 'wf-1', percent: 40 }));
    const { apollo } = start();
    const query = gql`
      query {
        coverageUpdate(workflowId: "wf-1") {
          workflowId
          status
        }
      }
    `;
    const statuses: unknown[] = [];
    const view = apollo.watchQuery<{ coverageUpdate: { status: string } | null }>({ query }).subscribe(({ data }) => {
      const status = data?.coverageUpdate?.status;
      if (status !== undefined) statuses.push(status);
    });
    await eventually(() => statuses.length === 1);
    watch(apollo);
    await eventually(async () => (await active()) === 1);
    await site.edge.append(completed('wf-1'));
    await eventually(() => statuses.length === 2);
    expect(statuses).toEqual(['PROCESSING', 'COMPLETED']);
    expect(apollo.cache.extract()).toHaveProperty(['CoverageUpdate:{"workflowId":"wf-1"}']);
    view.unsubscribe();
  });

  test('two views of the same subscription share one stream, and each gets every event', async () => {
    const { apollo } = start();
    const [one, other] = [watch(apollo), watch(apollo)];
    await eventually(async () => (await active()) === 1);
    await site.edge.append(completed('wf-1'));
    await eventually(() => one.seen.length === 1 && other.seen.length === 1);
    one.stop();
    await site.edge.append(completed('wf-2'));
    await eventually(() => other.seen.length === 2);
    expect(one.seen).toHaveLength(1);
    expect(await active()).toBe(1);
  });
});

describe('acknowledging', () => {
  test('by hand leaves an event pending until the app says so', async () => {
    await site.edge.append(completed('wf-1'));
    const { apollo, lifeline } = start({ acknowledge: 'manual' });
    const { seen } = watch(
      apollo,
      gql`
        subscription {
          coverageUpdates(accountId: "A123") {
            delivery {
              id
            }
          }
        }
      `,
      {},
    );
    await eventually(() => seen.length === 1);
    // The server sent it again, and it was not shown again: then surely nobody acknowledged the first copy.
    await eventually(async () => (await site.edge.metric('lifeline_redeliveries_total')) >= 1, { what: 'a repeat' });
    expect(seen).toHaveLength(1);
    expect(await nothingPending()).toBe(false);
    const { id } = (seen[0] as { coverageUpdates: { delivery: { id: string } } }).coverageUpdates.delivery;
    await lifeline.acknowledge([id]);
    expect(await nothingPending()).toBe(true);
  });

  test('does not happen for an event in whose middle the app left: the next subscription gets it', async () => {
    await site.edge.append(completed('wf-1'));
    const { apollo } = start();
    const seen: unknown[] = [];
    const subscription = apollo.subscribe({ query: coverage, variables: { account: 'A123' } }).subscribe(({ data }) => {
      seen.push(data);
      subscription.unsubscribe();
    });
    await eventually(() => seen.length === 1);
    await eventually(async () => (await active()) === 0);
    // The same stream: had it been handled, it would not be shown again.
    const next = watch(apollo);
    await eventually(() => next.seen.length === 1);
    await eventually(nothingPending, { what: 'acknowledged' });
  });
});

describe('errors', () => {
  test('that end a subscription are its last result, as they are without the link', async () => {
    const { apollo } = start();
    const { errors, state, seen } = watch(apollo, undefined, { account: 'not-mine' });
    await eventually(() => state.completed);
    expect(seen).toEqual([]);
    expect(errors).toHaveLength(1);
    const [error] = errors;
    expect(CombinedGraphQLErrors.is(error) && error.errors[0]).toMatchObject({
      extensions: { code: 'FORBIDDEN', retry: 'never' },
    });
  });

  test('that pass are told to whoever wants to know, and do not end it', async () => {
    const told: string[] = [];
    const { apollo } = start({ onError: (error) => told.push(error.retry) });
    const { seen, errors, state } = watch(apollo);
    await eventually(async () => (await active()) === 1);
    await site.edge.server.stop();
    await site.restart();
    await site.edge.append(completed('wf-1'));
    await eventually(() => seen.length === 1);
    expect(errors).toEqual([]);
    expect(state.completed).toBe(false);
    expect(told).not.toContain('never');
  });

  test('a client that is closed ends its subscriptions without one', async () => {
    const { apollo, lifeline } = start();
    const { errors, state } = watch(apollo);
    await eventually(async () => (await active()) === 1);
    await lifeline.close();
    await eventually(() => state.completed);
    expect(errors).toEqual([]);
    await eventually(async () => (await active()) === 0);
  });
});

test('what is not Lifeline’s passes to the next link as it was', async () => {
  const passed: string[] = [];
  const behind = new ApolloLink((operation) => {
    passed.push(print(operation.query));
    return new Observable((observer) => {
      observer.next({ data: { newsFlashes: { title: 'Rain' } } });
      observer.complete();
    });
  });
  const { apollo } = start({ behind });
  const query = gql`
    subscription {
      newsFlashes {
        title
      }
    }
  `;
  const { seen, state } = watch(apollo, query, {});
  await eventually(() => state.completed);
  expect(seen).toEqual([{ newsFlashes: { title: 'Rain' } }]);
  expect(passed).toEqual([print(apollo.documentTransform.transformDocument(query))]);
});
