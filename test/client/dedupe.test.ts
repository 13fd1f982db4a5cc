import fc from 'fast-check';
import { expect, test } from 'vitest';

import { createHandled, idsRemembered } from '../../src/client/dedupe.ts';

test('an id is known to the stream that handled it and to no other', () => {
  const handled = createHandled();
  handled.add('a', '1');
  expect([handled.has('a', '1'), handled.has('b', '1'), handled.has('a', '2')]).toEqual([true, false, false]);
});

test('the newest 1024 are remembered, which is more than the 512 that are promised', () => {
  expect(idsRemembered).toBeGreaterThanOrEqual(512);
  const handled = createHandled();
  for (let id = 0; id <= idsRemembered; id++) handled.add('s', String(id));
  expect([handled.has('s', '0'), handled.has('s', '1'), handled.has('s', String(idsRemembered))]).toEqual([false, true, true]);
});

test('handled again, an id counts as new', () => {
  const handled = createHandled(2);
  for (const id of ['1', '2', '1', '3']) handled.add('s', id);
  expect([handled.has('s', '1'), handled.has('s', '2'), handled.has('s', '3')]).toEqual([true, false, true]);
});

test('a reload brings back exactly the newest ids, in their order', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ minLength: 1, maxLength: 30 }), { maxLength: 40 }), (ids) => {
      const before = createHandled(8);
      for (const id of ids) before.add('stream', id);
      const after = createHandled(8);
      after.merge(before.toText(null));
      for (const id of ids) expect(after.has('stream', id)).toBe(before.has('stream', id));
      expect(after.toText(null)).toBe(before.toText(null));
    }),
  );
});

test('what another tab wrote is kept beside what this one knows', () => {
  const mine = createHandled();
  const other = createHandled();
  mine.add('s', 'mine');
  other.add('s', 'other');
  const reloaded = createHandled();
  reloaded.merge(mine.toText(other.toText(null)));
  expect([reloaded.has('s', 'mine'), reloaded.has('s', 'other')]).toEqual([true, true]);
  expect(mine.has('s', 'other')).toBe(false); // this tab has not shown it
});

test.each([null, '', '{', '{}', 'null', '12', '"text"'])('stored text that is none of ours, %s, is nothing', (text) => {
  const handled = createHandled();
  handled.merge(text);
  expect(handled.toText(text)).toBe('[]');
});
