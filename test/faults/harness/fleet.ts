import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';

import { type Lifeline, startLifeline, testSecret } from '../../support/lifeline.ts';
import type { TestRedis } from '../../support/redis.ts';
import { createClock } from './clock.ts';
import type { Instrumentation, Mutant } from './instrument.ts';
import { type FleetKafka, type KafkaLink, links, startFleetKafka } from './kafka-fleet.ts';

type Kill = Instrumentation['kill'];
import { type Proxy, startProxy } from './proxy.ts';
import { type FleetRedis, type RedisShape, startRedisFleet } from './redis-fleet.ts';

/** A process of the product with a proxy on each of its links. */
export interface Member {
  /** The process as it is now; another one after `start`. */
  lifeline: Lifeline;
  /** To Redis. Where that names its servers by itself there is none: asking for it throws. */
  readonly redis: Proxy;
  /** To Kafka; gateways have none, nor has a fourth bridge. */
  readonly kafka: KafkaLink | null;
  /** From clients; bridges have none. Clients come in by this port across restarts. */
  readonly door: Proxy | null;
  readonly alive: boolean;
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Steps its wall clock to this many ms away from the true one, while it runs; only in a fleet with `clocks`. */
  setClock(skewMs: number): Promise<void>;
  /** A new process in the place of one that ended, without its fail-point. */
  start(): Promise<void>;
  /** Settles when the process has ended, by a fail-point for example. */
  ended(): Promise<void>;
}

export interface Fleet {
  /** The one that writes go to at first. */
  readonly redis: TestRedis;
  /** All of Redis, whatever its shape. */
  readonly servers: FleetRedis;
  readonly kafka: FleetKafka;
  readonly gateways: readonly Member[];
  readonly bridges: readonly Member[];
  readonly topics: { readonly coverage: string; readonly deadLetters: string };
  readonly groupId: string;
  /** Waits until every process that is alive is ready. */
  ready(): Promise<void>;
  stop(): Promise<void>;
}

export interface FleetOptions {
  readonly gateways?: number;
  readonly bridges?: number;
  readonly redis?: RedisShape;
  readonly partitions?: number;
  /** Brokers; three have each topic on all of them. 1 when left out. */
  readonly brokers?: 1 | 3;
  /** Fail-points, by the number of the process. */
  readonly kill?: { readonly gateways?: readonly Kill[]; readonly bridges?: readonly Kill[] };
  /** What every process is broken by. */
  readonly mutants?: readonly Mutant[];
  readonly env?: Readonly<Record<string, string>>;
  /** By how many ms the clocks are wrong from the start, by the number of the process. */
  readonly clocks?: { readonly gateways?: readonly number[]; readonly bridges?: readonly number[] };
}

const instrument = fileURLToPath(new URL('instrument.ts', import.meta.url));
const portOf = (address: string) => Number(address.slice(address.lastIndexOf(':') + 1));

const kafkas = new Map<number, Promise<FleetKafka>>();

/** One of a kind for the runs of a file; each run gets it whole. */
async function kafkaOfFile(brokers: 1 | 3): Promise<FleetKafka> {
  const starting = kafkas.get(brokers) ?? startFleetKafka(brokers);
  kafkas.set(brokers, starting);
  const kafka = await starting;
  await kafka.heal();
  return kafka;
}

export async function stopKafkaOfFile(): Promise<void> {
  for (const kafka of kafkas.values()) await (await kafka).stop();
  kafkas.clear();
}

