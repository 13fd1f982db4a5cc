import { afterAll, expect, inject, it } from 'vitest';

import { maxBatchBytes } from '../../src/bridge/codecs.ts';
import { createMemoryLog } from '../../src/log/memory.ts';
import { eventually } from '../support/eventually.ts';
import { exampleEvent, structuredRecord } from '../support/events.ts';
import { kafkaTools } from '../support/kafka.ts';
import { idsOf, startTestBridge, unique } from './harness.ts';

const kafka = kafkaTools(inject('kafkaBrokers'));
afterAll(() => kafka.close());

it('a batch that cannot be read holds up its own partition only, says so, and is never skipped', { timeout: 120_000 }, async () => {
  const log = createMemoryLog();
  const [topic, deadLetterTopic] = [unique('topic'), unique('dlq')];
  await kafka.createTopic(topic, 2);
  await kafka.createTopic(deadLetterTopic);
  const joining = (id: string, partition: number) => ({
    ...structuredRecord(exampleEvent('call.join', { id, member: `m-${partition}` })),
    partition,
  });
  await kafka.produce(topic, [joining('before', 0)]);
  await kafka.produce(topic, [{ value: Buffer.alloc(maxBatchBytes), partition: 0 }], 'zstd');
  await kafka.produce(topic, [joining('behind', 0)]);
  const bridge = startTestBridge({ brokers: kafka.brokers, log, topics: [topic], deadLetterTopic });

  await eventually(async () => expect(await idsOf(log, 'm-0')).toEqual(['before']) ?? true);
  await eventually(() => /does not get past offset 1.*decompress/.test(JSON.stringify(bridge.bridge.health().kafka)));
  const ids = ['a', 'b', 'c'];
  for (const [index, id] of ids.entries()) {
    await kafka.produce(topic, [joining(id, 1)]);
    await eventually(async () => expect(await idsOf(log, 'm-1')).toEqual(ids.slice(0, index + 1)) ?? true);
  }
  expect(await idsOf(log, 'm-0')).toEqual(['before']);

  // What an operator does about it.
  await kafka.truncate(topic, 0, 2);
  await eventually(async () => expect(await idsOf(log, 'm-0')).toEqual(['before', 'behind']) ?? true);
  await eventually(() => bridge.bridge.health().kafka.ok);
  expect(await bridge.count('recordsMissed')).toBe(1);
  await bridge.stop();
});
