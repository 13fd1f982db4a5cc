/** The ways to 1 000 sockets that workload E compares: the product with a process a role, or in one; a bare forwarder; Centrifugo. */
import { setTimeout as sleep } from 'node:timers/promises';

import { createRedisLog } from '../../src/log/redis.ts';
import { createLogger } from '../../src/operations/logger.ts';
import type { LoadProcess } from '../runner/load-process.ts';
import { type RoleProcess, startRole } from '../runner/role-process.ts';
import type { Producing } from './kafka-broker.ts';
import { connect, stand, subscribed } from './stand.ts';
import type { Context } from './workload.ts';

export interface Path {
  /** As it stands in result lines. */
  readonly server: string;
  readonly form: 'split' | 'all';
  readonly load: LoadProcess;
  /**
   * Sends `count` events evenly over the members, by the clock, or as fast as they are taken. Kafka's acknowledgements are written to
   * `acknowledged`: a line an event, the time it carries and when it was acknowledged, µs.
   */
  send(count: number, rate: number | null, acknowledged?: string): Promise<{ readonly lagMicros: number }>;
  /** What reads Kafka; none where events come in by an API. */
  readonly readerPid?: number;
  /** By process, µs since its start. */
  cpuMicros(): Promise<Readonly<Record<string, number>>>;
  /** Closes in the log what no client acknowledged, because a subscription waits with 32 such copies. */
  settle(): Promise<void>;
}

export interface Surroundings {
  readonly brokers: readonly string[];
  readonly redisUrl: string;
  readonly deadLetterTopic: string;
  readonly members: readonly string[];
  readonly produce: Producing;
}

const subscribeMs = 60_000;

/** `topic` is the prefix of the keys too, so that several products share a Redis. */
function settings({ brokers, redisUrl, deadLetterTopic }: Surroundings, topic: string) {
  return {
    REDIS_URL: redisUrl,
    REDIS_PREFIX: topic,
    KAFKA_BROKERS: brokers.join(','),
    KAFKA_TOPICS: topic,
    KAFKA_DEAD_LETTER_TOPIC: deadLetterTopic,
    KAFKA_GROUP_ID: topic,
  };
}

const sendTo =
  ({ produce, members }: Surroundings, topic: string): Path['send'] =>
  (count, rate, acknowledged) =>
    produce({ topic, members: members.length, count, rate, ...(acknowledged === undefined ? {} : { acknowledged }) });

/** Nothing but the bridge. */
export async function startBridge(context: Context, surroundings: Surroundings, topic: string): Promise<RoleProcess> {
  const bridge = await startRole(context, 'bridge', { env: settings(surroundings, topic) });
  await bridge.ready();
  return bridge;
}

export async function startLifeline(
  context: Context,
  surroundings: Surroundings,
  topic: string,
  form: Path['form'],
): Promise<Path> {
  const { members, redisUrl } = surroundings;
  const env = settings(surroundings, topic);
  const gateway = await startRole(context, form === 'split' ? 'serve' : 'all', { env });
  const bridge = form === 'split' ? await startBridge(context, surroundings, topic) : undefined;
  await gateway.ready();

  const load = await context.startLoad();
  await load.target({ port: Number(new URL(gateway.url).port), path: '/graphql', subprotocol: 'graphql-transport-ws' });
  await connect(load, 'lifeline-redis', members);
  const deadline = performance.now() + subscribeMs;
  while ((await gateway.metric('lifeline_subscriptions_active')) < members.length) {
    if (performance.now() > deadline) throw new Error(`lifeline ${form}: not all subscriptions after a minute`);
    await sleep(50, undefined, { signal: context.signal });
  }

  const log = createRedisLog({ url: redisUrl, prefix: env.REDIS_PREFIX, logger: createLogger('error') });
  context.defer(() => log.close());
  await log.ready;
  return {
    server: 'lifeline',
    form,
    load,
    send: sendTo(surroundings, topic),
    readerPid: (bridge ?? gateway).pid,
    async cpuMicros() {
      return { gateway: await gateway.cpuMicros(), ...(bridge === undefined ? {} : { bridge: await bridge.cpuMicros() }) };
    },
    async settle() {
      const close = async (member: string) => {
        const { entries } = await log.read(member, { after: null, pendingOnly: true, limit: 1_000 });
        const ids = entries.map(({ event }) => event.id);
        if (ids.length > 0) await log.acknowledge(member, ids, null);
      };
      await Promise.all(members.map(close));
    },
  };
}

export async function startForwarder(context: Context, surroundings: Surroundings, topic: string): Promise<Path> {
  const { brokers, redisUrl, members } = surroundings;
  const sockets = await context.startServer('ws-redis', { redisUrl });
  const forwarder = await context.startServer('kafka-forwarder', {
    redisUrl,
    env: { KAFKA_BROKERS: brokers.join(','), KAFKA_TOPICS: topic },
  });
  const load = await context.startLoad();
  await load.target(sockets);
  await connect(load, 'ws-redis', members);
  await subscribed(context, sockets, members.length);
  return {
    server: 'kafka-forwarder',
    form: 'split',
    load,
    send: sendTo(surroundings, topic),
    readerPid: forwarder.pid,
    async cpuMicros() {
      return { forwarder: (await forwarder.stats()).cpuMicros, sockets: (await sockets.stats()).cpuMicros };
    },
    settle: async () => undefined,
  };
}

/** No Kafka: its API takes the place of the bridge. */
export async function startCentrifugo(context: Context, { redisUrl, members }: Surroundings): Promise<Path> {
  const { server, load } = await stand(context, 'centrifugo', { redisUrl, members });
  return {
    server: 'centrifugo',
    form: 'split',
    load,
    send: (count, rate) =>
      server.generate({ kind: 'unicast', members: members.length, count, perTurn: 256, ...(rate === null ? {} : { rate }) }),
    async cpuMicros() {
      return { centrifugo: (await server.stats()).cpuMicros };
    },
    settle: async () => undefined,
  };
}
