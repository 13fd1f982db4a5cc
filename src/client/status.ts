import type { TransportKind } from './client.ts';
import type { State } from './transitions.ts';

/** How fresh the app is. A new object whenever something of it changed. */
export interface Status {
  readonly state: State;
  /** What events come by now; null while by nothing. */
  readonly transport: TransportKind | null;
  /** When `state` was entered, ms since the epoch. */
  readonly since: number;
  /** When the last event of any stream arrived, by whatever path, ms since the epoch. */
  readonly lastEventAt: number | null;
  /** When the next query is due, ms since the epoch; null while none is. */
  readonly nextPollAt: number | null;
  /** Failed tries to connect since push last worked. */
  readonly attempt: number;
  /** Why there is no push, in words for a log or a debugging view; null while there is. */
  readonly reason: string | null;
}

/** Holds the status and tells who listens; what did not change is not told. */
export function createStatus(initial: Status, onListenerError: (error: unknown) => void) {
  let status = initial;
  const listeners = new Set<() => void>();
  return {
    get: () => status,
    subscribe: (listener: () => void) => {
      const entry = () => listener(); // its own identity: the same function may listen twice
      listeners.add(entry);
      return () => void listeners.delete(entry);
    },
    set(change: Partial<Status>) {
      const next = { ...status, ...change };
      if ((Object.keys(next) as (keyof Status)[]).every((key) => next[key] === status[key])) return; // the keys of a Status
      status = next;
      for (const listener of listeners) {
        try {
          listener();
        } catch (error) {
          onListenerError(error); // one view that breaks must not keep the others, or the client, from going on
        }
      }
    },
  };
}
