import { ApolloClient, gql, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { afterEach, expect, test } from 'vitest';

import { eventually } from '../support/eventually.ts';
import { eventOf, startEdge, tokenFor, type Edge } from './support.ts';

let edge: Edge;
afterEach(() => edge.stop());

test('Apollo Client receives what is pending and what is live, acknowledges, and goes without a trace', async () => {
  edge = await startEdge();
  const apollo = new ApolloClient({
    link: new GraphQLWsLink(edge.client(await tokenFor('m-1', { accounts: ['A123'] }))),
    cache: new InMemoryCache(),
  });
  await edge.append(eventOf('rte.completed'));
  const results: unknown[] = [];
  const subscription = apollo
    .subscribe({
      query: gql`
        subscription {
          coverageUpdates(accountId: "A123") {
            workflowId
            status
            coverage {
              plan
            }
          }
        }
      `,
    })
    .subscribe(({ data, error }) => results.push(error ?? data));
  await eventually(() => results.length === 1, { what: 'the pending result' });
  await edge.append(eventOf('rte.failed'));
  await eventually(() => results.length === 2, { what: 'the live result' });
  expect(results).toMatchObject([
    { coverageUpdates: { workflowId: 'wf-456', status: 'COMPLETED', coverage: { plan: 'PPO Gold 1500' } } },
    { coverageUpdates: { workflowId: 'wf-457', status: 'FAILED', coverage: null } },
  ]);
  subscription.unsubscribe();
  await eventually(async () => (await edge.metric('lifeline_listeners')) === 0, { what: 'released' });

  const { data } = await apollo.query({
    query: gql('{ pendingDeliveries { nodes { delivery { id } } } }'),
    fetchPolicy: 'no-cache',
  });
  const ids = (data as { pendingDeliveries: { nodes: { delivery: { id: string } }[] } }).pendingDeliveries.nodes.map(
    ({ delivery }) => delivery.id,
  );
  const acknowledged = await apollo.mutate({
    mutation: gql('mutation ($ids: [ID!]!) { acknowledgeDeliveries(ids: $ids) { acknowledged } }'),
    variables: { ids },
  });
  expect(acknowledged.data).toMatchObject({ acknowledgeDeliveries: { acknowledged: ids } });
  apollo.stop();
});
