import { describe, expect, test } from 'vitest';

import type { Principal } from '../../src/auth/allow.ts';
import { createVerifiedTokens } from '../../src/auth/verified.ts';
import type { LifelineError } from '../../src/errors.ts';

const principal = (member: string): Principal => ({ member, expiresAt: 1_000, accounts: null });

/** The memory over a verifier whose every answer the test holds back and counts. */
function memory(capacity: number) {
  const asked: string[] = [];
  const settle: { resolve: (principal: Principal) => void; reject: (error: Error) => void }[] = [];
  let instant = true;
  const verified = createVerifiedTokens(
    (token) => {
      asked.push(token);
      if (instant) return Promise.resolve(principal(token));
      const { promise, resolve, reject } = Promise.withResolvers<Principal>();
      settle.push({ resolve, reject });
      return promise;
    },
    capacity,
    () => 0,
  );
  return { verified, asked, settle, hold: () => void (instant = false), release: () => void (instant = true) };
}

describe('the memory of verified tokens', () => {
  test('holds at most its capacity and lets go of the least recently used first', async () => {
    const { verified, asked } = memory(2);
    await verified.get('a');
    await verified.get('b');
    await verified.get('a');
    await verified.get('c');
    expect(verified.size).toBe(2);
    await verified.get('a');
    expect(asked).toEqual(['a', 'b', 'c']);
    await verified.get('b');
    expect(asked).toEqual(['a', 'b', 'c', 'b']);
  });

  test('does not remember a failure', async () => {
    const { verified, asked, settle, hold, release } = memory(2);
    hold();
    const failed = verified.get('a');
    settle[0]?.reject(new Error('no'));
    await expect(failed).rejects.toThrow('no');
    release();
    await expect(verified.get('a')).resolves.toMatchObject({ member: 'a' });
    expect(asked).toEqual(['a', 'a']);
  });

  test('shares a failure among those who waited for the same verification', async () => {
    const { verified, asked, settle, hold } = memory(2);
    hold();
    const both = Promise.allSettled([verified.get('a'), verified.get('a')]);
    settle[0]?.reject(new Error('no'));
    expect((await both).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(asked).toEqual(['a']);
  });

  test('answers UNAVAILABLE rather than let more verifications wait than it could remember', async () => {
    const { verified, settle, hold } = memory(1);
    hold();
    const waiting = verified.get('a');
    await expect(verified.get('b')).rejects.toThrow(expect.objectContaining({ code: 'UNAVAILABLE' }) as LifelineError);
    settle[0]?.resolve(principal('a'));
    await expect(waiting).resolves.toMatchObject({ member: 'a' });
  });
});
