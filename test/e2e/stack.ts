import { randomUUID } from 'node:crypto';

import { inject } from 'vitest';

import { type EventType } from '../../src/event/catalogue.ts';
import { exampleEvent, type ExampleEvent, structuredRecord } from '../support/events.ts';
import { kafkaTools, type KafkaTools } from '../support/kafka.ts';
import { type Lifeline, startLifeline, testSecret } from '../support/lifeline.ts';
import { type RedisOptions, startRedis, type TestRedis } from '../support/redis.ts';

/** A Redis of its own, topics of its own in a real Kafka, and processes of the product between them. */
export interface Stack {
  readonly redis: TestRedis;
  readonly kafka: KafkaTools;
  readonly topics: { readonly coverage: string; readonly calls: string; readonly deadLetters: string };
  readonly groupId: string;
  readonly env: Readonly<Record<string, string>>;
  /** Starts a process and waits until it is ready. `stop` ends it, if nothing did before. */
  start(role: 'all' | 'serve' | 'bridge', env?: Readonly<Record<string, string>>): Promise<Lifeline>;
  /** Produces events of the member in order; answers once Kafka acknowledged them. */
  produce(events: readonly ExampleEvent[]): Promise<void>;
  stop(): Promise<void>;
}

export async function startStack({
  redis: redisOptions = { own: true },
  kafka: given,
  partitions = 2,
}: { redis?: RedisOptions; kafka?: KafkaTools; partitions?: number } = {}): Promise<Stack> {
  const suffix = randomUUID().slice(0, 8);
  const topics = { coverage: `rte-${suffix}`, calls: `calls-${suffix}`, deadLetters: `dead-${suffix}` };
  const groupId = `group-${suffix}`;
  const kafka = given ?? kafkaTools(inject('kafkaBrokers'));
  const redis = await startRedis(redisOptions);
  for (const topic of Object.values(topics)) await kafka.createTopic(topic, partitions);
  const env = {
    REDIS_URL: redis.url,
    KAFKA_BROKERS: kafka.brokers.join(','),
    KAFKA_TOPICS: `${topics.coverage},${topics.calls}`,
    KAFKA_DEAD_LETTER_TOPIC: topics.deadLetters,
    KAFKA_GROUP_ID: groupId,
    JWT_SECRET: testSecret,
    CURSOR_SECRET: testSecret,
  };
  const processes: Lifeline[] = [];
  return {
    redis,
    kafka,
    topics,
    groupId,
    env,
    async start(role, more = {}) {
      const lifeline = await startLifeline([role], { ...env, ...more });
      processes.push(lifeline);
      await lifeline.ready();
      return lifeline;
    },
    async produce(events) {
      for (const topic of [topics.coverage, topics.calls]) {
        const own = events.filter(({ type }) => type.startsWith('rte.') === (topic === topics.coverage));
        if (own.length > 0) await kafka.produce(topic, own.map(structuredRecord));
      }
    },
    async stop() {
      const alive = processes.filter(({ process }) => process.exitCode === null && process.signalCode === null);
      const results = await Promise.allSettled(alive.map((each) => each.stop()));
      await redis.stop();
      if (given === undefined) await kafka.close();
      const failed = results.find((result) => result.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    },
  };
}

/** Coverage results of the member, numbered, so that a test can say which are missing. */
export function numbered(member: string, from: number, to: number, type: EventType = 'rte.failed'): ExampleEvent[] {
  return Array.from({ length: to - from + 1 }, (_, index) =>
    exampleEvent(type, { member, id: `${member}-${from + index}`, channelId: `n-${from + index}` }),
  );
}

/** A careful producer's answer to a broker that is away: the same records again, which may double them. */
async function persist(attempt: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + 90_000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** A producer that goes on until told to stop, and knows what Kafka acknowledged. */
export function produceContinuously(stack: Stack, member: string, perSecond: number) {
  const produced: string[] = [];
  let running = true;
  let next = 1;
  const everyMs = 50;
  const done = (async () => {
    while (running) {
      const began = Date.now();
      const count = Math.max(1, Math.round((perSecond * everyMs) / 1_000));
      const events = numbered(member, next, next + count - 1);
      next += count;
      await persist(() => stack.produce(events));
      produced.push(...events.map((_, index) => `n-${next - count + index}`));
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, everyMs - (Date.now() - began))));
    }
  })();
  return {
    /** Workflow ids in the order of production. */
    produced,
    async stop() {
      running = false;
      await done;
    },
  };
}
