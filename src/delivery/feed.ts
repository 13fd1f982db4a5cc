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
        this.#doubt();
        this.#wake();
        break;
    }
  }

  /**
   * The head as the log answered it. An older one is no news from a `read`, which a ring may overtake; from a `sweep` it may also mean that
   * the log lost its tail: streams then read behind their own positions, which tells, and costs little.
   */
  learn(seen: Position, source: 'read' | 'sweep'): void {
    const order = this.#head === null ? 'newer' : compare(seen, this.#head);
    if (order === 'same' || (order === 'older' && source === 'read')) return;
    this.#doubt();
    if (order === 'newer') this.#head = seen;
    this.#wake();
  }

  /** Lets go of what every tap has taken. */
  release(): void {
    const first = this.#recent[0];
    if (first === undefined) return;
    let taken = Number.POSITIVE_INFINITY;
    for (const tap of this.#taps()) taken = Math.min(taken, tap.position());
    if (first.position.sequence > taken) return;
    const left = this.#recent.filter((entry) => entry.position.sequence > taken);
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
    if (this.#only !== undefined && this.#only.position() >= entry.position.sequence) this.#recent = none;
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

/** Epochs have no order: another one counts as newer, and the streams' next read tells. */
function compare(seen: Position, known: Position): 'older' | 'same' | 'newer' {
  if (seen.epoch !== known.epoch) return 'newer';
  const difference = seen.generation - known.generation || seen.sequence - known.sequence;
  return difference === 0 ? 'same' : difference > 0 ? 'newer' : 'older';
}
