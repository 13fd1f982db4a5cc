import type { MemberEvent } from '../event/event.ts';
import type { Entry, Position, Ring } from '../log/log.ts';

/** Heard entries kept for streams that have not taken them yet. A stream that falls further behind reads the log instead. */
const recentAtMost = 64;

/** Streams woken before others have a turn: an audience of thousands would keep everybody else waiting for as long as it takes. */
const wokenAtOnce = 200;

/** A stream's end of a feed. None of these may throw. */
export interface Tap {
  /** Everything up to this sequence was taken. */
  position(): number;
  readonly wake: () => void;
  onPassing(event: MemberEvent): void;
  onAcknowledged(ids: ReadonlySet<string>): void;
}

/**
 * What this process knows of one connected member: the entries heard lately, and whether anything may have been missed. Streams are
 * cursors over the member's log; the feed merely saves them the read.
 */
export interface Feed {
  readonly taps: Set<Tap>;
  /** Unbroken run of entries, ascending, up to the newest heard. */
  readonly recent: readonly Entry[];
  /** Grows whenever the doorbell cannot be trusted to have told everything: read the log from your own position. */
  readonly doubts: number;
  ring(ring: Ring): void;
  /**
   * The head as the log answered it. An older one is no news from a `read`, which a ring may overtake; from a `sweep` it may also mean that
   * the log lost its tail: streams then read behind their own positions, which tells, and costs little.
   */
  learn(head: Position, source: 'read' | 'sweep'): void;
  /** Lets go of what every tap has taken. */
  release(): void;
}

export function createFeed(): Feed {
  const taps = new Set<Tap>();
  let recent: Entry[] = [];
  let doubts = 0;
  let head: Position | null = null;

  /** Where the round stands that wakes them all. */
  let round: Iterator<Tap> | undefined;
  let again = false;
  const wake = () => {
    if (round === undefined) goRound();
    else again = true; // who was woken already may lack the newest
  };
  const goRound = () => {
    round ??= taps.values();
    for (let woken = 0; woken < wokenAtOnce; woken++) {
      const next = round.next();
      if (next.done !== true) {
        next.value.wake();
        continue;
      }
      round = undefined;
      if (!again) return;
      again = false;
      round = taps.values();
    }
    setImmediate(goRound);
  };
  const doubt = () => {
    doubts++;
    recent = [];
  };

  const hear = (entry: Entry) => {
    const order = head === null ? 'newer' : compare(entry.position, head);
    if (order !== 'newer') return; // doubled or late: whoever lacks it has read the log, or will
    const follows = head !== null && sameLog(entry.position, head) && entry.position.sequence === head.sequence + 1;
    if (!follows) doubt();
    head = entry.position;
    recent.push(entry);
    if (recent.length > recentAtMost) recent.shift();
    wake();
  };

  return {
    taps,
    get recent() {
      return recent;
    },
    get doubts() {
      return doubts;
    },
    ring(ring) {
      switch (ring.kind) {
        case 'entry':
          hear(ring.entry);
          break;
        case 'passing':
          for (const tap of taps) tap.onPassing(ring.event);
          wake();
          break;
        case 'acknowledged': {
          const ids = new Set(ring.ids);
          if (recent.some((entry) => ids.has(entry.event.id)))
            recent = recent.map((entry) =>
              ids.has(entry.event.id) ? { ...entry, acknowledgedAt: entry.acknowledgedAt ?? Date.now() } : entry,
            );
          for (const tap of taps) tap.onAcknowledged(ids);
          break;
        }
        case 'interrupted':
          doubt();
          wake();
          break;
      }
    },
    learn(seen, source) {
      const order = head === null ? 'newer' : compare(seen, head);
      if (order === 'same' || (order === 'older' && source === 'read')) return;
      doubt();
      if (order === 'newer') head = seen;
      wake();
    },
    release() {
      let taken = Number.POSITIVE_INFINITY;
      for (const tap of taps) taken = Math.min(taken, tap.position());
      const first = recent[0];
      if (first !== undefined && first.position.sequence <= taken)
        recent = recent.filter((entry) => entry.position.sequence > taken);
    },
  };
}

const sameLog = (a: Position, b: Position) => a.epoch === b.epoch && a.generation === b.generation;

/** Epochs have no order: another one counts as newer, and the streams' next read tells. */
function compare(seen: Position, known: Position): 'older' | 'same' | 'newer' {
  if (seen.epoch !== known.epoch) return 'newer';
  const difference = seen.generation - known.generation || seen.sequence - known.sequence;
  return difference === 0 ? 'same' : difference > 0 ? 'newer' : 'older';
}
