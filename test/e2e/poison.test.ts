import { afterAll, beforeAll, expect, test } from 'vitest';

import { exampleEvent, structuredRecord } from '../support/events.ts';
import { eventually } from '../support/eventually.ts';
import { type EventNode, pending, request, subscribe } from '../support/graphql.ts';
import type { ProducedRecord } from '../support/kafka.ts';
import { type Lifeline, tokenFor } from '../support/lifeline.ts';
import { numbered, type Stack, startStack } from './stack.ts';

let stack: Stack;
let lifeline: Lifeline;

beforeAll(async () => {
  stack = await startStack({ partitions: 1 });
  lifeline = await stack.start('all');
});
afterAll(() => stack?.stop());

const member = 'm-poison';
const DAY = 24 * 3_600_000;

const poison: Record<string, ProducedRecord> = {
  'invalid-json': { key: member, value: '{"specversion":"1.0",', headers: { 'content-type': 'application/cloudevents+json' } },
  'invalid-envelope': structuredRecord(exampleEvent('rte.completed', { member: 'no member/**' })),
  'unknown-type': structuredRecord(exampleEvent('rte.completed', { member, extensions: { type: 'rte.reconsidered' } })),
  'invalid-payload': structuredRecord(exampleEvent('rte.progress', { member, data: { percent: 'forty' } })),
  'too-large': structuredRecord(exampleEvent('call.ended', { member, data: { reason: 'x'.repeat(70_000) } })),
  expired: structuredRecord(exampleEvent('call.ready', { member, time: Date.now() - DAY })),
};

test('six kinds of poison are dead-lettered once, with their bytes, and the good record behind each arrives', async () => {
  const subscribed = subscribe(lifeline.wsUrl, await tokenFor(member), member, { acknowledge: true });
  for (const [index, record] of Object.values(poison).entries()) {
    const withHeader = { ...record, headers: { ...record.headers, 'x-trace': `t-${index}` } };
    await stack.kafka.produce(stack.topics.coverage, [withHeader, ...numbered(member, index, index).map(structuredRecord)]);
    expect((await subscribed.take(index + 1))[index]).toMatchObject({ workflowId: `n-${index}` });
  }
  const letters = await eventually(async () => {
    const all = await stack.kafka.readAll(stack.topics.deadLetters);
    return all.length >= 6 && all;
  });
  expect(letters).toHaveLength(6);
  for (const [index, [reason, record]] of Object.entries(poison).entries()) {
    const letter = letters.find(({ headers }) => headers['lifeline-reason'] === reason);
    expect(letter?.value?.toString(), reason).toBe(record.value?.toString());
    expect(letter?.key).toBe(record.key);
    expect(letter?.headers).toMatchObject({
      'content-type': record.headers?.['content-type'],
      'x-trace': `t-${index}`,
      'lifeline-detail': expect.any(String),
      'lifeline-topic': stack.topics.coverage,
      'lifeline-partition': '0',
      'lifeline-offset': String(index * 2),
    });
    expect(letter?.headers['lifeline-detail']).not.toMatch(/forty|xxxx|no member/);
    expect(await lifeline.metric('lifeline_dead_letters_total', { reason })).toBe(1);
  }
  subscribed.stop();
});

test('an event that nobody acknowledged in time is not delivered any more and is dead-lettered as expired', async () => {
  const who = 'm-expiry';
  const token = await tokenFor(who);
  // Two hours is what a call.ready lives: this one has seconds left.
  const event = exampleEvent('call.ready', { member: who, time: Date.now() - 2 * 3_600_000 + 6_000 });
  await stack.produce([event]);
  const subscribed = subscribe(lifeline.wsUrl, token, who);
  const [delivered] = await subscribed.take(1);
  subscribed.stop();
  const letter = await eventually(
    async () => (await stack.kafka.readAll(stack.topics.deadLetters)).find(({ key }) => key === who),
    { withinMs: 60_000, what: 'the dead letter' },
  );
  expect(letter.headers).toMatchObject({
    'lifeline-reason': 'expired',
    'lifeline-topic': stack.topics.calls,
    'lifeline-offset': expect.any(String),
  });
  expect(JSON.parse(letter.value?.toString() ?? '')).toMatchObject({
    id: event.id,
    source: event.source,
    type: 'call.ready',
    data: event.data,
  });
  const answer = await request<{ pendingDeliveries: { nodes: EventNode[] }; acknowledgeDeliveries?: object }>(
    lifeline.url,
    token,
    pending,
  );
  expect(answer.data?.pendingDeliveries.nodes).toEqual([]);
  expect(delivered?.delivery.id).toBeDefined();
}, 120_000);
