import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache, type OperationVariables } from '@apollo/client';

import { createLifelineLink, lifelineTypePolicies, type LifelineLinkOptions } from '../../src/apollo/index.ts';
import { type ClientOptions, memoryStorage } from '../../src/client/index.ts';
import { type Proxy, startProxy } from '../faults/harness/proxy.ts';
import { type Edge, eventOf, startEdge, tokenFor } from '../graphql/support.ts';

/** A gateway that can be replaced by another one over the same log, and the network in front of it. */
export interface Site {
  readonly edge: Edge;
  readonly network: Proxy;
  readonly url: string;
  /** The gateway goes, by SIGTERM's way, and the next one comes. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const portOf = ({ url }: Edge) => Number(new URL(url).port);

export async function startSite(): Promise<Site> {
  let edge = await startEdge();
  const network = await startProxy(portOf(edge));
  const gone: Edge[] = [];
  return {
    get edge() {
      return edge;
    },
    network,
    url: edge.url.replace(/:\d+/, `:${network.port}`),
    async restart() {
      const old = edge;
      gone.push(old);
      edge = await startEdge({ log: old.log });
      await old.server.stop();
      network.retarget(portOf(edge));
    },
    async stop() {
      await network.stop();
      for (const each of gone) await each.delivery.close();
      await edge.stop();
    },
  };
}

const memberToken = (forSeconds = 3_600) => tokenFor('m-1', { accounts: ['A123', 'A456'], forSeconds });

export type AppOptions = Partial<ClientOptions & LifelineLinkOptions> & { readonly behind?: ApolloLink };

/** Apollo Client 4 with the link, as an app has it. */
export function startApp(url: string, { behind, ...options }: AppOptions = {}) {
  const link = createLifelineLink({ url, token: () => memberToken(), storage: memoryStorage(), ...options });
  const http = new HttpLink({
    uri: url,
    fetch: async (input, init) => {
      const headers = new Headers(init?.headers);
      headers.set('authorization', `Bearer ${await memberToken()}`);
      return fetch(input, { ...init, headers });
    },
  });
  const apollo = new ApolloClient({
    link: ApolloLink.from([link, behind ?? http]),
    cache: new InMemoryCache({ typePolicies: lifelineTypePolicies }),
  });
  return {
    apollo,
    lifeline: link.lifeline,
    async stop() {
      apollo.stop();
      await link.lifeline.close();
    },
  };
}

export const coverage = gql`
  subscription ($account: ID!) {
    coverageUpdates(accountId: $account) {
      workflowId
      status
      coverage {
        plan
      }
    }
  }
`;

/** What an app sees of a subscription, from now on. */
export function watch(apollo: ApolloClient, query = coverage, variables: OperationVariables = { account: 'A123' }) {
  const seen: Record<string, Record<string, unknown>>[] = [];
  const errors: Error[] = [];
  const state = { completed: false };
  const subscription = apollo.subscribe<Record<string, Record<string, unknown>>>({ query, variables }).subscribe({
    next({ data, error }) {
      if (error !== undefined) errors.push(error);
      if (data !== undefined) seen.push(data);
    },
    complete: () => void (state.completed = true),
  });
  return { seen, errors, state, stop: () => subscription.unsubscribe() };
}

export const completed = (workflowId: string, more: Readonly<Record<string, string>> = {}) =>
  eventOf('rte.completed', { workflowId, ...more });
