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

/** Calls `due` once `delayMs` have passed, to within one slot. Cancel with the handle's owner: `due` must cope with being late. */
export interface Wheel {
  /** Its clock, ms. */
  readonly now: () => number;
  schedule(delayMs: number, due: () => void): Scheduled;
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
  const slots = new Map<number, Set<() => void>>();
  let timer: NodeJS.Timeout | undefined;
  let turned = Math.floor(now() / slotMs);

  const turn = () => {
    const current = Math.floor(now() / slotMs);
    // A stalled event loop skips slots: walk every one, so that late is the worst that can happen.
    for (; turned <= current; turned++) {
      const slot = slots.get(turned);
      slots.delete(turned);
      for (const due of slot ?? []) due();
    }
    if (slots.size === 0) stop();
  };
  const stop = () => {
    clearInterval(timer);
    timer = undefined;
  };

  return {
    now,
    schedule(delayMs, due) {
      if (timer === undefined) {
        turned = Math.floor(now() / slotMs);
        timer = setInterval(turn, slotMs);
        timer.unref();
      }
      const at = Math.max(Math.floor((now() + delayMs) / slotMs), turned) + 1;
      let slot = slots.get(at);
      if (slot === undefined) slots.set(at, (slot = new Set()));
      const entry = () => due(); // its own identity: the same callback may be scheduled twice in a slot
      slot.add(entry);
      return {
        cancel() {
          const live = slots.get(at);
          if (live?.delete(entry) && live.size === 0) slots.delete(at);
        },
      };
    },
    stop() {
      stop();
      slots.clear();
    },
  };
}