export async function startFleet({
  gateways = 3,
  bridges = 2,
  redis: redisShape = { own: true, aof: true },
  partitions = 4,
  brokers = 1,
  kill = {},
  mutants = [],
  env = {},
  clocks,
}: FleetOptions = {}): Promise<Fleet> {
  const suffix = randomUUID().slice(0, 8);
  const topics = { coverage: `rte-${suffix}`, deadLetters: `dead-${suffix}` };
  const groupId = `group-${suffix}`;
  const kafka = await kafkaOfFile(brokers);
  const servers = await startRedisFleet(redisShape);
  await kafka.createTopic(topics.coverage, partitions);
  await kafka.createTopic(topics.deadLetters, 1);

  const common = {
    KAFKA_TOPICS: topics.coverage,
    KAFKA_DEAD_LETTER_TOPIC: topics.deadLetters,
    KAFKA_GROUP_ID: groupId,
    JWT_SECRET: testSecret,
    CURSOR_SECRET: testSecret,
    ...env,
  };
  const members: Member[] = [];
  const cleanUps: (() => Promise<void>)[] = [];
  const redisProxies: Proxy[] = [];
  const startMember = async (role: 'serve' | 'bridge', index: number, first: Kill, skewMs: number | undefined): Promise<Member> => {
    const link = role === 'bridge' && index < links ? kafka.linkOf(index) : null;
    const clock = clocks === undefined ? null : await createClock(skewMs ?? 0);
    if (clock !== null) cleanUps.push(() => clock.remove());
    const redisLink = await servers.link();
    if (redisLink.proxy !== null) redisProxies.push(redisLink.proxy);
    const run = (instrumentation: Instrumentation) =>
      startLifeline(
        [role],
        {
          ...common,
          REDIS_URL: redisLink.url,
          KAFKA_BROKERS: (link ?? kafka).brokers.join(','),
          FAULTS: JSON.stringify({ ...instrumentation, ...(clock === null ? {} : { clock: clock.file }) }),
        },
        { imports: [instrument] },
      );
    const lifeline = await run({ mutants, ...(first === undefined ? {} : { kill: first }) });
    const door = role === 'serve' ? await startProxy(portOf(new URL(lifeline.url).host)) : null;
    const member: Member = {
      lifeline,
      get redis() {
        if (redisLink.proxy === null) throw new Error('Processes of this fleet have no proxy to Redis: break its servers.');
        return redisLink.proxy;
      },
      kafka: link,
      door,
      get alive() {
        return member.lifeline.process.exitCode === null && member.lifeline.process.signalCode === null;
      },
      kill: (signal) => member.lifeline.kill(signal),
      async setClock(next) {
        if (clock === null) throw new Error('This fleet goes by the true time: give it `clocks`.');
        await clock.step(member.lifeline.process, next);
      },
      async start() {
        member.lifeline = await run({ mutants });
        door?.retarget(portOf(new URL(member.lifeline.url).host));
      },
      async ended() {
        const { process: child } = member.lifeline;
        if (!member.alive) return;
        await new Promise((resolve) => child.once('exit', resolve));
      },
    };
    members.push(member);
    return member;
  };

  const [gatewayMembers, bridgeMembers] = await Promise.all([
    Promise.all(
      Array.from({ length: gateways }, (_, index) =>
        startMember('serve', index, kill.gateways?.[index], clocks?.gateways?.[index]),
      ),
    ),
    Promise.all(
      Array.from({ length: bridges }, (_, index) => startMember('bridge', index, kill.bridges?.[index], clocks?.bridges?.[index])),
    ),
  ]);
  const ready = async () => {
    await Promise.all(members.filter(({ alive }) => alive).map(({ lifeline }) => lifeline.ready()));
  };
  await ready();
  return {
    redis: servers.redis,
    servers,
    kafka,
    gateways: gatewayMembers,
    bridges: bridgeMembers,
    topics,
    groupId,
    ready,
    async stop() {
      // Those that were killed have no exit code.
      const fallen = members.flatMap(({ lifeline: { process: child, stderr } }) =>
        (child.exitCode ?? 0) === 0 ? [] : [`A process ended by itself with code ${child.exitCode}: ${stderr()}`],
      );
      for (const sentence of fallen) process.stderr.write(`${sentence}\n`);
      for (const link of redisProxies) link.set({ do: 'pass' });
      for (const { kafka: source, door } of members) for (const each of [source, door]) each?.set({ do: 'pass' });
      const stopped = await Promise.allSettled(members.filter(({ alive }) => alive).map(({ lifeline }) => lifeline.stop()));
      await Promise.all([...redisProxies.map((link) => link.stop()), ...members.map(({ door }) => door?.stop())]);
      await servers.stop();
      await Promise.all(cleanUps.map((cleanUp) => cleanUp()));
      const failed = stopped.find((result) => result.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
      if (fallen.length > 0) throw new Error(fallen.join('\n'));
    },
  };
}
