import { LifelineError } from '../errors.ts';
import type { Entry, EventLog, Page, Position } from '../log/log.ts';
import { type Feed, withAcknowledged } from './feed.ts';
import { merge } from './merge.ts';

/** Entries read at once: enough to make a replay cheap, few enough that a slow socket holds little. */
const pageSize = 100;

export interface ReaderParts {
  readonly log: EventLog;
  readonly feed: Feed;
  readonly member: string;
  readonly after: Position | null;
}

export interface ReaderOwner {
  /** The log lost what had been handed out: all it has now comes again. */
  onRewound(): void;
  /** A live reader had to read the log, because the doorbell did not tell everything. */
  onRefill(): void;
}

/** What stood in the log before this subscription, or comes again after a loss. */
interface Replay {
  /** Null: only what is pending is wanted. */
  readonly after: Position | null;
  /** Behind it everything is live: the head when the replay began. Null until the first page told. */
  readonly to: Position | null;
}

/**
 * One subscription's cursor over its member's log: read → merge → live. It starts on a feed that is already listening, so each event is in
 * what is read, in what is heard, or in both.
 */
export class Reader {
  readonly #log: EventLog;
  readonly #feed: Feed;
  readonly #member: string;
  readonly #owner: ReaderOwner;
  #replay: Replay | null;
  /** Everything up to here was looked at; ahead of `#at` where a page ended with entries of no interest. */
  #scannedTo = 0;
  #at: Position | undefined;
  /** The feed's doubts that a read has answered. */
  #answered = -1;

  #backlog: Entry[] = none;
  /** Taken as `#at` once the backlog is handed out. */
  #landing: Position | null = null;
  #replaying = true;
  /** In a replay, entries up to here are wanted only while pending. */
  #pendingOnlyTo = 0;
  /** Where the log was before it lost its end: up to here the same events may come under the same sequences, fed again by who knows of no loss. */
  #handedOutTo = 0;

  constructor({ log, feed, member, after }: ReaderParts, owner: ReaderOwner) {
    this.#log = log;
    this.#feed = feed;
    this.#member = member;
    this.#owner = owner;
    this.#replay = { after, to: null };
  }

