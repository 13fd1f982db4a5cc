import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { LifelineError } from '../../src/errors.ts';
import { createCursors } from '../../src/graphql/cursor.ts';
import type { Position } from '../../src/log/log.ts';

const cursors = createCursors('a secret that is more than thirty-two characters long');
const position: Position = { epoch: 'epoch-1', generation: 3, sequence: 4711, chain: 'deadbeef' };

const refused = (member: string, cursor: string) => {
  try {
    cursors.decode(member, cursor);
  } catch (error) {
    return error instanceof LifelineError && error.code === 'BAD_USER_INPUT';
  }
  return false;
};

describe('a cursor', () => {
  test('comes back as the position it was made of', () => {
    fc.assert(
      fc.property(
        fc.record({
          epoch: fc.string({ maxLength: 40 }),
          generation: fc.nat(),
          sequence: fc.nat(),
          chain: fc.string({ maxLength: 8 }),
        }),
        fc.string({ minLength: 1 }),
        (position, member) => {
          expect(cursors.decode(member, cursors.encode(member, position))).toEqual(position);
        },
      ),
    );
  });

  test('is of no use to another member, nor under another secret', () => {
    const cursor = cursors.encode('m-1', position);
    expect(refused('m-2', cursor)).toBe(true);
    expect(refused('m-1', createCursors('another secret that is more than thirty-two characters').encode('m-1', position))).toBe(
      true,
    );
  });

  test('is refused whatever one character of it is changed to, and wherever it is cut', () => {
    const cursor = cursors.encode('m-1', position);
    for (let index = 0; index < cursor.length; index++) {
      expect(refused('m-1', cursor.slice(0, index))).toBe(true);
      for (const other of ['A', 'z', '-', '=', ' ', '+']) {
        if (cursor[index] !== other) expect(refused('m-1', cursor.slice(0, index) + other + cursor.slice(index + 1))).toBe(true);
      }
    }
  });

  test('has one spelling: with anything before or behind it, it is refused', () => {
    const cursor = cursors.encode('m-1', position);
    for (const more of ['=', '!', ' ', '\n', 'AAAA']) {
      expect(refused('m-1', cursor + more)).toBe(true);
      expect(refused('m-1', more + cursor)).toBe(true);
    }
  });

  test('is refused when it is empty, absurdly long or noise', () => {
    expect(refused('m-1', '')).toBe(true);
    expect(refused('m-1', 'A'.repeat(100_000))).toBe(true);
    fc.assert(fc.property(fc.string(), (noise) => refused('m-1', noise)));
    fc.assert(fc.property(fc.base64String(), (noise) => refused('m-1', noise)));
  });
});
