import { Redis, type RedisOptions } from 'ioredis';

import { LifelineError } from '../errors.ts';
import type { Logger } from '../operations/logger.ts';
import type { Access, HostPort, RedisAddress } from '../redis-url.ts';

export type { Redis } from 'ioredis';

/** How long a call waits for a connection that is not there, ms. Together with `answerMs` the longest any call takes. */
const patienceMs = 1_000;
/** How long Redis may take for one answer, ms. */
const answerMs = 2_000;
/** A socket that owes an answer and stays silent for this long is dead, ms. */
const silenceMs = 3_000;
/** How long a server may take to say goodbye, ms. One that is frozen never does, and a process that is told to end has 10 s for everything. */
const goodbyeMs = 500;
/** How often a connection is looked at, so that a dead one is found though nobody uses it, ms. With `answerMs` less than three seconds. */
const watchMs = 750;

/** Thrown by `prepare` for what waiting will not mend. */
export class RedisRefused extends Error {
  override readonly name = 'RedisRefused';
}

/**
 * One connection that comes back by itself, for ever, with jittered back-off 0.1 → 10 s. It counts as up only after `prepare` succeeded
 * on it, so that nobody uses a Redis that has not been looked at.
 */
export interface RedisConnection {
  /** Use it only behind `usable`. */
  readonly redis: Redis;
  /** Settles at once while up. @throws LifelineError UNAVAILABLE after at most a second */
  usable(): Promise<void>;
  /** Why it is not up; null while it is. */
  failure(): string | null;
  /** The first time up. Rejects with RedisRefused, and only with that. */
  readonly ready: Promise<void>;
  close(): Promise<void>;
}

/** What a connection leads to: a server, whatever primary the Sentinels name, or one node of a Cluster. */
export type RedisServer = Exclude<RedisAddress, { kind: 'cluster' }> | ({ readonly kind: 'node' } & HostPort & Access);

export interface RedisConnectionParts {
  /** Runs on every new connection before anything else uses it. */
  prepare: (redis: Redis) => Promise<void>;
  /** Asked every `watchMs`: rejects when the connection must not be used any more. */
  watch: (redis: Redis) => Promise<unknown>;
  /** PEM of the authority that signed the server's certificate, where it is not a public one; only for TLS. */
  tlsCa?: string | undefined;
  log: Logger;
  /** Which one it is, for the log, where there are several. */
  node?: string | undefined;
  options?: Pick<RedisOptions, 'enableAutoPipelining'>;
}

