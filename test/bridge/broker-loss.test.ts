import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

import type { EventLog } from '../../src/log/log.ts';
import { createMemoryLog } from '../../src/log/memory.ts';
import { eventually } from '../support/eventually.ts';
import { exampleEvent, structuredRecord } from '../support/events.ts';
import { startKafka, type TestKafka } from '../support/kafka.ts';
import { entriesOf, idsOf, startTestBridge, unique, type TestBridge } from './harness.ts';

// These tests kill the broker, so it is theirs.
let kafka: TestKafka;
let log: EventLog;
let topic: string;
let dlq: string;
let bridge: TestBridge;

beforeAll(async () => {
  kafka = await startKafka();
}, 120_000);
afterAll(() => kafka.stop());
beforeEach(async () => {
  log = createMemoryLog();
  topic = unique('topic');
  dlq = unique('dlq');
  await kafka.createTopic(topic, 2);
  await kafka.createTopic(dlq);
});
afterEach(() => bridge.stop());

const start = () => startTestBridge({ brokers: kafka.brokers, log, topics: [topic], deadLetterTopic: dlq });
const joining = (id: string, member = 'm-1') => structuredRecord(exampleEvent('call.join', { id, member }));

it('a broker that is killed and comes back under load costs no event and no order', { timeout: 120_000 }, async () => {
  bridge = start();
  const members = ['m-a', 'm-b', 'm-c', 'm-d'];
  let rounds = 0;
  let loading = true;
  const load = (async () => {
    // Waits and tries again while the broker is away, which can double a batch: the log knows the ids.
    for (; loading; rounds++) {
      await kafka.produce(
        topic,
        members.map((member) => joining(`${String(rounds).padStart(5, '0')}-${member}`, member)),
      );
    }
  })();
  await eventually(async () => (await idsOf(log, 'm-a')).length > 50);
  await kafka.kill();
  await eventually(() => !bridge.bridge.health().kafka.ok, { what: 'the health turns red' });
  await kafka.restart();
  const before = rounds;
  await eventually(() => rounds > before + 50, { withinMs: 60_000, what: 'producing again' });
  loading = false;
  await load;
  for (const member of members) {
    const expected = Array.from({ length: rounds }, (_, n) => `${String(n).padStart(5, '0')}-${member}`);
    await eventually(async () => expect(await idsOf(log, member)).toEqual(expected) ?? true, { withinMs: 60_000 });
  }
  await eventually(() => Object.values(bridge.bridge.health()).every(({ ok }) => ok));
  expect((await entriesOf(log, 'm-a')).some(({ refed }) => refed)).toBe(false);
  const said = bridge.lines.filter(
    ({ message }) => message.startsWith('kafka: not ready') || message.startsWith('kafka: reachable'),
  );
  expect(said.length).toBeLessThan(10);
});

it('a bridge that starts while Kafka is away says so, stays quiet, and begins by itself', { timeout: 120_000 }, async () => {
  await kafka.produce(topic, [joining('early')]);
  await kafka.kill();
  const processor = process.cpuUsage();
  const began = performance.now();
  bridge = start();
  await eventually(
    () =>
      expect(bridge.bridge.health().kafka).toMatchObject({ ok: false, reason: expect.stringContaining('not reachable') }) ?? true,
  );
  await eventually(() => performance.now() - began > 3_000);
  const { user, system } = process.cpuUsage(processor);
  expect((user + system) / 1_000 / (performance.now() - began)).toBeLessThan(0.5);
  expect(bridge.lines.length).toBeLessThan(6);
  await kafka.restart();
  await eventually(async () => expect(await idsOf(log, 'm-1')).toEqual(['early']) ?? true, { withinMs: 60_000 });
  await eventually(() => bridge.bridge.health().kafka.ok);
});

it('a broker that freezes turns the health red, and is read on when it thaws', { timeout: 120_000 }, async () => {
  bridge = start();
  await kafka.produce(topic, [joining('a')]);
  await eventually(async () => expect(await idsOf(log, 'm-1')).toEqual(['a']) ?? true);
  kafka.pause();
  await eventually(() => !bridge.bridge.health().kafka.ok, { withinMs: 30_000 });
  kafka.resume();
  await kafka.produce(topic, [joining('b')]);
  await eventually(async () => expect(await idsOf(log, 'm-1')).toEqual(['a', 'b']) ?? true, { withinMs: 60_000 });
  await eventually(() => bridge.bridge.health().kafka.ok, { withinMs: 60_000 });
});

it('a bridge stops within seconds although Kafka is away', { timeout: 120_000 }, async () => {
  bridge = start();
  await kafka.produce(topic, [joining('a')]);
  await eventually(async () => (await idsOf(log, 'm-1')).length === 1);
  await kafka.kill();
  const asked = performance.now();
  await bridge.stop();
  expect(performance.now() - asked).toBeLessThan(20_000);
  await kafka.restart();
});
