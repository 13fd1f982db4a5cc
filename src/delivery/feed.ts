import type { MemberEvent } from '../event/event.ts';
import type { Entry, Position, Ring } from '../log/log.ts';

/** Heard entries kept for streams that have not taken them yet. A stream that falls further behind reads the log instead. */
const recentAtMost = 64;

/** Streams woken before others have a turn: an audience of thousands would keep everybody else waiting for as long as it takes. */
const wokenAtOnce = 200;

/** A stream's end of a feed. None of these may throw. */
export interface Tap {
  /** What was heard up to this sequence is of no use to it any more. */
  scannedTo(): number;
  wake(): void;
  onPassing(event: MemberEvent): void;
  onAcknowledged(ids: ReadonlySet<string>): void;
}

/**
 * What this process knows of one connected member: the entries heard lately, and whether anything may have been missed. Streams are
 * cursors over the member's log; the feed merely saves them the read.
 */
export class Feed {
  /** Almost every feed has one tap: a Set for it would take more than all the rest. */
  #only: Tap | undefined;
  #several: Set<Tap> | undefined;
  #recent: Entry[] = none;
  #doubts = 0;
  #head: Position | null = null;
  /** Where the round stands that wakes them all. */
  #round: Iterator<Tap> | undefined;
  #again = false;

  /** Unbroken run of entries, ascending, up to the newest heard. */
  get recent(): readonly Entry[] {
    return this.#recent;
  }

  /** Grows whenever the doorbell cannot be trusted to have told everything: read the log from your own position. */
  get doubts(): number {
    return this.#doubts;
  }

  join(tap: Tap): void {
    if (this.#several !== undefined) this.#several.add(tap);
    else if (this.#only === undefined) this.#only = tap;
    else {
      this.#several = new Set([this.#only, tap]);
      this.#only = undefined;
    }
  }

  /** Whether that was the last one; false for who has left before. */
  leave(tap: Tap): boolean {
    if (this.#only === tap) {
      this.#only = undefined;
      return true;
    }
    return this.#several?.delete(tap) === true && this.#several.size === 0;
  }

  ring(ring: Ring): void {
    switch (ring.kind) {
      case 'entry':
        this.#hear(ring.entry);
        break;
      case 'passing':
        for (const tap of this.#taps()) tap.onPassing(ring.event);
        this.#wake();
        break;
      case 'acknowledged': {
        const ids = new Set(ring.ids);
        if (this.#recent.some((entry) => ids.has(entry.event.id))) this.#recent = withAcknowledged(this.#recent, ids, Date.now());
        for (const tap of this.#taps()) tap.onAcknowledged(ids);
        break;
      }
      case 'interrupted':
        this.#head = null; // of a log that may have lost its end, together with the generation that it was in
        this.#doubt();
        this.#wake();
        break;
    }
  }

  /**
   * The head as the log answered it. An older one is no news from a `read`, which a ring may overtake; from a `sweep` it may also mean that
   * the log lost its tail, and a `rewound` says so: streams then read behind their own positions, which tells, and costs little. What is
   * heard next is judged by it.
   */
  learn(seen: Position, source: 'read' | 'sweep' | 'rewound'): void {
    const order = this.#head === null ? 'newer' : compare(seen, this.#head);
    if (order === 'same' || (order === 'older' && source === 'read')) return;
    this.#doubt();
    this.#head = seen;
    this.#wake();
  }

  /** Lets go of what no tap has a use for. */
  release(): void {
    const first = this.#recent[0];
    if (first === undefined) return;
    let scannedTo = Number.POSITIVE_INFINITY;
    for (const tap of this.#taps()) scannedTo = Math.min(scannedTo, tap.scannedTo());
    if (first.position.sequence > scannedTo) return;
    const left = this.#recent.filter((entry) => entry.position.sequence > scannedTo);
    this.#recent = left.length > 0 ? left : none;
  }

  #taps(): Iterable<Tap> {
    return this.#several ?? (this.#only === undefined ? [] : [this.#only]);
  }

  #hear(entry: Entry): void {
    const head = this.#head;
    const order = head === null ? 'newer' : compare(entry.position, head);
    if (order !== 'newer') return; // doubled or late: whoever lacks it has read the log, or will
    const follows = head !== null && sameLog(entry.position, head) && entry.position.sequence === head.sequence + 1;
    if (!follows) this.#doubt();
    this.#head = entry.position;
    if (this.#recent.length === 0) this.#recent = [entry];
    else this.#recent.push(entry);
    if (this.#recent.length > recentAtMost) this.#recent.shift();
    this.#wake();
    // What lives for no longer than a turn costs the garbage collector nothing. Of several taps the sweep asks: it would be a look at each.
    if (this.#only !== undefined && this.#only.scannedTo() >= entry.position.sequence) this.#recent = none;
  }

  #doubt(): void {
    this.#doubts++;
    this.#recent = none;
  }

  #wake(): void {
    if (this.#only !== undefined) this.#only.wake();
    else if (this.#round === undefined) this.#goRound();
    else this.#again = true; // who was woken already may lack the newest
  }

  #goRound(): void {
    this.#round ??= this.#several?.values();
    for (let woken = 0; woken < wokenAtOnce; woken++) {
      const next = this.#round?.next();
      if (next !== undefined && next.done !== true) {
        next.value.wake();
        continue;
      }
      this.#round = undefined;
      if (!this.#again) return;
      this.#again = false;
      this.#round = this.#several?.values();
    }
    setImmediate(() => this.#goRound());
  }
}

/** Never added to: `#recent` is made anew for the first entry. */
const none: Entry[] = [];

/** The entries, those with these ids as acknowledged, at the latest by now. */
export function withAcknowledged(entries: readonly Entry[], ids: ReadonlySet<string>, now: number): Entry[] {
  return entries.map((entry) => (ids.has(entry.event.id) ? { ...entry, acknowledgedAt: entry.acknowledgedAt ?? now } : entry));
}

const sameLog = (a: Position, b: Position) => a.epoch === b.epoch && a.generation === b.generation;

/**
 * Epochs have no order: another one counts as newer, and the streams' next read tells. So does another event in the same place: who loses a
 * tail twice, and the first time's generation with it, gives that generation again.
 */
function compare(seen: Position, known: Position): 'older' | 'same' | 'newer' {
  if (seen.epoch !== known.epoch) return 'newer';
  const difference = seen.generation - known.generation || seen.sequence - known.sequence;
  if (difference === 0) return seen.chain === known.chain ? 'same' : 'newer';
  return difference > 0 ? 'newer' : 'older';
}
