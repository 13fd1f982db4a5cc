import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import type { Principal } from '../../src/auth/allow.ts';
import { createSession, graceAfterExpiryMs, type Session } from '../../src/auth/session.ts';
import { LifelineError } from '../../src/errors.ts';

const start = Date.UTC(2030, 0, 1);
const principal = (lifeMs: number, overrides: Partial<Principal> = {}): Principal => ({
  member: 'm1',
  expiresAt: Date.now() + lifeMs,
  accounts: null,
  ...overrides,
});

let open: Session[] = [];
const session = (initial: Principal) => {
  const created = createSession(initial);
  open.push(created);
  return created;
};

const onChange = (watched: Session, told: () => void) => {
  const watcher = { onSession: told };
  watched.watch(watcher);
  return () => watched.unwatch(watcher);
};

beforeEach(() => void vi.useFakeTimers({ now: start }));
afterEach(() => {
  for (const each of open) each.dispose();
  open = [];
  expect(vi.getTimerCount(), 'a disposed session leaves no timer').toBe(0);
  vi.useRealTimers();
});

describe('a session', () => {
  test('is live until the very millisecond of its expiry and calls back there', () => {
    const it = session(principal(10_000));
    const seen: boolean[] = [];
    onChange(it, () => seen.push(it.live));
    vi.advanceTimersByTime(9_999);
    expect(it.live).toBe(true);
    expect(seen).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(it.live).toBe(false);
    expect(it.ended).toBe(false);
    expect(seen).toEqual([false]);
  });

  test('ends 25 s after its expiry, not before, and calls back once', () => {
    const it = session(principal(10_000));
    vi.advanceTimersByTime(10_000);
    let ends = 0;
    onChange(it, () => ends++);
    vi.advanceTimersByTime(graceAfterExpiryMs - 1);
    expect(it.ended).toBe(false);
    vi.advanceTimersByTime(1);
    expect(it.ended).toBe(true);
    expect(ends).toBe(1);
    vi.advanceTimersByTime(1_000_000);
    expect(ends).toBe(1);
  });

  test('that is refreshed within the grace is live again and ends by the newer expiry', () => {
    const it = session(principal(10_000));
    vi.advanceTimersByTime(10_000 + graceAfterExpiryMs - 1);
    expect(it.live).toBe(false);
    it.refresh(principal(60_000));
    expect(it.live).toBe(true);
    vi.advanceTimersByTime(60_000 - 1);
    expect(it.live).toBe(true);
    vi.advanceTimersByTime(1 + graceAfterExpiryMs);
    expect(it.ended).toBe(true);
  });

  test('that is refreshed early forgets the older expiry', () => {
    const it = session(principal(10_000));
    it.refresh(principal(60_000));
    const changes: boolean[] = [];
    onChange(it, () => changes.push(it.live));
    vi.advanceTimersByTime(59_999);
    expect(changes).toEqual([]);
  });

  test('takes a newer token that sees less, at once', () => {
    const it = session(principal(10_000, { accounts: ['A1', 'A2'] }));
    let accounts: readonly string[] | null = null;
    onChange(it, () => (accounts = it.principal.accounts));
    it.refresh(principal(5_000, { accounts: ['A1'] }));
    expect(accounts).toEqual(['A1']);
    vi.advanceTimersByTime(5_000);
    expect(it.live).toBe(false);
  });

  test("refuses another member's token and stays as it was", () => {
    const it = session(principal(10_000));
    let changes = 0;
    onChange(it, () => changes++);
    expect(() => it.refresh(principal(60_000, { member: 'm2' }))).toThrow(expect.objectContaining({ code: 'FORBIDDEN' }));
    expect(it.principal.member).toBe('m1');
    expect(changes).toBe(0);
    vi.advanceTimersByTime(10_000);
    expect(it.live).toBe(false);
  });

  test('that has ended cannot be refreshed', () => {
    const it = session(principal(10_000));
    vi.advanceTimersByTime(10_000 + graceAfterExpiryMs);
    expect(() => it.refresh(principal(60_000))).toThrow(LifelineError);
    expect(() => it.refresh(principal(60_000))).toThrow(expect.objectContaining({ code: 'UNAUTHENTICATED' }));
    expect(it.ended).toBe(true);
  });

  test('with an expiry beyond what a timer can hold neither fires early nor spins', () => {
    const lifeMs = 2 ** 31 + 5_000;
    const it = session(principal(lifeMs));
    let changes = 0;
    onChange(it, () => changes++);
    vi.advanceTimersByTime(2 ** 31 - 1);
    expect(it.live).toBe(true);
    expect(changes).toBe(0);
    vi.advanceTimersByTime(5_001);
    expect(it.live).toBe(false);
    expect(changes).toBe(1);
  });

  test('ends within half a minute of a clock that steps past its end, which no timer tells of', () => {
    const it = session(principal(20 * 60_000));
    const told: boolean[] = [];
    onChange(it, () => told.push(it.ended));
    vi.setSystemTime(Date.now() + 30 * 60_000);
    expect(it.live).toBe(false);
    vi.advanceTimersByTime(30_000);
    expect(told).toEqual([true]);
  });

  test('of a token without a practical end stays live', () => {
    const it = session({ member: 'm1', expiresAt: 8.64e15, accounts: null });
    vi.advanceTimersByTime(2 ** 32);
    expect(it.live).toBe(true);
  });

  test('opened by a token that is already in its grace ends when the grace does', () => {
    const it = session(principal(-5_000));
    expect(it.live).toBe(false);
    vi.advanceTimersByTime(graceAfterExpiryMs - 5_000);
    expect(it.ended).toBe(true);
  });

  test('tells everyone of its end when disposed, and nobody anything after that', () => {
    const it = session(principal(10_000));
    const told: string[] = [];
    onChange(it, () => told.push(it.ended ? 'ended' : 'changed'));
    it.dispose();
    expect(told).toEqual(['ended']);
    expect(it.live).toBe(false);
    it.dispose();
    vi.advanceTimersByTime(100_000);
    expect(told).toEqual(['ended']);
  });

  test('no longer calls a listener that was removed, even by another listener in the same round', () => {
    const it = session(principal(10_000));
    const told: string[] = [];
    onChange(it, () => {
      told.push('first');
      removeSecond();
    });
    const removeSecond = onChange(it, () => told.push('second'));
    vi.advanceTimersByTime(10_000);
    expect(told).toEqual(['first']);
  });
});
