/** Sent again 5, 10, 20, 30, 30 … s after the socket took the last copy. */
const delaysMs = [5_000, 10_000, 20_000, 30_000] as const;

/** Spread, so that a burst that nobody acknowledged does not come back as a burst. */
const jitter = 0.2;

/**
 * How long to wait for an acknowledgement of copy number `attempt` (1 for the first), ms.
 * @param random in [0, 1)
 */
export function redeliveryDelay(attempt: number, random: number): number {
  const delay = delaysMs[Math.min(attempt, delaysMs.length) - 1] ?? delaysMs[0];
  return Math.round(delay * (1 - jitter + 2 * jitter * random));
}

/** Whose time comes. */
export interface Timed {
  onTime(): void;
}

/** Tells whoever is scheduled once `delayMs` have passed, to within one slot, and must cope with being late. Cancel with its owner. */
export interface Wheel {
  /** Its clock, ms. */
  readonly now: () => number;
  schedule(delayMs: number, timed: Timed): Scheduled;
  stop(): void;
}

export interface Scheduled {
  cancel(): void;
}

const slotMs = 100;

/**
 * One timer for every redelivery of the process: thousands of un-acknowledged copies would otherwise mean thousands of timers, armed
 * and cancelled again within milliseconds. Slots are filled by absolute time; the timer runs only while something is scheduled.
 */
export function createWheel(now: () => number = () => performance.now()): Wheel {
  const slots: Slots = new Map();
  let timer: NodeJS.Timeout | undefined;
  let turned = Math.floor(now() / slotMs);

  const turn = () => {
    const current = Math.floor(now() / slotMs);
    // A stalled event loop skips slots: walk every one, so that late is the worst that can happen.
    for (; turned <= current; turned++) {
      const slot = slots.get(turned);
      slots.delete(turned);
      for (const entry of slot ?? []) entry.onTime();
    }
    if (slots.size === 0) stop();
  };
  const stop = () => {
    clearInterval(timer);
    timer = undefined;
  };

  return {
    now,
    schedule(delayMs, timed) {
      if (timer === undefined) {
        turned = Math.floor(now() / slotMs);
        timer = setInterval(turn, slotMs);
        timer.unref();
      }
      return new InSlot(slots, Math.max(Math.floor((now() + delayMs) / slotMs), turned) + 1, timed);
    },
    stop() {
      stop();
      slots.clear();
    },
  };
}

type Slots = Map<number, Set<InSlot>>;

/** Has its own identity: the same object may be scheduled twice in a slot. */
class InSlot implements Scheduled, Timed {
  readonly #slots: Slots;
  readonly #at: number;
  readonly #timed: Timed;

  constructor(slots: Slots, at: number, timed: Timed) {
    this.#slots = slots;
    this.#at = at;
    this.#timed = timed;
    const slot = slots.get(at);
    if (slot === undefined) slots.set(at, new Set([this]));
    else slot.add(this);
  }

  onTime(): void {
    this.#timed.onTime();
  }

  cancel(): void {
    const live = this.#slots.get(this.#at);
    if (live?.delete(this) && live.size === 0) this.#slots.delete(this.#at);
  }
}
