import fc from 'fast-check';
import { expect, test } from 'vitest';

import { next, type Signal, type State, transitions } from '../../src/client/transitions.ts';

const states = Object.keys(transitions) as State[]; // the table's own keys
const signals: readonly Signal[] = [
  'wanted',
  'unwanted',
  'connected',
  'lost',
  'exhausted',
  'offline',
  'online',
  'suspended',
  'resumed',
  'close',
];

/** Every combination, written out a second time: a row that is changed by accident is seen. A dot: the signal means nothing there. */
const table: Record<State, readonly (State | '.')[]> = {
  //           wanted        unwanted connected lost        exhausted offline    online        suspended     resumed       close
  idle: ['connecting', '.', '.', '.', '.', '.', '.', '.', '.', 'closed'],
  connecting: ['.', 'idle', 'push', '.', 'poll', 'offline', '.', 'background', '.', 'closed'],
  push: ['.', 'idle', '.', 'degraded', '.', 'offline', '.', 'background', '.', 'closed'],
  degraded: ['.', 'idle', 'push', '.', 'poll', 'offline', '.', 'background', '.', 'closed'],
  poll: ['.', 'idle', 'push', '.', '.', 'offline', '.', 'background', '.', 'closed'],
  offline: ['.', 'idle', '.', '.', '.', '.', 'connecting', 'background', '.', 'closed'],
  background: ['.', 'idle', '.', '.', '.', '.', '.', '.', 'connecting', 'closed'],
  closed: ['.', '.', '.', '.', '.', '.', '.', '.', '.', '.'],
};

for (const state of states) {
  for (const [index, signal] of signals.entries()) {
    const expected = table[state][index];
    test(`${state} on ${signal} ${expected === '.' ? 'stays' : `becomes ${String(expected)}`}`, () => {
      expect(next(state, signal)).toBe(expected === '.' ? state : expected);
    });
  }
}

test('every state is reached from idle, and every state but closed can be left for push again', () => {
  const reach = (from: State) => {
    const found = new Set<State>([from]);
    for (const state of found) for (const signal of signals) found.add(next(state, signal));
    return found;
  };
  expect(reach('idle')).toEqual(new Set(states));
  for (const state of states) expect(reach(state).has('push'), state).toBe(state !== 'closed');
});

test('whatever is signalled in whatever order, push follows only from connected and nothing follows closed', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...signals), { maxLength: 60 }), (walk) => {
      let state: State = 'idle';
      for (const signal of walk) {
        const after = next(state, signal);
        expect(states).toContain(after);
        if (after === 'push' && state !== 'push') expect(signal).toBe('connected');
        if (state === 'closed') expect(after).toBe('closed');
        state = after;
      }
    }),
  );
});
