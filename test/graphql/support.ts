import { createClient, type Client, type ClientOptions } from 'graphql-ws';
import { WebSocket } from 'ws';

import { createDevTokens, createVerifier } from '../../src/auth/token.ts';
import type { DeliveryService } from '../../src/delivery/delivery.ts';
import { createDelivery } from '../../src/delivery/service.ts';
import { catalogue, domains, type EventType } from '../../src/event/catalogue.ts';
import { channelOf } from '../../src/event/channel.ts';
import { deliveryId, type JsonObject, type MemberEvent } from '../../src/event/event.ts';
import { createServer, type ServerOptions } from '../../src/graphql/server.ts';
import { createMemoryLog } from '../../src/log/memory.ts';
import type { EventLog } from '../../src/log/log.ts';
import type { Logger } from '../../src/operations/logger.ts';
import { createMetrics } from '../../src/operations/metrics.ts';
import { createAppender } from '../support/entries.ts';
import { examplePayloads } from '../support/events.ts';

export const tokenSecret = 'a secret of the tests that is long enough for HS256';
export const cursorSecret = 'a secret of the tests that is long enough to sign cursors';

export interface EdgeOptions extends Partial<Omit<ServerOptions, 'delivery'>> {
  /** Puts something between the edge and its delivery, to break it on purpose. */
  readonly around?: (delivery: DeliveryService) => DeliveryService;
  /** The log of an earlier edge, as Redis would outlive a gateway. */
  readonly log?: EventLog;
}

/** The edge as the product runs it, on a free port, over a memory log and a real verifier; everything it started ends with `stop`. */
export async function startEdge({ around = (delivery) => delivery, log = createMemoryLog(), ...overrides }: EdgeOptions = {}) {
  const metrics = createMetrics();
  const logged: { fields: object; message: string }[] = [];
  const logger = recordingLogger(logged);
  const delivery = createDelivery({ log, metrics, logger });
  const verifier = createVerifier({ source: { kind: 'secret', secret: tokenSecret }, logger });
  const append = await createAppender(log);
  const server = await createServer({
    host: '127.0.0.1',
    port: 0,
    delivery: around(delivery),
    authenticate: (token) => verifier.verify(token),
    cursorSecret,
    corsOrigins: [],
    introspection: true,
    graphiql: false,
    health: () => ({ ready: true, checks: {} }),
    metrics,
    logger,
    admission: { maxConnections: null, maxConnectionsPerAddress: null, trustedProxies: 0 },
    ...overrides,
  });
  const clients: Client[] = [];
  const origin = new URL(server.url).origin;

  return {
    ...server,
    server,
    origin,
    append,
    log,
    delivery,
    metrics,
    logged,
    /** A stock client over WebSocket. */
    client(token: string | null, more: Partial<ClientOptions> = {}) {
      const client = createClient({
        url: server.url.replace('http', 'ws'),
        webSocketImpl: WebSocket,
        retryAttempts: 0,
        ...(token === null ? {} : { connectionParams: { authorization: `Bearer ${token}` } }),
        onNonLazyError: () => {},
        ...more,
      });
      clients.push(client);
      return client;
    },
    /** One query or mutation over HTTP. */
    async post(query: string, { token, variables, headers = {} }: PostOptions = {}) {
      const response = await fetch(server.url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...headers,
        },
        body: JSON.stringify({ query, ...(variables === undefined ? {} : { variables }) }),
      });
      return { status: response.status, response, ...((await response.json()) as Answer) };
    },
    /** A subscription over Server-Sent Events. */
    sse(
      query: string,
      token: string | null,
      { signal, headers = {} }: { signal?: AbortSignal; headers?: Record<string, string> } = {},
    ) {
      return openEventStream(server.url, { query }, token, headers, signal);
    },
    async metric(name: string): Promise<number> {
      const values = (await metrics.registry.getSingleMetric(name)?.get())?.values ?? [];
      return values.reduce((sum, { value }) => sum + value, 0);
    },
    async stop() {
      for (const client of clients) await client.dispose();
      await server.stop();
      await delivery.close();
      await log.close();
      await verifier.close();
    },
  };
}

export type Edge = Awaited<ReturnType<typeof startEdge>>;

interface PostOptions {
  readonly token?: string;
  readonly variables?: object;
  readonly headers?: Record<string, string>;
}

// What comes back is whatever was asked for: a test reads it as it expects it.
// oxlint-disable-next-line typescript/no-explicit-any
export type Answer = { data?: any; errors?: { message: string; path?: string[]; extensions: Record<string, unknown> }[] };

/** A token for the member, good for an hour. */
export function tokenFor(
  member: string,
  { accounts = null, forSeconds = 3_600 }: { accounts?: string[] | null; forSeconds?: number } = {},
) {
  return createDevTokens(tokenSecret).issue({ member, accounts, ttlSeconds: forSeconds });
}

let made = 0;

/** An event as the bridge would hand it to the log, unlike any other. */
export function eventOf(type: EventType, { member = 'm-1', ...data }: { member?: string } & JsonObject = {}): MemberEvent {
  const { expiresAfterMs, domain } = catalogue[type];
  const payload: JsonObject = { ...examplePayloads[type], ...data };
  const attributes = { id: `edge-${String(made++)}`, source: '/test', type, subject: member };
  return {
    id: deliveryId(attributes.source, attributes.id),
    type,
    member,
    channel: channelOf(type, member, idOf(payload[domains[domain].idField])),
    occurredAt: Date.now(),
    expiresAt: expiresAfterMs === null ? null : Date.now() + expiresAfterMs,
    accountId: typeof payload['accountId'] === 'string' ? payload['accountId'] : null,
    data: payload,
    attributes,
    origin: { topic: 'test', partition: 0, offset: 0, timestamp: Date.now() },
  };
}

function idOf(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('an example payload without its id');
  return value;
}

function recordingLogger(lines: { fields: object; message: string }[]): Logger {
  const write = (fields: object, message: string) => void lines.push({ fields, message });
  const logger: Logger = { debug: write, info: write, warn: write, error: write, child: () => logger };
  return logger;
}

export interface EventStream {
  readonly status: number;
  readonly contentType: string | null;
  /** The next result, or null once the stream has sent `complete`. */
  next(): Promise<Answer | null>;
  /** Hangs up. */
  close(): void;
}

async function openEventStream(
  url: string,
  body: object,
  token: string | null,
  headers: Record<string, string>,
  signal: AbortSignal | undefined,
): Promise<EventStream> {
  const abort = new AbortController();
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    body: JSON.stringify(body),
    signal: signal === undefined ? abort.signal : AbortSignal.any([signal, abort.signal]),
  });
  const reader = (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  const next = async (): Promise<Answer | null> => {
    for (;;) {
      const end = text.indexOf('\n\n');
      if (end >= 0) {
        const event = text.slice(0, end);
        text = text.slice(end + 2);
        if (event.startsWith('event: complete')) return null;
        const data = /^data: (.*)$/m.exec(event)?.[1];
        if (data !== undefined) return JSON.parse(data) as Answer;
      } else {
        const { done, value } = await reader.read();
        if (done) throw new Error(`the stream broke off: ${text}`);
        text += value;
      }
    }
  };
  return { status: response.status, contentType: response.headers.get('content-type'), next, close: () => abort.abort() };
}
