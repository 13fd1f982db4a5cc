/** Rounds of events that come out of Redis: the runner's end of `../load/publisher.ts`. */
import type { Open, Send, Sent } from '../load/publisher.ts';
import { conversation } from '../runner/conversation.ts';
import { cpuMicros, untilIdle } from '../runner/cpu.ts';
import { countsIn, latenciesIn } from '../runner/load-process.ts';
import type { ServerProcess } from '../runner/server-process.ts';
import type { Figures } from './slices.ts';
import { stand, type Stand, type StandOptions } from './stand.ts';
import type { Context } from './workload.ts';

export interface Publisher {
  /** Settles when everything is in Redis. */
  send(request: Send): Promise<Sent>;
  /** Closes what nobody acknowledged; nothing to do for peers. */
  settle(): Promise<void>;
  stop(): Promise<void>;
}

const openMs = 30_000;
const sendMs = 180_000;
const patienceMs = 30_000;

/** A publisher on the clients' core whose events `server` understands. */
export async function publisher(context: Context, open: Open): Promise<Publisher> {
  const child = context.startNode(['bench/load/publisher.ts'], { core: 1 });
  const { ask } = conversation('publisher', child);
  await ask('open', open, openMs);
  return {
    async send(request) {
      const { sent, lagMicros, micros, cpuMicros } = await ask('send', request, sendMs);
      return { sent: Number(sent), lagMicros: Number(lagMicros), micros: Number(micros), cpuMicros: Number(cpuMicros) };
    },
    async settle() {
      await ask('settle', {}, sendMs);
    },
    async stop() {
      child.disconnect();
      await Promise.resolve();
    },
  };
}

export interface RedisStand extends Stand {
  readonly publish: Publisher;
  /** For other members than the first one's: it counts their events from 1 again. */
  anotherPublisher(): Promise<Publisher>;
}

/** A server with a Redis and a publisher of its own: whoever shares a Redis hears the others' events. */
export async function redisStand(
  context: Context,
  name: Open['server'],
  { hashTags, ...options }: StandOptions & { readonly hashTags?: number },
): Promise<RedisStand> {
  // A server that falls behind in an overload is measured, not cut off.
  const redis = await context.startRedis({ args: ['--client-output-buffer-limit', 'pubsub 0 0 0'] });
  const tags = hashTags === undefined ? {} : { env: { ...options.env, REDIS_HASH_TAGS: String(hashTags) } };
  const one = await stand(context, name, { ...options, ...tags, redisUrl: redis.url });
  const open = () => publisher(context, { server: name, redisUrl: redis.url, ...(hashTags === undefined ? {} : { hashTags }) });
  const publish = await open();
  return {
    ...one,
    publish,
    anotherPublisher: open,
    async stop() {
      await one.stop();
      await publish.stop();
      await redis.stop();
    },
  };
}

export interface RoundOptions {
  /** Deliveries in all; one an event when left out. */
  readonly expected?: number;
  /** Whose latencies: a group of the load client, all of it when left out. */
  readonly group?: number;
}

/** Sends, waits until the clients have it all (or 30 s), and lets the server forget it. */
export async function redisRound(
  { server, load, publish }: RedisStand,
  request: Send,
  { expected = request.count, group }: RoundOptions = {},
): Promise<Figures> {
  const before = await server.stats();
  await load.mark();
  const start = await load.report();
  const sendingMs = request.rate === undefined ? 0 : (request.count / request.rate) * 1_000;
  const [{ lagMicros }, all] = await Promise.all([publish.send(request), load.await(expected, patienceMs + sendingMs)]);
  const after = await server.stats();
  const seen = group === undefined ? all : await load.report(group);
  await publish.settle();
  await quiet(server, patienceMs);
  const micros = all.last - all.first;
  return {
    ...(micros > 0 ? { rate: (all.received / micros) * 1e6 } : {}),
    cpuPerEvent: all.received === 0 ? 0 : (after.cpuMicros - before.cpuMicros) / all.received,
    ...latenciesIn(seen),
    ...countsIn(all, start, expected),
    generatorLag: lagMicros / 1_000,
    rss: after.rssBytes,
  };
}

/** Waits until the server has nothing left to do, as far as its CPU tells. */
export async function quiet({ pid }: Pick<ServerProcess, 'pid'>, patience: number): Promise<void> {
  await untilIdle(() => cpuMicros(pid), { restMicros: 10_000, windowMs: 100, patienceMs: patience }); // one tick, the least that is counted
}
