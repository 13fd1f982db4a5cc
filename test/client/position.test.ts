import { expect, test } from 'vitest';

import { createPosition } from '../../src/client/position.ts';

test('the newest event has the cursor, in whatever order copies come', () => {
  const position = createPosition(null);
  for (const sequence of [1, 3, 2, 3, 1]) position.passed(`c${String(sequence)}`, sequence);
  expect(position.cursor).toBe('c3');
});

test('a best-effort event has no place of its own', () => {
  const position = createPosition(null);
  position.passed('c1', 1);
  position.passed('passing', null);
  expect(position.cursor).toBe('c1');
});

test('the end of a page is newer than the events in it', () => {
  const position = createPosition(null);
  position.passed('c1', 1);
  position.passed('c2', 2);
  position.ended('end', { sequence: 1, last: 2 });
  expect(position.cursor).toBe('end');
});

test('the end of a page that push has overtaken is not taken', () => {
  const position = createPosition(null);
  position.passed('c5', 5); // pushed while the page of 1 and 2 was on its way
  position.ended('end', { sequence: 0, last: 2 });
  expect(position.cursor).toBe('c5');
});

test('an empty page moves the cursor as long as nothing came meanwhile', () => {
  const position = createPosition(null);
  position.ended('end', { sequence: 0, last: 0 });
  expect(position.cursor).toBe('end');
});

test('the cursor is the app’s own until one came from the server, and nothing after the log was lost', () => {
  const position = createPosition('start');
  expect([position.cursor, position.given]).toEqual(['start', true]);
  position.passed('c1', 1);
  expect(position.given).toBe(false);
  position.lost();
  expect([position.cursor, position.sequence]).toEqual([null, 0]);
});
