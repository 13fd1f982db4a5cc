import { LifelineError } from '../errors.ts';
import type { Entry, EventLog, Page, Position } from '../log/log.ts';
import type { Feed } from './feed.ts';
import { merge } from './merge.ts';

/** Entries read at once: enough to make a replay cheap, few enough that a slow socket holds little. */
const pageSize = 100;

/**
 * One subscription's cursor over its member's log: read → merge → live. It starts on a feed that is already listening, so each event is in
 * what is read, in what is heard, or in both.
 */
export interface Reader {
  /** The next entry in order, each once, if it is known already; undefined: see `advance`. */
  take(): { readonly entry: Entry; readonly replayed: boolean } | undefined;
  /**
   * Reads what `take` lacks. False when there is none for now (a wake of the feed says when to ask again).
   * @throws LifelineError RESYNC_REQUIRED when the log is another one; UNAVAILABLE when it does not answer (ask again)
   */
  advance(): Promise<boolean>;
  /** Neither known nor to be read: only a bell can bring the next entry. */
  readonly upToDate: boolean;
  /** Where a client stands that has everything handed out so far; undefined before the first read. */
  readonly position: Position | undefined;
  acknowledged(ids: ReadonlySet<string>, when: number): void;
}

export interface ReaderParts {
  readonly log: EventLog;
  readonly feed: Feed;
  readonly member: string;
  readonly after: Position | null;
  /** The log lost what had been handed out: all it has now comes again. */
  readonly onRewound: () => void;
  /** A live reader had to read the log, because the doorbell did not tell everything. */
  readonly onRefill: () => void;
}

/** What stood in the log before this subscription, or comes again after a loss. */
interface Replay {
  /** Null: only what is pending is wanted. */
  readonly after: Position | null;
  /** Behind it everything is live: the head when the replay began. Null until the first page told. */
  readonly to: Position | null;
}

export function createReader({ log, feed, member, after, onRewound, onRefill }: ReaderParts): Reader {
  let replay: Replay | null = { after, to: null };
  /** Everything up to here was looked at; ahead of `at` where a page ended with entries of no interest. */
  let scannedTo = 0;
  let at: Position | undefined;
  /** The feed's doubts that a read has answered. */
  let answered = -1;

  let backlog: Entry[] = [];
  /** Taken as `at` once the backlog is handed out. */
  let landing: Position | null = null;
  let replaying = true;
  /** In a replay, entries up to here are wanted only while pending. */
  let pendingOnlyTo = 0;

  const load = (entries: readonly Entry[], end: Position | null, from: 'replay' | 'live') => {
    backlog = [...entries];
    landing = end;
    replaying = from === 'replay';
  };

  const restart = (from: Position | null) => {
    replay = { after: from, to: null };
    scannedTo = 0;
    onRewound();
  };

  /** Lets the feed know the head, and takes the feed's doubts as answered if it was still while we read. */
  const learn = (page: Page, doubtsBefore: number) => {
    const still = feed.doubts === doubtsBefore;
    feed.learn(page.head, 'read');
    if (still && page.done) answered = feed.doubts;
  };

  const readReplay = async (current: Replay) => {
    const doubts = feed.doubts;
    const page = await log.read(member, {
      after: current.after,
      pendingOnly: current.after === null,
      from: scannedTo,
      limit: pageSize,
    });
    // fail-point: between read and merge
    const to = current.to ?? page.head;
    if (page.continuity === 'lost' || page.head.epoch !== to.epoch) throw new LifelineError('RESYNC_REQUIRED');
    // Lost a suffix before or between the pages? Then all of it comes again: repeats are flagged, a gap could not be.
    if (page.continuity === 'rewound') return restart(startOf(page.head));
    if (page.head.generation !== to.generation) return restart(current.after);

    learn(page, doubts);
    pendingOnlyTo = current.after?.sequence ?? to.sequence;
    const finished = page.scannedTo >= to.sequence;
    load(
      page.entries.filter((entry) => entry.position.sequence <= to.sequence),
      finished ? to : null,
      'replay',
    );
    replay = finished ? null : { ...current, to };
    // What was appended while we replayed is live, and is read as such: wanted whether acknowledged by then or not.
    if (page.scannedTo > to.sequence) answered = -1;
    scannedTo = Math.min(page.scannedTo, to.sequence);
  };

  const refill = async (from: Position) => {
    onRefill();
    const doubts = feed.doubts;
    const page = await log.read(member, { after: from, from: scannedTo, limit: pageSize });
    if (page.continuity === 'lost') throw new LifelineError('RESYNC_REQUIRED');
    if (page.continuity === 'rewound') return restart(startOf(page.head));
    if (page.head.generation !== from.generation) {
      // The log may have lost a tail that was fed again since, and acknowledgements with it: what is pending up to here is looked at anew.
      replay = { after: from, to: { ...from, generation: page.head.generation } };
      scannedTo = 0;
      return;
    }
    learn(page, doubts);
    load(page.entries, page.done ? page.head : null, 'live');
    scannedTo = page.scannedTo;
  };

  const land = () => {
    at = landing ?? at;
    landing = null;
  };

  /** What was heard right behind everything looked at, while nothing says that the doorbell cannot be trusted. */
  const heardNext = (): Entry | undefined => {
    if (replay !== null || answered !== feed.doubts) return undefined;
    const { recent } = feed;
    const entry = recent[scannedTo + 1 - (recent[0]?.position.sequence ?? 0)];
    return entry?.position.sequence === scannedTo + 1 ? entry : undefined;
  };

  return {
    take() {
      let entry = backlog.shift();
      while (entry !== undefined) {
        at = entry.position;
        const settled = replaying && entry.acknowledgedAt !== null && entry.position.sequence <= pendingOnlyTo;
        if (!settled) return { entry, replayed: replaying || entry.refed };
        entry = backlog.shift();
      }
      land();
      entry = heardNext();
      if (entry === undefined) return undefined;
      replaying = false;
      scannedTo = entry.position.sequence;
      at = entry.position;
      return { entry, replayed: entry.refed };
    },
    async advance() {
      if (backlog.length > 0) return true; // asked although there is something to take: a repeat that was due came first
      land();
      if (replay !== null) {
        await readReplay(replay);
        return true;
      }
      const { gap, entries } = merge({ entries: [], scannedTo }, feed.recent);
      if (at === undefined || (answered === feed.doubts && !gap)) return entries.length > 0;
      const before = scannedTo;
      await refill(at);
      if (replay !== null || backlog.length > 0 || scannedTo > before || answered !== feed.doubts) return true;
      // What was heard beyond the head is not in this log (rung by a primary that is none any more, or not by us): asking again at once
      // would get the same answer. The next bell or the sweep says when to look.
      land();
      return false;
    },
    get upToDate() {
      if (replay !== null || answered !== feed.doubts || backlog.length > 0 || landing !== null) return false;
      return (feed.recent.at(-1)?.position.sequence ?? 0) <= scannedTo;
    },
    get position() {
      return at;
    },
    acknowledged(ids, when) {
      backlog = backlog.map((entry) =>
        ids.has(entry.event.id) ? { ...entry, acknowledgedAt: entry.acknowledgedAt ?? when } : entry,
      );
    },
  };
}

const startOf = (head: Position): Position => ({ ...head, sequence: 0, chain: '' });
