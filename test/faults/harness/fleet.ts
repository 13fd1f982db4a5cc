import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';

import { kafkaTools, startKafka, type TestKafka } from '../../support/kafka.ts';
import { type Lifeline, startLifeline, testSecret } from '../../support/lifeline.ts';
import { type RedisOptions, startRedis, type TestRedis } from '../../support/redis.ts';
import type { Instrumentation, Mutant } from './instrument.ts';

type Kill = Instrumentation['kill'];
import { type Proxy, startProxy } from './proxy.ts';

/** A process of the product with a proxy on each of its links. */
export interface Member {
  /** The process as it is now; another one after `start`. */
  lifeline: Lifeline;
  /** To Redis. */
  readonly redis: Proxy;
  /** To Kafka; gateways have none. */
  readonly kafka: Proxy | null;
  /** From clients; bridges have none. Clients come in by this port across restarts. */
  readonly door: Proxy | null;
  readonly alive: boolean;
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** A new process in the place of one that ended, without its fail-point. */
  start(): Promise<void>;
  /** Settles when the process has ended, by a fail-point for example. */
  ended(): Promise<void>;
}

export interface Fleet {
  readonly redis: TestRedis;
  readonly kafka: TestKafka;
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
  readonly redis?: RedisOptions;
  readonly partitions?: number;
  /** Fail-points, by the number of the process. */
  readonly kill?: { readonly gateways?: readonly Kill[]; readonly bridges?: readonly Kill[] };
  /** What every process is broken by. */
  readonly mutants?: readonly Mutant[];
  readonly env?: Readonly<Record<string, string>>;
}

const instrument = fileURLToPath(new URL('instrument.ts', import.meta.url));
const portOf = (address: string) => Number(address.slice(address.lastIndexOf(':') + 1));

let sharedKafka: Promise<TestKafka> | undefined;

/** One broker for the runs of a file; a run that kills brokers starts its own. */
function kafkaOfFile(): Promise<TestKafka> {
  return (sharedKafka ??= startKafka());
}

export async function stopKafkaOfFile(): Promise<void> {
  await (await sharedKafka)?.stop();
  sharedKafka = undefined;
}

export async function startFleet({
  gateways = 3,
  bridges = 2,
  redis: redisOptions = { own: true, aof: true },
  partitions = 4,
  kill = {},
  mutants = [],
  env = {},
}: FleetOptions = {}): Promise<Fleet> {
  const suffix = randomUUID().slice(0, 8);
  const topics = { coverage: `rte-${suffix}`, deadLetters: `dead-${suffix}` };
  const groupId = `group-${suffix}`;
  const kafka = await kafkaOfFile();
  const redis = await startRedis(redisOptions);
  const tools = kafkaTools(kafka.brokers);
  await tools.createTopic(topics.coverage, partitions);
  await tools.createTopic(topics.deadLetters, 1);
  await tools.close();

  const common = {
    KAFKA_TOPICS: topics.coverage,
    KAFKA_DEAD_LETTER_TOPIC: topics.deadLetters,
    KAFKA_GROUP_ID: groupId,
    JWT_SECRET: testSecret,
    CURSOR_SECRET: testSecret,
    ...env,
  };
  const members: Member[] = [];
  const startMember = async (role: 'serve' | 'bridge', first: Kill): Promise<Member> => {
    const redisProxy = await startProxy(redis.port, { redis: true });
    const run = (instrumentation: Instrumentation) =>
      startLifeline(
        [role],
        {
          ...common,
          REDIS_URL: `redis://127.0.0.1:${redisProxy.port}`,
          KAFKA_BROKERS: kafka.brokers.join(','),
          FAULTS: JSON.stringify(instrumentation),
        },
        { imports: [instrument] },
      );
    const lifeline = await run({ mutants, ...(first === undefined ? {} : { kill: first }) });
    const door = role === 'serve' ? await startProxy(portOf(new URL(lifeline.url).host)) : null;
    const member: Member = {
      lifeline,
      redis: redisProxy,
      kafka: null,
      door,
      get alive() {
        return member.lifeline.process.exitCode === null && member.lifeline.process.signalCode === null;
      },
      kill: (signal) => member.lifeline.kill(signal),
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
    Promise.all(Array.from({ length: gateways }, (_, index) => startMember('serve', kill.gateways?.[index]))),
    Promise.all(Array.from({ length: bridges }, (_, index) => startMember('bridge', kill.bridges?.[index]))),
  ]);
  const ready = async () => {
    await Promise.all(members.filter(({ alive }) => alive).map(({ lifeline }) => lifeline.ready()));
  };
  await ready();
  return {
    redis,
    kafka,
    gateways: gatewayMembers,
    bridges: bridgeMembers,
    topics,
    groupId,
    ready,
    async stop() {
      for (const { redis: link, door } of members) for (const proxy of [link, door]) proxy?.set({ do: 'pass' });
      const stopped = await Promise.allSettled(members.filter(({ alive }) => alive).map(({ lifeline }) => lifeline.stop()));
      await Promise.all(members.flatMap(({ redis: link, door }) => [link.stop(), door === null ? Promise.resolve() : door.stop()]));
      await redis.stop();
      const failed = stopped.find((result) => result.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    },
  };
}
