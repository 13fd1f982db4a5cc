import { expect, test } from 'vitest';

import { createCopies } from '../../src/delivery/copies.ts';
import type { Entry } from '../../src/log/log.ts';

const entry = (sequence: number): Entry => ({
  event: {
    id: `id-${String(sequence)}`,
    type: 'call.ready',
    member: 'm',
    channel: '/member/m/video-visit/c',
    occurredAt: 1,
    expiresAt: 2,
    accountId: null,
    data: {},
    attributes: { id: '1', source: '/', type: 'call.ready', subject: 'm' },
    origin: { topic: 't', partition: 0, offset: sequence, timestamp: 1 },
  },
  position: { epoch: 'e', generation: 1, sequence, chain: '00000000' },
  acknowledgedAt: null,
  refed: false,
});

test('whoever takes an entry in the same millisecond gets the same copy, also when several entries are taken in turn', () => {
  const firstCopy = createCopies();
  const entries = [entry(1), entry(2), entry(3)];
  const first = entries.map((each) => firstCopy(each, 5));
  const second = entries.map((each) => firstCopy(each, 5));
  for (const [index, copy] of second.entries()) expect(copy).toBe(first[index]);
  expect(first.map(({ sequence, attempt, replayed, sentAt }) => ({ sequence, attempt, replayed, sentAt }))).toEqual(
    [1, 2, 3].map((sequence) => ({ sequence, attempt: 1, replayed: false, sentAt: 5 })),
  );
});

test('a later millisecond is another copy, and many entries in between are no mix-up', () => {
  const firstCopy = createCopies();
  const one = entry(1);
  expect(firstCopy(one, 5).sentAt).toBe(5);
  expect(firstCopy(one, 6).sentAt).toBe(6);
  for (let sequence = 2; sequence < 100; sequence++) expect(firstCopy(entry(sequence), 6).sequence).toBe(sequence);
  expect(firstCopy(one, 6)).toMatchObject({ sequence: 1, sentAt: 6 });
});

test('the same sequence read anew, as after a loss, is another copy', () => {
  const firstCopy = createCopies();
  const acknowledged = { ...entry(1), acknowledgedAt: 7 };
  expect(firstCopy(entry(1), 5).acknowledgedAt).toBeNull();
  expect(firstCopy(acknowledged, 5).acknowledgedAt).toBe(7);
});
