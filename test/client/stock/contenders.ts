import { ApolloClient, gql, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { type Client, type ClientOptions, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';

import { createLifelineLink } from '../../../src/apollo/index.ts';
import { memoryStorage } from '../../../src/client/index.ts';

/** One app of one member, and everything that its user saw, in order. */
export interface Watched {
  readonly shown: readonly string[];
  /** The app was told that nothing more comes. */
  readonly ended: boolean;
  stop(): Promise<void>;
}

export interface Login {
  readonly url: string;
  readonly token: () => Promise<string>;
}

const subscription = 'subscription { coverageUpdates(accountId: "A1") { workflowId } }';
const withDelivery =
  'subscription ($after: String) { coverageUpdates(accountId: "A1", after: $after) { workflowId delivery { id cursor } } }';
const acknowledge = 'mutation ($ids: [ID!]!) { acknowledgeDeliveries(ids: $ids) { acknowledged } }';

interface Update {
  readonly coverageUpdates: { readonly workflowId: string; readonly delivery: { readonly id: string; readonly cursor: string } };
}

/** Nothing but what every app must say; everything else is as graphql-ws has it. */
function stockClient({ url, token }: Login, more: Partial<ClientOptions> = {}): Client {
  return createClient({
    url: url.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: async () => ({ authorization: `Bearer ${await token()}` }),
    ...more,
  });
}

/** By itself graphql-ws gives up after five tries, and at the first connect that fails: what it is told first of that is no close event. */
const retries: Partial<ClientOptions> = { retryAttempts: Infinity, shouldRetry: () => true };

async function dispose(client: Client): Promise<void> {
  try {
    await client.dispose();
  } catch {
    // It was still trying to connect, which just failed.
  }
}

function graphqlWs(login: Login): Watched {
  const shown: string[] = [];
  const state = { ended: false };
  const client = stockClient(login);
  client.subscribe<Update>(
    { query: subscription },
    {
      next: ({ data }) => void (data && shown.push(data.coverageUpdates.workflowId)),
      error: () => void (state.ended = true),
      complete: () => void (state.ended = true),
    },
  );
  return watched(shown, state, () => dispose(client));
}

function apolloClient(login: Login, options: Partial<ClientOptions> = {}): Watched {
  const client = stockClient(login, options);
  const apollo = new ApolloClient({ link: new GraphQLWsLink(client), cache: new InMemoryCache() });
  return watchApollo(apollo, () => dispose(client));
}

function apolloWithLink({ url, token }: Login): Watched {
  const link = createLifelineLink({ url, token, storage: memoryStorage() });
  return watchApollo(new ApolloClient({ link, cache: new InMemoryCache() }), () => link.lifeline.close());
}

function watchApollo(apollo: ApolloClient, close: () => Promise<void>): Watched {
  const shown: string[] = [];
  const state = { ended: false };
  apollo.subscribe<Update>({ query: gql(subscription) }).subscribe({
    next({ data, error }) {
      if (data) shown.push(data.coverageUpdates.workflowId);
      if (error !== undefined) state.ended = true;
    },
  });
  return watched(shown, state, async () => {
    apollo.stop();
    await close();
  });
}

/** What docs/stock-clients.md has for those who stay with graphql-ws, with the keep-alive of its second half. */
function recipe(login: Login): Watched {
  const shown: string[] = [];
  const state = { ended: false };
  let timer: NodeJS.Timeout | undefined;
  const client = stockClient(login, {
    ...retries,
    keepAlive: 5_000,
    on: {
      ping: (received) => {
        if (!received) timer = setTimeout(() => client.terminate(), 5_000);
      },
      pong: (received) => {
        if (received) clearTimeout(timer);
      },
      closed: () => clearTimeout(timer),
    },
  });
  const seen = new Set<string>();
  let after: string | null = null;
  const variables = {
    get after() {
      return after;
    },
  };
  const run = async () => {
    for await (const { data } of client.iterate<Update>({ query: withDelivery, variables })) {
      if (!data) continue;
      const { delivery, workflowId } = data.coverageUpdates;
      if (!seen.has(delivery.id)) shown.push(workflowId);
      seen.add(delivery.id);
      after = delivery.cursor;
      client.subscribe(
        { query: acknowledge, variables: { ids: [delivery.id] } },
        { next: () => undefined, error: () => undefined, complete: () => undefined },
      );
    }
    state.ended = true;
  };
  run().catch(() => (state.ended = true));
  return watched(shown, state, () => dispose(client));
}

const watched = (shown: readonly string[], state: { readonly ended: boolean }, stop: () => Promise<void>): Watched => ({
  shown,
  get ended() {
    return state.ended;
  },
  stop,
});

/** By the heads of the table's columns. */
export const contenders: Readonly<Record<string, (login: Login) => Watched>> = {
  'graphql-ws': graphqlWs,
  'Apollo Client': (login) => apolloClient(login),
  '… with retries': (login) => apolloClient(login, retries),
  'graphql-ws + recipe': recipe,
  'Apollo Client + Lifeline link': apolloWithLink,
};
