import { afterEach, expect, it } from 'vitest';

import { startLane } from '../../src/bridge/lane.ts';
import type { Batch, KafkaRecord, PartitionReader } from '../../src/bridge/records.ts';
import type { SourceWriter } from '../../src/log/log.ts';
import { createMemoryLog } from '../../src/log/memory.ts';
import { createLogger } from '../../src/operations/logger.ts';
import { createMetrics } from '../../src/operations/metrics.ts';
import { eventually } from '../support/eventually.ts';
import { exampleEvent, structuredRecord } from '../support/events.ts';
import { idsOf } from './harness.ts';

// What no broker does on request: a client that jumps, and offsets that are gone in the middle.
const stopping: AbortController[] = [];
afterEach(() => stopping.splice(0).forEach((controller) => controller.abort()));

const recordAt = (offset: number): KafkaRecord => {
  const { value, headers } = structuredRecord(exampleEvent('call.join', { id: `e-${offset}` }));
  return {
    key: null,
    value: Buffer.from(String(value)),
    headers: { ...headers },
    origin: { topic: 't', partition: 0, offset, timestamp: Date.now() },
  };
};

/** A partition that holds these offsets; `answer` may change what a read from somewhere gets. */
function lane(
  offsets: readonly number[],
  answer: (from: number, honest: Batch | null) => Batch | null,
  through = (source: SourceWriter) => source,
) {
  const log = createMemoryLog();
  const controller = new AbortController();
  stopping.push(controller);
  const asked: number[] = [];
  const range = { low: 0, high: (offsets.at(-1) ?? -1) + 1 };
  const reader: PartitionReader = {
    topic: 't',
    source: 't',
    partition: 0,
    lost: new AbortController().signal,
    async read(from) {
      await new Promise((resolve) => setImmediate(resolve));
      const found = offsets.filter((offset) => offset >= from);
      const [first] = found;
      const honest = first === undefined ? null : { first, next: range.high, records: found.map(recordAt) };
      if (honest !== null) asked.push(from);
      return answer(from, honest);
    },
    range: async () => range,
    lastRange: () => range,
    offsetAt: async () => 0,
    committed: async () => null,
    commit: () => undefined,
  };
  const metrics = createMetrics();
  const deadLetters = { send: async () => undefined, health: () => ({ ok: true }) as const };
  const signals = { stopping: controller.signal, abandon: controller.signal };
  const shared = {
    logger: createLogger('silent'),
    metrics,
    memory: { source: 't', applied: 0 },
    now: Date.now,
    onTrouble: () => undefined,
  };
  const source = through(log.source('t', 0));
  const appends: number[] = [];
  const writer: SourceWriter = {
    ...source,
    append(to, records) {
      appends.push(records.length);
      return source.append(to, records);
    },
  };
  startLane({ reader, writer, deadLetters, ...shared, ...signals });
  return { log, asked, appends, range };
}

const arrived = (log: ReturnType<typeof createMemoryLog>, offsets: readonly number[]) =>
  eventually(async () => expect(await idsOf(log, 'm-1')).toEqual(offsets.map((offset) => `e-${offset}`)) ?? true);

it('a client that jumps forward once is asked again, and nothing is skipped', async () => {
  let jumped = false;
  const { log, asked } = lane([0, 1, 2, 3, 4], (from, honest) => {
    if (from !== 0 || jumped) return honest;
    jumped = true;
    return { first: 3, next: 5, records: [recordAt(3), recordAt(4)] };
  });
  await arrived(log, [0, 1, 2, 3, 4]);
  expect(asked).toEqual([0, 0]);
});

it('offsets that are gone in Kafka are accepted as gone when asking again says the same', async () => {
  const { log, asked } = lane([4, 5, 9], (_, honest) => honest);
  await arrived(log, [4, 5, 9]);
  expect(asked).toEqual([0, 0]);
});

it('a client that hands out an older batch than asked for is asked again, and nothing is applied twice', async () => {
  let strayed = false;
  const { log } = lane([0, 1, 2, 3], (from, honest) => {
    if (from === 0) return { first: 0, next: 2, records: [recordAt(0), recordAt(1)] };
    if (strayed) return honest;
    strayed = true;
    return { first: 1, next: 3, records: [recordAt(1), recordAt(2)] };
  });
  await arrived(log, [0, 1, 2, 3]);
});

it('a partition that ends below what was applied is begun anew, whatever its topic is called', async () => {
  const offsets = [0, 1, 2, 3, 4, 5];
  const { log, range } = lane(offsets, (_, honest) => honest);
  await arrived(log, [0, 1, 2, 3, 4, 5]);
  // As after an unclean election, or where Kafka does not tell one topic from its successor.
  offsets.splice(0, 6, 0, 1, 2);
  range.high = 3;
  await eventually(async () => (await log.source('t', 0).resume()).next === 3);
  offsets.push(3, 4, 5, 6);
  range.high = 7;
  await arrived(log, [0, 1, 2, 3, 4, 5, 6]);
});

it('a batch of thousands reaches the log in pieces, in order', async () => {
  const offsets = Array.from({ length: 2_500 }, (_, offset) => offset);
  const { log, appends } = lane(offsets, (_, honest) => honest);
  await arrived(log, offsets);
  expect(appends).toEqual([1_000, 1_000, 500]);
});

it('what another process applied before this one came, and the log has lost since, is flagged when it is fed again', async () => {
  let lost = false;
  const { log } = lane(
    [0, 1, 2],
    (_, honest) => honest,
    (source) => ({
      ...source,
      async resume() {
        await source.begin(3);
        return source.resume();
      },
      async verify() {
        if (lost) return source.verify();
        lost = true;
        await source.restart(1);
        return { status: 'gap', next: 1 };
      },
    }),
  );
  await eventually(async () => {
    const { entries } = await log.read('m-1', { after: null, limit: 10 });
    return entries.length === 2 && entries.every(({ refed }) => refed);
  });
});

it('where Kafka deleted records before they were applied, the log hears at once where to go on, so that nobody counts them twice', async () => {
  const calls: string[] = [];
  const { log, range } = lane(
    [3, 4],
    (_, honest) => honest,
    (source) => ({
      ...source,
      async resume() {
        await source.begin(0);
        return source.resume();
      },
      append(to, records) {
        calls.push(`append ${to}`);
        return source.append(to, records);
      },
      settle() {
        calls.push('settle');
        return source.settle();
      },
    }),
  );
  range.low = 3;
  await arrived(log, [3, 4]);
  expect(calls.slice(0, 3)).toEqual(['append 3', 'settle', 'append 5']);
});
