import fc from 'fast-check';
import { expect, test } from 'vitest';

import { merge } from '../../src/delivery/merge.ts';
import type { Entry } from '../../src/log/log.ts';
import { coverageResult } from '../support/entries.ts';

const entry = (sequence: number): Entry => ({
  event: coverageResult('m', sequence),
  position: { epoch: 'e', generation: 1, sequence, chain: 'c' },
  acknowledgedAt: null,
  refed: false,
});
const sequences = (entries: readonly Entry[]) => entries.map(({ position }) => position.sequence);
const range = (from: number, to: number) => Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);

test('what was heard behind what was read follows in order', () => {
  const merged = merge({ entries: [entry(1), entry(2)], scannedTo: 2 }, [entry(4), entry(3)]);
  expect(sequences(merged.entries)).toEqual([1, 2, 3, 4]);
  expect(merged).toMatchObject({ position: 4, gap: false });
});

test('nothing is taken across a hole, and the hole is reported', () => {
  const merged = merge({ entries: [], scannedTo: 2 }, [entry(3), entry(5)]);
  expect(sequences(merged.entries)).toEqual([3]);
  expect(merged).toMatchObject({ position: 3, gap: true });
});

test('for every log, read up to anywhere, and every way of hearing the rest: each entry once, in order, without a hole', () => {
  fc.assert(
    fc.property(
      fc.nat(30).chain((top) =>
        fc.record({
          top: fc.constant(top),
          scannedTo: fc.nat(top),
          uninteresting: fc.uniqueArray(fc.integer({ min: 1, max: Math.max(1, top) })),
          heard: fc.array(fc.integer({ min: 1, max: Math.max(1, top) }), { maxLength: 60 }),
        }),
      ),
      ({ top, scannedTo, uninteresting, heard }) => {
        const read = range(1, scannedTo).filter((sequence) => !uninteresting.includes(sequence));
        const merged = merge({ entries: read.map(entry), scannedTo }, heard.filter((sequence) => sequence <= top).map(entry));
        const behind = sequences(merged.entries).slice(read.length);
        expect(sequences(merged.entries).slice(0, read.length)).toEqual(read);
        expect(behind).toEqual(range(scannedTo + 1, merged.position));
        expect(merged.gap).toBe(heard.some((sequence) => sequence <= top && sequence > merged.position));
      },
    ),
  );
});
