import { createClient, type Client } from 'graphql-ws';
import { WebSocket } from 'ws';

import { eventually } from './eventually.ts';

export interface Answer<T> {
  readonly status: number;
  readonly data?: T | null;
  readonly errors?: readonly {
    readonly message: string;
    readonly extensions?: { readonly code?: string; readonly retry?: string };
  }[];
}

/** One operation over HTTP. */
export async function request<T = Record<string, never>>(
  url: string,
  token: string | null,
  query: string,
  variables: Readonly<Record<string, unknown>> = {},
): Promise<Answer<T>> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query, variables }),
  });
  return { status: response.status, ...((await response.json()) as Omit<Answer<T>, 'status'>) };
}

const commonFields = `
  __typename type channel occurredAt
  delivery { id cursor sequence attempt replayed ackRequired acknowledgedAt sentAt }`;
export const coverageFields = `${commonFields} workflowId accountId status percent coverage { plan } failure { code }`;
export const visitFields = `${commonFields} callId kind legacyName providerName joinUrl endReason extension { minutes price { amount } offerExpiresAt }`;
/** What every test asks of an event of any kind. */
const eventFields = `${commonFields} ... on CoverageUpdate { ${coverageFields} } ... on VideoVisitEvent { ${visitFields} }`;

export interface EventNode {
  readonly __typename: string;
  readonly type: string;
  readonly channel: string;
  readonly delivery: {
    readonly id: string;
    readonly cursor: string;
    readonly sequence: number | null;
    readonly attempt: number;
    readonly replayed: boolean;
    readonly ackRequired: boolean;
    readonly acknowledgedAt: string | null;
    readonly sentAt: string;
  };
  readonly [field: string]: unknown;
}

export const everything = `subscription ($channel: String!, $after: String) { memberEvents(channel: $channel, after: $after) { ${eventFields} } }`;
export const acknowledge = `mutation ($ids: [ID!]!) { acknowledgeDeliveries(ids: $ids) { acknowledged alreadyAcknowledged unknown } }`;
export const pending = `query ($first: Int) { pendingDeliveries(first: $first) { nodes { ${eventFields} } pageInfo { endCursor hasNextPage } } }`;

export interface GraphQLProblem {
  readonly message: string;
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** One live subscription and what came of it. */
export interface Subscribed {
  readonly events: EventNode[];
  readonly errors: GraphQLProblem[];
  readonly closeCode: number | undefined;
  readonly ended: boolean;
  /** The first `count` events, once they are there. */
  take(count: number, withinMs?: number): Promise<EventNode[]>;
  stop(): void;
}

export interface SubscribeOptions {
  readonly query?: string;
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly after?: string | null;
  readonly channel?: string;
  /** Acknowledge each event over the same socket as soon as it is there. */
  readonly acknowledge?: boolean;
}

/** Subscribes with the stock graphql-ws client; without retries, so that a test sees how its connection ended. */
export function subscribe(wsUrl: string, token: string, member: string, options: SubscribeOptions = {}): Subscribed {
  const { query = everything, after = null, channel = `/member/${member}/**` } = options;
  let closeCode: number | undefined;
  const client = createClient({
    url: wsUrl,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    connectionParams: { authorization: `Bearer ${token}` },
    on: { closed: (event) => (closeCode = (event as { code: number }).code) },
  });
  const subscribed = { events: [] as EventNode[], errors: [] as GraphQLProblem[], ended: false };
  const unsubscribe = client.subscribe<Record<string, EventNode>>(
    { query, variables: { channel, after, ...options.variables } },
    {
      next(result) {
        subscribed.errors.push(...(result.errors ?? []));
        const [event] = Object.values(result.data ?? {});
        if (event === undefined || event === null) return;
        subscribed.events.push(event);
        if (options.acknowledge === true && event.delivery.ackRequired) void mutate(client, event.delivery.id);
      },
      error(error) {
        if (Array.isArray(error)) subscribed.errors.push(...(error as GraphQLProblem[])); // the protocol's error message

        subscribed.ended = true;
      },
      complete: () => (subscribed.ended = true),
    },
  );
  return {
    ...subscribed,
    get ended() {
      return subscribed.ended;
    },
    get closeCode() {
      return closeCode;
    },
    take: (count, withinMs) => take(subscribed.events, count, withinMs),
    stop() {
      unsubscribe();
      void client.dispose();
    },
  };
}

const mutate = (client: Client, id: string) =>
  new Promise<void>((resolve) => {
    // A connection that ends meanwhile leaves the event pending, which is what the tests look at.
    client.subscribe(
      { query: acknowledge, variables: { ids: [id] } },
      { next: () => undefined, error: () => resolve(), complete: () => resolve() },
    );
  });

/** Subscribes over Server-Sent Events with fetch. */
export function subscribeSse(url: string, token: string, member: string, options: SubscribeOptions = {}): Subscribed {
  const { query = everything, after = null, channel = `/member/${member}/**` } = options;
  const abort = new AbortController();
  const state = { events: [] as EventNode[], errors: [] as GraphQLProblem[], ended: false };
  const run = async () => {
    const response = await fetch(url, {
      method: 'POST',
      signal: abort.signal,
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query, variables: { channel, after, ...options.variables } }),
    });
    let buffered = '';
    for await (const chunk of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
      buffered += chunk;
      for (let end = buffered.indexOf('\n\n'); end >= 0; end = buffered.indexOf('\n\n')) {
        const data = /^data: (.+)$/m.exec(buffered.slice(0, end))?.[1];
        buffered = buffered.slice(end + 2);
        if (data === undefined) continue;
        const result = JSON.parse(data) as { data?: Record<string, EventNode> | null; errors?: GraphQLProblem[] };
        state.errors.push(...(result.errors ?? []));
        const [event] = Object.values(result.data ?? {});
        if (event !== undefined && event !== null) state.events.push(event);
      }
    }
  };
  void run()
    .catch(() => undefined) // aborted, or cut: `ended` tells
    .finally(() => (state.ended = true));
  return {
    ...state,
    get ended() {
      return state.ended;
    },
    closeCode: undefined,
    take: (count, withinMs) => take(state.events, count, withinMs),
    stop: () => abort.abort(),
  };
}

async function take(events: readonly EventNode[], count: number, withinMs = 30_000): Promise<EventNode[]> {
  await eventually(() => events.length >= count, { withinMs, what: `${count} events (of which ${events.length} when asked)` });
  return events.slice(0, count);
}