export function createRedisConnection(
  server: RedisServer,
  { prepare, watch, tlsCa, log, node, options = {} }: RedisConnectionParts,
): RedisConnection {
  // Behind Sentinel the next attempt asks who is the primary now, and the answer changes within seconds: no reason to wait for long.
  const longestWait = server.kind === 'sentinel' ? 1_000 : 10_000;
  const redis = openRedis(server, tlsCa, {
    ...options,
    // A command of before the break may have been executed: only its caller knows whether it may be sent again. 0 retries: what is in
    // flight when the connection breaks rejects at once (otherwise ioredis keeps it for the next connection, or lets it hang).
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    // Rejects unhandled when it fails; the doorbell subscribes again by itself.
    autoResubscribe: false,
    connectTimeout: silenceMs,
    commandTimeout: answerMs,
    socketTimeout: silenceMs,
    disconnectTimeout: goodbyeMs,
    retryStrategy: (attempt) => Math.min(longestWait, 100 * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random() / 2),
    // A primary that was demoted keeps its connections and refuses writes.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  });

  const which = node === undefined ? {} : { node };
  let state: 'down' | 'up' | 'closed' = 'down';
  let reason = 'connecting';
  let sentinelReason: string | undefined;
  let refused: RedisRefused | undefined;
  let downSince = performance.now();
  let reported: string | undefined;
  let preparing = false;
  let up = Promise.withResolvers<void>();
  const ready = Promise.withResolvers<void>();
  ready.promise.catch(() => {}); // nobody has to wait for it

  const isReady = () => redis.status === 'ready';

  const goDown = (why: string) => {
    if (state === 'closed') return;
    if (state === 'up') {
      up = Promise.withResolvers<void>();
      downSince = performance.now();
    }
    state = 'down';
    reason = why;
    // One line per change of state: the reasons of further attempts are not news, a refusal is.
    const news = refused === undefined ? 'down' : refused.message;
    if (reported !== news) log.warn({ reason, ...which }, refused === undefined ? 'Redis does not answer' : 'Redis refused');
    reported = news;
  };

  const failPrepared = (error: unknown) => {
    refused = error instanceof RedisRefused ? error : undefined;
    goDown(error instanceof Error ? error.message : String(error));
    if (refused) ready.reject(refused);
  };

  const tryPrepare = async () => {
    if (preparing || state !== 'down') return;
    preparing = true;
    try {
      await prepare(redis);
      // The connection may have broken and come back meanwhile: then what was prepared is another one, and 'ready' asked in vain.
      if (!isReady() || state !== 'down') return;
      refused = undefined;
      state = 'up';
      up.resolve();
      ready.resolve();
      if (reported !== 'up') log.info(which, 'Redis answers');
      reported = 'up';
    } catch (error) {
      failPrepared(error);
    } finally {
      preparing = false;
    }
  };

  redis.on('error', (error: NodeJS.ErrnoException) => {
    // A name with several addresses fails with an AggregateError, whose message is empty.
    if (state === 'down' && refused === undefined) reason = sentinelReason ?? (error.message || (error.code ?? 'no connection'));
    if (state === 'down') goDown(reason);
  });
  // ioredis only tells here what a Sentinel had to say; its 'error' says that no Sentinel could be reached, which need not be so.
  redis.on('sentinelError', (error: Error) => {
    sentinelReason = /invalid reply|No such master/.test(error.message)
      ? 'the Sentinels do not know a primary of this name'
      : `no Sentinel can be asked: ${error.message}`;
  });
  redis.on('close', () => goDown(state === 'up' ? 'connection lost' : reason));
  redis.on('ready', () => {
    sentinelReason = undefined;
    void tryPrepare();
  });

  const watcher = setInterval(() => {
    // A silent socket is destroyed by ioredis, because the question leaves an answer owing.
    if (state === 'up') {
      watch(redis).catch((error: unknown) => {
        failPrepared(error);
        // What is wrong with this server need not be wrong with the one that a new connection leads to: no reason to wait for the next look.
        if (refused === undefined && isReady()) redis.disconnect(true);
      });
    } else if (isReady() && refused !== undefined) void tryPrepare();
    // Whatever was not as it should be, another connection may find otherwise (a name that points at the next primary).
    else if (isReady() && !preparing) redis.disconnect(true);
  }, watchMs);
  watcher.unref();

  return {
    redis,
    ready: ready.promise,
    failure: () => (state === 'up' ? null : state === 'closed' ? 'The log is closed.' : `Redis cannot be used: ${reason}`),
    async usable() {
      if (state === 'up') return;
      const left = patienceMs - (performance.now() - downSince);
      if (state === 'down' && left > 0) {
        const timeout = Promise.withResolvers<void>();
        const timer = setTimeout(timeout.resolve, left);
        await Promise.race([up.promise, timeout.promise]);
        clearTimeout(timer);
      }
      if (!isUp()) throw new LifelineError('UNAVAILABLE');
    },
    async close() {
      if (state === 'closed') return;
      const connected = ['connecting', 'connect', 'ready'].includes(redis.status);
      state = 'closed';
      clearInterval(watcher);
      up.resolve();
      const ended = Promise.withResolvers<void>();
      redis.once('end', ended.resolve);
      redis.disconnect();
      // Between two attempts there is no socket, and no event will come.
      if (connected) await ended.promise;
    },
  };

  // Beyond the narrowing of `state` across an await.
  function isUp(): boolean {
    return state === 'up';
  }
}

/**
 * One question to one server, over a connection of its own that ends with it.
 *
 * @throws Error within some three seconds
 */
export async function askOnce<T>(
  server: RedisServer,
  tlsCa: string | undefined,
  question: (redis: Redis) => Promise<T>,
): Promise<T> {
  const redis = openRedis(server, tlsCa, {
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    connectTimeout: patienceMs,
    commandTimeout: patienceMs,
    socketTimeout: answerMs,
  });
  redis.on('error', () => {}); // `connect` rejects with it too
  try {
    await redis.connect();
    return await question(redis);
  } finally {
    redis.disconnect();
  }
}

/** A connection without the care of `createRedisConnection`. */
export function openRedis(server: RedisServer, tlsCa: string | undefined, options: Omit<RedisOptions, 'replyMapping'>): Redis {
  const tls = server.tls ? { tls: tlsCa === undefined ? {} : { ca: tlsCa } } : {};
  if (server.kind === 'single') return new Redis(server.url, { ...options, ...(tlsCa === undefined ? {} : tls) });
  const { username, password } = server;
  const user = { ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }) };
  if (server.kind === 'node') return new Redis({ ...options, ...tls, ...user, host: server.host, port: server.port });
  const { sentinels, master, db, sentinelUsername, sentinelPassword } = server;
  return new Redis({
    ...options,
    ...tls,
    ...user,
    sentinels: sentinels.map(({ host, port }) => ({ host, port })),
    name: master,
    db,
    ...(sentinelUsername === undefined ? {} : { sentinelUsername }),
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    ...(server.tls ? { sentinelTLS: { ...tls.tls }, enableTLSForSentinelMode: true } : {}),
    sentinelCommandTimeout: answerMs,
    // Always a number: without one ioredis gives the connection up for ever. Short, because `close` has to wait for it.
    sentinelRetryStrategy: (attempt) => Math.min(1_000, 100 * attempt) * (0.5 + Math.random() / 2),
  });
}
