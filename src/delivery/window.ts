import type { Entry } from '../log/log.ts';
import { redeliveryDelay, type Scheduled, type Wheel } from './redelivery.ts';

/** Un-acknowledged first copies one subscription may have on their way; more only means more repeats when the client dies. */
const windowSize = 32;

interface InFlight {
  readonly sequence: number;
  readonly attempt: number;
  timer: Scheduled | null;
}

/**
 * What one subscription was sent and has not acknowledged. A copy's clock starts only when the socket took the frame: a slow network
 * must not look like a client that does not answer.
 */
export interface Window {
  readonly full: boolean;
  /** Whether `due` has an answer. */
  readonly anyDue: boolean;
  has(id: string): boolean;
  /** A copy is being handed to the socket. */
  sent(entry: Entry, attempt: number): void;
  /** The socket took everything handed to it: clocks start. */
  took(): void;
  close(ids: Iterable<string>): void;
  /** Whose time is up, with the number of the next copy; until sent again or closed. */
  due(): { readonly id: string; readonly sequence: number; readonly attempt: number }[];
  readonly clear: () => void;
}

export function createWindow(wheel: Wheel, onDue: () => void, random: () => number): Window {
  const inFlight = new Map<string, InFlight>();
  const untaken: string[] = [];
  const due = new Set<string>();

  const drop = (id: string) => {
    inFlight.get(id)?.timer?.cancel();
    inFlight.delete(id);
    due.delete(id);
  };

  return {
    get full() {
      return inFlight.size >= windowSize;
    },
    get anyDue() {
      return due.size > 0;
    },
    has: (id) => inFlight.has(id),
    sent(entry, attempt) {
      drop(entry.event.id);
      inFlight.set(entry.event.id, { sequence: entry.position.sequence, attempt, timer: null });
      untaken.push(entry.event.id);
    },
    took() {
      for (const id of untaken.splice(0)) {
        const copy = inFlight.get(id);
        if (copy === undefined || copy.timer !== null) continue;
        copy.timer = wheel.schedule(redeliveryDelay(copy.attempt, random()), () => {
          due.add(id);
          onDue();
        });
      }
    },
    close(ids) {
      for (const id of ids) drop(id);
    },
    due() {
      const ready = [];
      for (const id of due) {
        const copy = inFlight.get(id);
        if (copy !== undefined) ready.push({ id, sequence: copy.sequence, attempt: copy.attempt + 1 });
      }
      return ready;
    },
    clear() {
      for (const id of inFlight.keys()) drop(id);
      untaken.length = 0;
    },
  };
}
