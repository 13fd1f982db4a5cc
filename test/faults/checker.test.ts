import { describe, expect, test } from 'vitest';

import { check, type Delivered, type History } from './harness/checker.ts';

const at = 1_000_000;
const produced = ['a', 'b', 'c'].map((id, index) => ({ member: 'm', id, at: at + index }));
const copy = (id: string, more: Partial<Delivered> = {}): Delivered => ({
  device: 'm/0',
  member: 'm',
  of: 'm',
  id,
  sequence: 1,
  attempt: 1,
  replayed: false,
  at: at + 10,
  connection: 1,
  ...more,
});
const acknowledged = ['a', 'b', 'c'].map((id) => ({ member: 'm', id, at: at + 20 }));
const clean: History = {
  produced,
  deliveries: [copy('a'), copy('b'), copy('c')],
  acknowledged,
  pending: [],
  deadLetters: [],
  leaks: [],
  allowed: {},
};
const verdicts = (history: Partial<History>) => [...new Set(check({ ...clean, ...history }).map(({ verdict }) => verdict))];

describe('the checker', () => {
  test('is silent about a run in which everything came and was acknowledged', () => expect(check(clean)).toEqual([]));

  test('is silent about what is pending or dead-lettered instead, and about flagged repeats', () => {
    expect(
      verdicts({
        deliveries: [copy('c')],
        acknowledged: acknowledged.slice(2),
        pending: [{ member: 'm', id: 'a' }],
        deadLetters: [{ id: 'b' }],
      }),
    ).toEqual([]);
    expect(
      verdicts({ deliveries: [copy('a'), copy('b'), copy('a', { replayed: true }), copy('b', { attempt: 2 }), copy('c')] }),
    ).toEqual([]);
  });

  test('is silent about what was closed before a device came, and comes late and flagged since the log lost that', () => {
    const late = { device: 'm/1', at: at + 30 };
    const reopened = { ...late, replayed: true };
    const deliveries = [...clean.deliveries, copy('b', late), copy('c', late), copy('a', reopened)];
    expect(verdicts({ deliveries })).toEqual(['order']);
    expect(verdicts({ deliveries, allowed: { resurrection: true } })).toEqual([]);
    expect(
      verdicts({ deliveries: [...clean.deliveries, copy('b', late), copy('a', late)], allowed: { resurrection: true } }),
    ).toEqual(['order']);
  });

  test.each<[string, Partial<History>]>([
    ['lost', { deliveries: [copy('a'), copy('b')], acknowledged: acknowledged.slice(0, 2) }],
    ['lost', { acknowledged: acknowledged.slice(0, 2) }],
    ['lost', { unpolled: [{ member: 'm', id: 'a' }] }],
    ['foreign', { deliveries: [...clean.deliveries, copy('a', { device: 'other/0', of: 'other' })] }],
    ['order', { deliveries: [copy('b'), copy('a'), copy('c')] }],
    ['unflagged-duplicate', { deliveries: [...clean.deliveries, copy('b')] }],
    ['false-recovered', { deliveries: [copy('a'), copy('c'), copy('b', { device: 'm/1' })] }],
    ['resurrected', { deliveries: [...clean.deliveries, copy('a', { attempt: 2, at: at + 60_000 })] }],
    ['leak', { leaks: ['gateway 0 lifeline_listeners: 3'] }],
  ])('says %s', (verdict, history) => expect(verdicts(history)).toContain(verdict));
});
