import type { Entry } from '../log/log.ts';
import { redeliveryDelay, type Scheduled, type Timed, type Wheel } from './redelivery.ts';

/** Un-acknowledged first copies one subscription may have on their way; more only means more repeats when the client dies. */
const windowSize = 32;

interface InFlight {
  readonly sequence: number;
  readonly attempt: number;
  /** By the wheel's clock; infinite until the socket took the copy, and once it is due. */
  dueAt: number;
}

export interface WindowParts {
  readonly wheel: Wheel;
  /** In [0, 1). */
  readonly random: () => number;
}

export interface WindowOwner {
  /** `due` has an answer. */
  onDue(): void;
}

/**
 * What one subscription was sent and has not acknowledged. A copy's clock starts only when the socket took the frame: a slow network
 * must not look like a client that does not answer.
 */
export class Window implements Timed {
  readonly #parts: WindowParts;
  readonly #owner: WindowOwner;
  /** Only while there is something in it: most subscriptions wait most of the time. */
  #inFlight: Map<string, InFlight> | undefined;
  #due: Set<string> | undefined;
  /** The socket is taking it now. */
  #untaken: InFlight | undefined;
  /** One for all copies, for the earliest of them. It may find nothing left to do: most copies are acknowledged long before it. */
  #timer: { readonly at: number; readonly scheduled: Scheduled } | undefined;

  constructor(parts: WindowParts, owner: WindowOwner) {
    this.#parts = parts;
    this.#owner = owner;
  }

  get full(): boolean {
    return this.#inFlight !== undefined && this.#inFlight.size >= windowSize;
  }

  /** Whether `due` has an answer. */
  get anyDue(): boolean {
    return this.#due !== undefined && this.#due.size > 0;
  }

  has(id: string): boolean {
    return this.#inFlight !== undefined && this.#inFlight.has(id);
  }

  /** A copy is being handed to the socket, which took the one before it. */
  sent(entry: Entry, attempt: number): void {
    const { id } = entry.event;
    const copy = { sequence: entry.position.sequence, attempt, dueAt: Number.POSITIVE_INFINITY };
    this.#due?.delete(id);
    (this.#inFlight ??= new Map<string, InFlight>()).set(id, copy);
    this.#untaken = copy;
  }

  /** The socket took what was handed to it: its clock starts. */
  took(): void {
    const copy = this.#untaken;
    if (copy === undefined) return;
    this.#untaken = undefined;
    const { wheel, random } = this.#parts;
    // One that was acknowledged meanwhile is in no map any more: its time comes and finds nothing.
    copy.dueAt = wheel.now() + redeliveryDelay(copy.attempt, random());
    this.#arm(copy.dueAt);
  }

  close(id: string): void {
    this.#inFlight?.delete(id);
    this.#due?.delete(id);
  }

  /** Whose time is up, with the number of the next copy; until sent again or closed. */
  due(): { readonly id: string; readonly sequence: number; readonly attempt: number }[] {
    const ready = [];
    for (const id of this.#due ?? []) {
      const copy = this.#inFlight?.get(id);
      if (copy !== undefined) ready.push({ id, sequence: copy.sequence, attempt: copy.attempt + 1 });
    }
    return ready;
  }

  clear(): void {
    this.#inFlight = undefined;
    this.#due = undefined;
    this.#untaken = undefined;
    this.#timer?.scheduled.cancel();
    this.#timer = undefined;
  }

  onTime(): void {
    this.#timer = undefined;
    const now = this.#parts.wheel.now();
    let earliest = Number.POSITIVE_INFINITY;
    let found = false;
    for (const [id, copy] of this.#inFlight ?? []) {
      if (copy.dueAt > now) {
        earliest = Math.min(earliest, copy.dueAt);
        continue;
      }
      copy.dueAt = Number.POSITIVE_INFINITY;
      (this.#due ??= new Set<string>()).add(id);
      found = true;
    }
    if (earliest !== Number.POSITIVE_INFINITY) this.#arm(earliest);
    // Not at once when the last one is acknowledged: the next event would have to make them anew.
    if (this.#inFlight?.size === 0) {
      this.#inFlight = undefined;
      this.#due = undefined;
    }
    if (found) this.#owner.onDue();
  }

  #arm(at: number): void {
    if (this.#timer !== undefined && this.#timer.at <= at) return;
    this.#timer?.scheduled.cancel();
    const { wheel } = this.#parts;
    this.#timer = { at, scheduled: wheel.schedule(at - wheel.now(), this) };
  }
}
