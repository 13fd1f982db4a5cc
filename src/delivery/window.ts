import type { Entry } from '../log/log.ts';
import { redeliveryDelay, type Scheduled, type Wheel } from './redelivery.ts';

/** Un-acknowledged first copies one subscription may have on their way; more only means more repeats when the client dies. */
const windowSize = 32;

interface InFlight {
  readonly sequence: number;
  readonly attempt: number;
  /** By the wheel's clock; infinite until the socket took the copy, and once it is due. */
  dueAt: number;
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
  const due = new Set<string>();
  let untaken: InFlight[] = [];
  /** One for all copies, for the earliest of them. It may find nothing left to do: most copies are acknowledged long before it. */
  let timer: (Scheduled & { readonly at: number }) | undefined;

  const arm = (at: number) => {
    if (timer !== undefined && timer.at <= at) return;
    timer?.cancel();
    timer = { at, ...wheel.schedule(at - wheel.now(), look) };
  };
  const look = () => {
    timer = undefined;
    const now = wheel.now();
    let earliest = Number.POSITIVE_INFINITY;
    let found = false;
    for (const [id, copy] of inFlight) {
      if (copy.dueAt > now) {
        earliest = Math.min(earliest, copy.dueAt);
        continue;
      }
      copy.dueAt = Number.POSITIVE_INFINITY;
      due.add(id);
      found = true;
    }
    if (earliest !== Number.POSITIVE_INFINITY) arm(earliest);
    if (found) onDue();
  };
  const drop = (id: string) => {
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
      const { id } = entry.event;
      const copy = { sequence: entry.position.sequence, attempt, dueAt: Number.POSITIVE_INFINITY };
      due.delete(id);
      inFlight.set(id, copy);
      untaken.push(copy);
    },
    took() {
      if (untaken.length === 0) return;
      const now = wheel.now();
      // One that was acknowledged meanwhile is in no map any more: its time comes and finds nothing.
      for (const copy of untaken) {
        copy.dueAt = now + redeliveryDelay(copy.attempt, random());
        arm(copy.dueAt);
      }
      untaken = [];
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
      inFlight.clear();
      due.clear();
      untaken = [];
      timer?.cancel();
      timer = undefined;
    },
  };
}