  /** The next entry in order, each once, if it is known already; undefined: see `advance`. */
  take(): { readonly entry: Entry; readonly replayed: boolean } | undefined {
    while (this.#backlog.length > 0) {
      const entry = this.#backlog.shift();
      if (this.#backlog.length === 0) this.#backlog = none;
      if (entry === undefined) break;
      this.#at = entry.position;
      const settled = this.#replaying && entry.acknowledgedAt !== null && entry.position.sequence <= this.#pendingOnlyTo;
      if (!settled) return { entry, replayed: this.#replaying || this.#mayRepeat(entry) };
    }
    this.#land();
    const entry = this.#heardNext();
    if (entry === undefined) return undefined;
    this.#replaying = false;
    this.#scannedTo = entry.position.sequence;
    this.#at = entry.position;
    return { entry, replayed: this.#mayRepeat(entry) };
  }

  /**
   * Reads what `take` lacks. False when there is none for now (a wake of the feed says when to ask again).
   * @throws LifelineError RESYNC_REQUIRED when the log is another one; UNAVAILABLE when it does not answer (ask again)
   */
  async advance(): Promise<boolean> {
    if (this.#backlog.length > 0) return true; // asked although there is something to take: a repeat that was due came first
    this.#land();
    if (this.#replay !== null) {
      await this.#readReplay(this.#replay);
      return true;
    }
    const feed = this.#feed;
    const { gap, entries } = merge({ entries: [], scannedTo: this.#scannedTo }, feed.recent);
    if (this.#at === undefined || (this.#answered === feed.doubts && !gap)) return entries.length > 0;
    const before = this.#scannedTo;
    await this.#refill(this.#at);
    if (this.#replay !== null || this.#backlog.length > 0 || this.#scannedTo > before || this.#answered !== feed.doubts)
      return true;
    // What was heard beyond the head is not in this log (rung by a primary that is none any more, or not by us): asking again at once
    // would get the same answer. The next bell or the sweep says when to look.
    this.#land();
    return false;
  }

  /** Neither known nor to be read: only a bell can bring the next entry. */
  get upToDate(): boolean {
    if (this.#replay !== null || this.#answered !== this.#feed.doubts || this.#backlog.length > 0 || this.#landing !== null)
      return false;
    return (this.#feed.recent.at(-1)?.position.sequence ?? 0) <= this.#scannedTo;
  }

  /** Where a client stands that has everything handed out so far; undefined before the first read. */
  get position(): Position | undefined {
    return this.#at;
  }

  /**
   * What was heard up to here is of no use to this reader. Not the sequence of `position`: after a loss that is the old log's, and what takes
   * its sequences anew has not been seen.
   */
  get scannedTo(): number {
    return this.#scannedTo;
  }

  acknowledged(ids: ReadonlySet<string>, when: number): void {
    if (this.#backlog.length === 0) return;
    this.#backlog = withAcknowledged(this.#backlog, ids, when);
  }

  #mayRepeat({ refed, position }: Entry): boolean {
    return refed || position.sequence <= this.#handedOutTo;
  }

  #load(entries: readonly Entry[], end: Position | null, from: 'replay' | 'live'): void {
    this.#backlog = entries.length > 0 ? [...entries] : none;
    this.#landing = end;
    this.#replaying = from === 'replay';
  }

  /** @param asked the position that is no longer in the log */
  #rewind(head: Position, asked: Position | null): void {
    this.#feed.learn(head, 'rewound'); // what was heard may be gone, too
    this.#handedOutTo = Math.max(this.#handedOutTo, asked?.sequence ?? 0);
    this.#restart({ ...head, sequence: 0, chain: '' });
  }

  #restart(from: Position | null, to: Position | null = null): void {
    this.#handedOutTo = Math.max(this.#handedOutTo, this.#at?.sequence ?? 0);
    this.#replay = { after: from, to };
    this.#scannedTo = 0;
    this.#owner.onRewound();
  }

  /** Lets the feed know the head, and takes the feed's doubts as answered if it was still while we read. */
  #learn(page: Page, doubtsBefore: number): void {
    const feed = this.#feed;
    const still = feed.doubts === doubtsBefore;
    feed.learn(page.head, 'read');
    if (still && page.done) this.#answered = feed.doubts;
  }

  async #readReplay(current: Replay): Promise<void> {
    const { doubts } = this.#feed;
    const page = await this.#log.read(this.#member, {
      after: current.after,
      pendingOnly: current.after === null,
      from: this.#scannedTo,
      limit: pageSize,
    });
    // fail-point: between read and merge
    const to = current.to ?? page.head;
    if (page.continuity === 'lost' || page.head.epoch !== to.epoch) throw new LifelineError('RESYNC_REQUIRED');
    // Lost a suffix before or between the pages? Then all of it comes again: repeats are flagged, a gap could not be.
    if (page.continuity === 'rewound') return this.#rewind(page.head, current.after);
    // Without a cursor the end stays where it was: what came behind it came to an open subscription, and is wanted though acknowledged by now.
    if (page.head.generation !== to.generation)
      return this.#restart(current.after, current.after === null ? { ...to, generation: page.head.generation } : null);

    // A log that ends before it is another one, whatever its generation says: waiting for it to grow would be reading again and again.
    if (page.done && page.scannedTo < to.sequence) return this.#rewind(page.head, to);

    this.#learn(page, doubts);
    this.#pendingOnlyTo = current.after?.sequence ?? to.sequence;
    const finished = page.scannedTo >= to.sequence;
    this.#load(
      page.entries.filter((entry) => entry.position.sequence <= to.sequence),
      finished ? to : null,
      'replay',
    );
    this.#replay = finished ? null : { ...current, to };
    // Where the end was seen with an earlier page, only a read from there tells whether it still is in the log.
    const proven = current.to === null || current.to.sequence === current.after?.sequence;
    // What was appended while we replayed is live, and is read as such: wanted whether acknowledged by then or not.
    if (page.scannedTo > to.sequence || (finished && !proven)) this.#answered = -1;
    this.#scannedTo = Math.min(page.scannedTo, to.sequence);
  }

  async #refill(from: Position): Promise<void> {
    this.#owner.onRefill();
    const { doubts } = this.#feed;
    const page = await this.#log.read(this.#member, { after: from, from: this.#scannedTo, limit: pageSize });
    if (page.continuity === 'lost') throw new LifelineError('RESYNC_REQUIRED');
    if (page.continuity === 'rewound') return this.#rewind(page.head, from);
    if (page.head.generation !== from.generation) {
      // The log may have lost a tail that was fed again since, and acknowledgements with it: what is pending up to here is looked at anew.
      this.#replay = { after: from, to: { ...from, generation: page.head.generation } };
      this.#scannedTo = 0;
      return;
    }
    this.#learn(page, doubts);
    this.#load(page.entries, page.done ? page.head : null, 'live');
    this.#scannedTo = page.scannedTo;
  }

  #land(): void {
    if (this.#landing === null) return;
    this.#at = this.#landing;
    this.#landing = null;
  }

  /** What was heard right behind everything looked at, while nothing says that the doorbell cannot be trusted. */
  #heardNext(): Entry | undefined {
    if (this.#replay !== null || this.#answered !== this.#feed.doubts) return undefined;
    const { recent } = this.#feed;
    const entry = recent[this.#scannedTo + 1 - (recent[0]?.position.sequence ?? 0)];
    return entry?.position.sequence === this.#scannedTo + 1 ? entry : undefined;
  }
}

/** Never added to: a backlog is loaded as a whole. */
const none: Entry[] = [];
