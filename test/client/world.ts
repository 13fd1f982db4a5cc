import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';

import { vi } from 'vitest';

import {
  createClient,
  type ClientError,
  type ClientOptions,
  type EnvironmentSignal,
  type LifelineClient,
  memoryStorage,
  type Storage,
  type Trace,
} from '../../src/client/index.ts';
import type { MemberEvent } from '../../src/event/event.ts';
import { type EventType } from '../../src/event/catalogue.ts';
import type { EventLog } from '../../src/log/log.ts';
import { createMemoryLog } from '../../src/log/memory.ts';
import type { Logger } from '../../src/operations/logger.ts';
import { createVerifier } from '../../src/auth/token.ts';
import { startProxy } from '../faults/harness/proxy.ts';
import { type EdgeOptions, eventOf, startEdge, tokenFor, tokenSecret } from '../graphql/support.ts';

/** How far time goes between two looks at the network: about what a round trip on a mobile network takes. */
const stepMs = 50;
/** In a step, sockets are looked at this often: a round trip to our own machine takes two or three looks. */
const looks = 4;
/** What may stay open from step to step. Anything else is work that the machine has not done yet (a signature, a connect), and time waits for it. */
const lasting = new Set([
  'TCPSocketWrap',
  'TCPServerWrap',
  'PipeWrap',
  'TTYWrap',
  'Timeout',
  'Immediate',
  'MessagePort',
  'ProcessWrap',
]);
const mostLooks = 2_000;

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};

/**
 * The real edge and the real library in one process, over real sockets and a broken network, in a time that a test moves: every timer of
 * both sides is in it, so half an hour takes seconds.
 */
