import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, it } from 'vitest';

import { createRedisLog, type RedisLog } from '../../src/log/redis.ts';
import { createLogger } from '../../src/operations/logger.ts';
import { eventually } from '../support/eventually.ts';
import { exampleEvent, structuredRecord } from '../support/events.ts';
import { kafkaTools } from '../support/kafka.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { entriesOf, idsOf, startTestBridge, unique, type TestBridge } from './harness.ts';

const kafka = kafkaTools(inject('kafkaBrokers'));
const members = ['m-a', 'm-b', 'm-c', 'm-d'];
let redis: TestRedis;
let log: RedisLog;
let bridge: TestBridge;
let topic: string;
let rounds: number;

beforeAll(async () => {
  redis = await startRedis({ own: true, aof: true });
});
afterAll(async () => {
  await kafka.close();
  await redis.stop();
});
beforeEach(async () => {
  topic = unique('topic');
  rounds = 0;
  const dlq = unique('dlq');
  await kafka.createTopic(topic, 2);
  await kafka.createTopic(dlq);
  log = createRedisLog({ url: redis.url, prefix: unique('log'), logger: createLogger('silent') });
  await log.ready;
  bridge = startTestBridge({ brokers: kafka.brokers, log, topics: [topic], deadLetterTopic: dlq });
});
afterEach(async () => {
  await bridge.stop();
  await log.close();
});

const idOf = (round: number, member: string) => `${String(round).padStart(5, '0')}-${member}`;

async function load(count: number): Promise<void> {
  for (const end = rounds + count; rounds < end; rounds++) {
    await kafka.produce(
      topic,
      members.map((member) => structuredRecord(exampleEvent('call.join', { id: idOf(rounds, member), member }))),
    );
  }
}

const everythingIn = async () => {
  for (const member of members) {
    const expected = Array.from({ length: rounds }, (_, round) => idOf(round, member));
    await eventually(async () => expect(await idsOf(log, member)).toEqual(expected) ?? true, { withinMs: 40_000 });
  }
};

it('Redis killed under load and back from its append-only file: nothing is lost, doubled or out of order', async () => {
  await load(50);
  await everythingIn();
  await redis.kill();
  await load(50);
  await eventually(() => !bridge.bridge.health().log.ok);
  await redis.restart();
  await load(50);
  await everythingIn();
  await eventually(() => bridge.bridge.health().log.ok);
});

it('Redis emptied under load: everything is fed again in order, what was there before is flagged, and no person did anything', async () => {
  await load(50);
  await everythingIn();
  const loading = load(50);
  await redis.command('FLUSHALL');
  await loading;
  await everythingIn();
  for (const member of members) {
    const entries = await entriesOf(log, member);
    expect(entries.map(({ position }) => position.sequence)).toEqual(entries.map((_, index) => index + 1));
    expect(entries.slice(0, 50).every(({ refed }) => refed)).toBe(true);
    expect(entries.at(-1)?.refed).toBe(false);
  }
  expect(await bridge.count('gaps')).toBeGreaterThan(0);
});

it('Redis emptied while nothing happens: the bridge notices by itself', async () => {
  await load(20);
  await everythingIn();
  await redis.command('FLUSHALL');
  await everythingIn();
});

it('a second bridge continues where the first one stopped, and applies nothing twice', async () => {
  await load(30);
  await everythingIn();
  await bridge.stop();
  await load(30);
  const dlq = unique('dlq');
  await kafka.createTopic(dlq);
  bridge = startTestBridge({ brokers: kafka.brokers, log, topics: [topic], deadLetterTopic: dlq });
  await everythingIn();
  expect(await bridge.count('appends', 'ok')).toBe(120);
  expect(await bridge.count('appends', 'duplicate')).toBe(0);
});
