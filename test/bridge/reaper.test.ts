import { afterAll, afterEach, expect, inject, it } from 'vitest';

import type { DeadLetter, DeadLetters } from '../../src/bridge/dead-letter.ts';
import { createReaper, type Reaper } from '../../src/bridge/reaper.ts';
import { createMemoryLog } from '../../src/log/memory.ts';
import { createLogger } from '../../src/operations/logger.ts';
import { createMetrics } from '../../src/operations/metrics.ts';
import { createAppender } from '../support/entries.ts';
import { eventually } from '../support/eventually.ts';
import { exampleEvent, structuredRecord } from '../support/events.ts';
import { kafkaTools } from '../support/kafka.ts';
import { decode } from '../../src/bridge/decode.ts';
import { idsOf, startTestBridge, unique } from './harness.ts';

const kafka = kafkaTools(inject('kafkaBrokers'));
const logger = createLogger('silent');
const reapers: Reaper[] = [];
afterEach(async () => {
  await Promise.all(reapers.splice(0).map((reaper) => reaper.stop()));
});
afterAll(() => kafka.close());

function start(log: ReturnType<typeof createMemoryLog>, deadLetters: DeadLetters) {
  const metrics = createMetrics();
  const reaper = createReaper({ log, deadLetters, logger, metrics, everyMs: 50 });
  reapers.push(reaper);
  reaper.start();
  return async () => (await metrics.deadLetters.get()).values.find(({ labels }) => labels.reason === 'expired')?.value ?? 0;
}

/** A log whose clock can be moved on, with one call event in it. */
async function logWithCall() {
  let ahead = 0;
  const log = createMemoryLog({ now: () => Date.now() + ahead });
  const example = exampleEvent('call.join', { id: 'e-1', extensions: { traceparent: '00-ab-cd-01' } });
  const { key, value, headers } = structuredRecord(example);
  const origin = { topic: 'calls', partition: 3, offset: 42, timestamp: Date.now() };
  const decoded = decode(
    { key: Buffer.from(String(key)), value: Buffer.from(String(value)), headers: { ...headers }, origin },
    Date.now(),
  );
  if (!decoded.ok) throw new Error(decoded.detail);
  await (
    await createAppender(log)
  )(decoded.event);
  return { log, example, expire: () => (ahead = 3 * 3_600_000) };
}

it('an event that expires un-acknowledged is in the dead-letter topic, as the CloudEvent it was, and gone from the log', async () => {
  const { log, example, expire } = await logWithCall();
  const [topic, dlq] = [unique('topic'), unique('dlq')];
  await kafka.createTopic(topic);
  await kafka.createTopic(dlq);
  const bridge = startTestBridge({
    brokers: kafka.brokers,
    log: createMemoryLog(),
    topics: [topic],
    deadLetterTopic: dlq,
  });
  const expired = start(log, bridge.deadLetters);
  expire();
  await eventually(async () => (await expired()) === 1);
  const [letter, ...more] = await kafka.readAll(dlq);
  expect(more).toEqual([]);
  expect(letter).toMatchObject({
    key: 'm-1',
    headers: {
      'content-type': 'application/cloudevents+json; charset=UTF-8',
      'lifeline-reason': 'expired',
      'lifeline-topic': 'calls',
      'lifeline-partition': '3',
      'lifeline-offset': '42',
    },
  });
  expect(JSON.parse(String(letter?.value))).toEqual(example);
  expect(await idsOf(log, 'm-1')).toEqual([]);
  await bridge.stop();
});

it('dead letters that cannot be sent keep the event in the log, and are sent once that works', async () => {
  const { log, expire } = await logWithCall();
  const sent: DeadLetter[] = [];
  let refusals = 3;
  const expired = start(log, {
    send: async (letters) => {
      if (refusals-- > 0) throw new Error('away');
      sent.push(...letters);
    },
    health: () => ({ ok: true }),
  });
  expire();
  await eventually(async () => (await expired()) === 1);
  expect(sent).toHaveLength(1);
});

it('a log that rejects does not end the reaper', async () => {
  const { log, expire } = await logWithCall();
  let failures = 2;
  const reap: typeof log.reap = async (bury) => {
    if (failures-- > 0) throw new Error('away');
    return log.reap(bury);
  };
  const expired = start({ ...log, reap }, { send: async () => undefined, health: () => ({ ok: true }) });
  expire();
  await eventually(async () => (await expired()) === 1);
});

it('a reaper whose dead letters are neither taken nor refused still stops', async () => {
  const { log, expire } = await logWithCall();
  const asked = Promise.withResolvers<void>();
  const send = () => {
    asked.resolve();
    return new Promise<void>(() => undefined);
  };
  const reaper = createReaper({
    log,
    deadLetters: { send, health: () => ({ ok: true }) },
    logger,
    metrics: createMetrics(),
    everyMs: 50,
  });
  expire();
  reaper.start();
  await asked.promise;
  await expect(reaper.stop()).resolves.toBeUndefined();
});