export async function startWorld({
  random = Math.random,
  edge: edgeOptions = {},
  library = createClient,
}: {
  random?: () => number;
  edge?: EdgeOptions;
  /** In the place of ours, to see that a test notices. */
  library?: typeof createClient;
} = {}) {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'] });
  let log: EventLog = createMemoryLog();
  const member = 'm-1';
  const strangers = new Map<string, Server>();
  const devices = new Set<Device>();
  const requests: { readonly at: number; readonly text: string }[] = [];

  /** Signatures are made and checked on other threads: time stands still meanwhile, however busy the machine is. */
  let signing = 0;
  const signed = async <T>(work: Promise<T>): Promise<T> => {
    signing++;
    try {
      return await work;
    } finally {
      signing--;
    }
  };
  const open = async (more: EdgeOptions = {}) => {
    const verifier = createVerifier({ source: { kind: 'secret', secret: tokenSecret }, logger: silent });
    return startEdge({ ...edgeOptions, ...more, log, authenticate: (token) => signed(verifier.verify(token)) });
  };
  let edge = await open();
  let port = edge.server.port;
  const proxy = await startProxy(port);

  const look = async () => {
    for (let index = 0; index < looks; index++) await turn();
    while (signing > 0) await turn();
    for (let index = 0; index < mostLooks && process.getActiveResourcesInfo().some((kind) => !lasting.has(kind)); index++) {
      await turn();
    }
  };
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += stepMs) {
      vi.advanceTimersByTime(Math.min(stepMs, ms - passed));
      await look();
    }
  };
  /** Lets time go on until it holds. */
  const until = async (condition: () => boolean | Promise<boolean>, what: string, withinMs = 60_000) => {
    const startedAt = Date.now();
    for (;;) {
      if (await condition()) return Date.now() - startedAt;
      if (Date.now() - startedAt > withinMs) {
        const states = [...devices].map(({ client }) => JSON.stringify(client.status.get()));
        throw new Error(`${what}: not within ${String(withinMs)} ms; ${states.join(' ')}`);
      }
      await pass(stepMs);
    }
  };
  /** Time goes on while the work is being done. */
  const during = async <T>(work: Promise<T>): Promise<T> => {
    let over = false;
    const done = work.finally(() => (over = true));
    done.catch(() => undefined); // thrown below
    while (!over) await pass(stepMs);
    return done;
  };

  /** Somebody else who answers at Lifeline's address. */
  const stranger = async (status: number, body: string): Promise<number> => {
    const existing = strangers.get(`${String(status)}${body}`);
    const server =
      existing ?? createServer((_request, response) => response.writeHead(status, { 'content-type': 'text/html' }).end(body));
    if (existing === undefined) {
      server.on('upgrade', (_request, socket) => socket.end(`HTTP/1.1 ${String(status)} No\r\ncontent-length: 0\r\n\r\n`));
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      strangers.set(`${String(status)}${body}`, server);
    }
    return (server.address() as AddressInfo).port; // a TCP server that listens has one
  };

  const device = (options: DeviceOptions = {}): Device => {
    let tell: (signal: EnvironmentSignal) => void = () => undefined;
    let skewMs = 0;
    let asleep: (() => void)[] | null = null;
    const handed: Handed[] = [];
    const traces: Trace[] = [];
    const errors: ClientError[] = [];
    const tokens = { asked: 0, ttlSeconds: 3_600 };
    const { handle = () => undefined, storage = memoryStorage(), tab = '', ...rest } = options;
    const client = library({
      url: `http://127.0.0.1:${String(proxy.port)}/graphql`,
      token: () => {
        tokens.asked++;
        return signed(tokenFor(member, { forSeconds: tokens.ttlSeconds }));
      },
      storage,
      onTrace: (trace) => traces.push(trace),
      onError: (error) => errors.push(error),
      ...rest,
      platform: {
        random,
        now: () => Date.now() + skewMs,
        setTimeout: (run, ms) =>
          globalThis.setTimeout(() => {
            if (asleep === null) run();
            else asleep.push(run);
          }, ms),
        watchEnvironment: (listener) => {
          tell = listener;
          return () => (tell = () => undefined);
        },
        fetch: (input, init) => {
          requests.push({ at: Date.now(), text: typeof init?.body === 'string' ? init.body : '' });
          return fetch(input, { ...init, headers: { ...(init?.headers as Record<string, string>), 'x-tab': tab } }); // the library's are plain
        },
        ...rest.platform,
      },
    });
    const made: Device = {
      client,
      handed,
      traces,
      errors,
      tokens,
      tell: (signal) => tell(signal),
      skew: (ms) => (skewMs += ms),
      sleep() {
        asleep ??= [];
      },
      awake() {
        const due = asleep ?? [];
        asleep = null;
        for (const run of due) run();
      },
      listen: (channel = `/member/${member}/**`) =>
        client.memberEvents(
          { channel },
          {
            onEvent: async (event, meta) => {
              const { id, sequence } = event.delivery;
              handed.push({ id, sequence, type: event.type, path: meta.path, at: Date.now() });
              await handle(event.type, id);
            },
            onError: (error) => errors.push(error),
          },
        ),
      count: (kind) => traces.filter((trace) => trace.kind === kind).length,
      async leave() {
        await client.close();
        devices.delete(made);
      },
    };
    devices.add(made);
    return made;
  };

  return {
    member,
    proxy,
    requests,
    device,
    pass,
    until,
    during,
    metric: (name: string) => edge.metric(name),
    /** An event enters the log. */
    async send(type: EventType, data: Record<string, string | number> = {}): Promise<MemberEvent> {
      const event = eventOf(type, { member, ...data });
      await edge.append(event);
      return event;
    },
    /** Every device is closed, the server asks them to come back, and is there again `awayMs` later; with another log it knows nothing. */
    async restart({
      awayMs = 1_000,
      forget = false,
      cursorSecret,
    }: { awayMs?: number; forget?: boolean; cursorSecret?: string } = {}) {
      await during(edge.server.stop());
      await edge.delivery.close();
      if (forget) {
        await log.close();
        log = createMemoryLog();
      }
      await pass(awayMs);
      edge = await open(cursorSecret === undefined ? {} : { cursorSecret });
      port = edge.server.port;
      proxy.retarget(port);
    },
    /** What the member has not acknowledged. */
    async pending(): Promise<number> {
      const { data } = await edge.post('{ pendingDeliveries(first: 1000) { nodes { type } } }', { token: await tokenFor(member) });
      return (data as { pendingDeliveries: { nodes: unknown[] } }).pendingDeliveries.nodes.length;
    },
    async captivePortal() {
      proxy.retarget(await stranger(200, '<html><title>Welcome to our Wi-Fi</title></html>'));
    },
    async badGateway() {
      proxy.retarget(await stranger(502, '<html>Bad Gateway</html>'));
    },
    backToLifeline() {
      proxy.set({ do: 'pass' });
      proxy.retarget(port);
    },
    async stop() {
      for (const { client } of devices) await client.close();
      await proxy.stop();
      await during(edge.stop());
      for (const server of strangers.values()) {
        server.closeAllConnections();
        server.close();
      }
      vi.useRealTimers();
    },
  };
}

export type World = Awaited<ReturnType<typeof startWorld>>;

export interface Handed {
  readonly id: string;
  readonly sequence: number | null;
  readonly type: string;
  readonly path: 'push' | 'poll';
  readonly at: number;
}

interface DeviceOptions extends Partial<ClientOptions> {
  readonly handle?: (type: string, id: string) => unknown;
  readonly storage?: Storage;
  readonly tab?: string;
}

export interface Device {
  readonly client: LifelineClient;
  /** Each time the app was handed an event. */
  readonly handed: readonly Handed[];
  readonly traces: readonly Trace[];
  readonly errors: readonly ClientError[];
  readonly tokens: { asked: number; ttlSeconds: number };
  /** The operating system says something. */
  tell(signal: EnvironmentSignal): void;
  /** Its clock is set. */
  skew(ms: number): void;
  /** Its timers stand still, as in a pocket; the network goes on. */
  sleep(): void;
  awake(): void;
  /** Subscribes to everything of the member. */
  listen(channel?: string): { close(): void; readonly closed: Promise<void> };
  count(kind: Trace['kind']): number;
  leave(): Promise<void>;
}
