import { type Client, type ClientOptions, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';

import { eventually } from '../../support/eventually.ts';
import { acknowledge, type EventNode, everything, type GraphQLProblem } from '../../support/graphql.ts';
import { tokenFor } from '../../support/lifeline.ts';

export interface Copy extends EventNode {
  /** When the app had it, ms since the epoch. */
  readonly at: number;
}

export interface Stream {
  readonly copies: readonly Copy[];
  readonly errors: readonly GraphQLProblem[];
  /** Nothing will come any more: with an error that the client does not retry, or as the server said. */
  readonly end: 'none' | 'complete' | 'error';
  readonly ids: ReadonlySet<string>;
  /** Waits for so many different events. */
  have(count: number, withinMs?: number): Promise<void>;
  stop(): void;
}

/** One app: the stock graphql-ws client with all its operations on one socket. */
export interface App {
  readonly closeCodes: readonly number[];
  /** Instants at which the server had accepted a connection, ms since the epoch. */
  readonly connectedAt: readonly number[];
  subscribe(member: string, options?: StreamOptions): Stream;
  /** Rejects with what the server said, where it said anything but data. */
  run<T>(query: string, variables?: Readonly<Record<string, unknown>>): Promise<T>;
  acknowledge(ids: Iterable<string>): Promise<Acknowledged>;
  close(): void;
}

export interface StreamOptions {
  /** Everything of the member, unless given. */
  readonly channel?: string;
  readonly after?: string | null;
  /** Each critical copy as soon as it is there; what goes wrong with it is not told, the event comes again. */
  readonly acknowledges?: boolean;
}

export interface Acknowledged {
  readonly acknowledged: readonly string[];
  readonly alreadyAcknowledged: readonly string[];
  readonly unknown: readonly string[];
}

/** @param options of the stock client; it tries nothing again unless they say so */
export function openApp(
  url: string,
  member: string,
  { token = () => tokenFor(member), ...options }: Partial<ClientOptions> & { readonly token?: () => Promise<string> } = {},
): App {
  const closeCodes: number[] = [];
  const connectedAt: number[] = [];
  const client = createClient({
    url,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    lazy: true,
    connectionParams: async () => ({ authorization: `Bearer ${await token()}` }),
    on: {
      connected: () => void connectedAt.push(Date.now()),
      closed: (event) => void closeCodes.push((event as { code: number }).code),
    },
    ...options,
  });
  const run = <T>(query: string, variables: Readonly<Record<string, unknown>> = {}) => once<T>(client, query, variables);
  const close = async (ids: Iterable<string>) =>
    (await run<{ acknowledgeDeliveries: Acknowledged }>(acknowledge, { ids: [...ids] })).acknowledgeDeliveries;
  return {
    closeCodes,
    connectedAt,
    subscribe: (of, { channel = `/member/${of}/**`, after = null, acknowledges = false } = {}) =>
      subscribe(client, { channel, after }, ({ delivery }) => {
        if (acknowledges && delivery.ackRequired) close([delivery.id]).catch(() => undefined);
      }),
    run,
    acknowledge: close,
    close: () => void client.dispose(),
  };
}

function subscribe(client: Client, variables: { channel: string; after: string | null }, onCopy: (copy: Copy) => void): Stream {
  const copies: Copy[] = [];
  const errors: GraphQLProblem[] = [];
  const ids = new Set<string>();
  let end: Stream['end'] = 'none';
  const stop = client.subscribe<{ memberEvents: EventNode }>(
    { query: everything, variables },
    {
      next({ data, errors: problems = [] }) {
        errors.push(...problems);
        const event = data?.memberEvents;
        if (event === undefined || event === null) return;
        const copy = { ...event, at: Date.now() };
        copies.push(copy);
        ids.add(event.delivery.id);
        onCopy(copy);
      },
      error(error) {
        if (Array.isArray(error)) errors.push(...(error as GraphQLProblem[])); // the protocol's error message
        end = 'error';
      },
      complete: () => (end = 'complete'),
    },
  );
  return {
    copies,
    errors,
    ids,
    get end() {
      return end;
    },
    have: async (count, withinMs = 30_000) => {
      await eventually(() => ids.size >= count, { withinMs, what: `${count} events` });
    },
    stop,
  };
}

function once<T>(client: Client, query: string, variables: Readonly<Record<string, unknown>>): Promise<T> {
  return new Promise((resolve, reject) => {
    client.subscribe<T>(
      { query, variables },
      {
        next({ data, errors }) {
          if (data === undefined || data === null || errors !== undefined) reject(new Error(JSON.stringify(errors)));
          else resolve(data);
        },
        error: (error) => reject(error instanceof Error ? error : new Error(JSON.stringify(error))),
        complete: () => reject(new Error('The operation ended without a result.')),
      },
    );
  });
}
