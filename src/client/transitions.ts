/**
 * - `idle`: nobody wants events, so nothing is connected
 * - `connecting`: the first tries; nothing came through yet
 * - `push`: events come by themselves
 * - `degraded`: push broke off and is being brought back; what is outstanding is asked for
 * - `poll`: three tries failed, or push is not wanted: events are asked for, push is still being tried
 * - `offline`: the device says that it has no network
 * - `background`: hidden for long enough; everything rests
 * - `closed`: for good
 */
export type State = 'idle' | 'connecting' | 'push' | 'degraded' | 'poll' | 'offline' | 'background' | 'closed';

/**
 * `wanted`, `unwanted`: the first stream came, the last one went. `connected`, `lost`: push. `exhausted`: three tries failed.
 * `offline`, `online`, `suspended`, `resumed`: what the device says. `close`: what the app says.
 */
export type Signal =
  | 'wanted'
  | 'unwanted'
  | 'connected'
  | 'lost'
  | 'exhausted'
  | 'offline'
  | 'online'
  | 'suspended'
  | 'resumed'
  | 'close';

/** What is not here does not happen: a signal that a state has no row for leaves it as it is. */
export const transitions = {
  idle: { wanted: 'connecting', close: 'closed' },
  connecting: {
    connected: 'push',
    exhausted: 'poll',
    offline: 'offline',
    suspended: 'background',
    unwanted: 'idle',
    close: 'closed',
  },
  push: { lost: 'degraded', offline: 'offline', suspended: 'background', unwanted: 'idle', close: 'closed' },
  degraded: {
    connected: 'push',
    exhausted: 'poll',
    offline: 'offline',
    suspended: 'background',
    unwanted: 'idle',
    close: 'closed',
  },
  poll: { connected: 'push', offline: 'offline', suspended: 'background', unwanted: 'idle', close: 'closed' },
  offline: { online: 'connecting', suspended: 'background', unwanted: 'idle', close: 'closed' },
  background: { resumed: 'connecting', unwanted: 'idle', close: 'closed' },
  closed: {},
} as const satisfies Record<State, Partial<Record<Signal, State>>>;

/** Where the signal leads from here; the same state where it means nothing. */
export function next(state: State, signal: Signal): State {
  const row: Partial<Record<Signal, State>> = transitions[state];
  return row[signal] ?? state;
}
