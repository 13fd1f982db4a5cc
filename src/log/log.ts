import type { MemberEvent } from '../event/event.ts';

/**
 * The log: what a member has been sent and has not acknowledged, and how far each Kafka partition has been applied. It is the only
 * state of the product. Implementations: `memory.ts` (embedded, reference), `redis.ts`; one contract suite runs over both.
 *
 * What every implementation promises:
 * - **Atomic append.** An event, its sequence, its pending mark, its source position and its doorbell are one step. After a crash
 *   either all of it happened or none.
 * - **Order.** A member's entries have the dense sequence 1, 2, 3 …; they are read in that order.
 * - **Once.** An id that the log remembers (7 days) gets no second sequence.
 * - **Pending is the truth.** An entry stays pending until acknowledged, or until its expiry passed *and* it was buried as a dead
 *   letter. No bound on size or count ever drops a pending entry.
 * - **Loss shows.** Whatever the store loses, it loses together with the source position that proves it: the next append answers
 *   `gap`. `epoch` names the data: it is new when the store came up empty. `generation` grows when the store may have lost a
 *   suffix (another primary, a position that went back).
 * - **Nothing waits for ever.** Every call settles; when the store cannot be reached it rejects with `UNAVAILABLE` within seconds.
 */
export interface EventLog {
  /** The writing side for one Kafka partition. At most one writer a partition is useful; more are safe. */
  source(topic: string, partition: number): SourceWriter;

  /** One page of a member's entries in ascending sequence, with the head as it was at the very moment of reading. */
  read(member: string, request: ReadRequest): Promise<Page>;

  /** The entries at these sequences as they are now; null where one is gone (acknowledged and trimmed, or expired). For redelivery. */
  fetch(member: string, sequences: readonly number[]): Promise<(Entry | null)[]>;

  /** Where the log keeps the member: calls about members of one part are cheaper than about as many of several. */
  partOf(member: string): number;

  /** The heads of many members in as few round trips as can be: what the sweep for missed doorbells asks. Same order as asked. */
  heads(members: readonly string[]): Promise<Position[]>;

  /** The latest best-effort event on a channel, kept for 60 s; null when there is none. */
  latest(member: string, channel: string): Promise<MemberEvent | null>;

  /**
   * Closes entries for the member. Idempotent. Rings the doorbell so that every node stops sending copies. Ids of other members,
   * of expired entries, and of entries whose account the caller may not see are all `unknown`.
   */
  acknowledge(member: string, ids: readonly string[], accounts: readonly string[] | null): Promise<Acknowledgement>;

  /**
   * Rings `onRing` for everything that happens to the member from the moment the promise resolves until `close`. Rings may be lost,
   * doubled or late (`heads` finds what was lost); they never come after `close` returned. `onRing` must not throw.
   */
  listen(member: string, onRing: (ring: Ring) => void): Promise<Listener>;

  /**
   * One round of housekeeping, safe to run on many nodes at once (one at a time per hash tag): entries that expired while pending
   * are handed to `bury`, and leave the log only after it resolved; acknowledged entries past retention and ids past memory go.
   * @returns what was done, and the un-buried count when `bury` rejected (those stay, and are tried again next round)
   */
  reap(bury: (expired: readonly Entry[]) => Promise<void>): Promise<ReapReport>;

  /** Whether the store answers now, with a sentence when it does not. Never rejects. */
  health(): Health;

  close(): Promise<void>;
}

export type Health = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** A place in a member's log. A cursor is one of these, signed. */
export interface Position {
  /** Identity of the data. */
  readonly epoch: string;
  readonly generation: number;
  /** 0 = before the first entry. */
  readonly sequence: number;
  /**
   * Fingerprint of the ids up to `sequence`, 8 hex digits, '' at 0. After a failover the same sequence can name another event; a
   * fingerprint that still matches proves that nothing below was lost, so a mere restart costs clients no repeats.
   */
  readonly chain: string;
}

export interface Entry {
  readonly event: MemberEvent;
  readonly position: Position;
  /** ms since the epoch; null while pending. */
  readonly acknowledgedAt: number | null;
  /** Fed again after the store lost it: it may have been delivered before. */
  readonly refed: boolean;
}

export interface ReadRequest {
  /**
   * Resume behind this position. Entries after it come whether acknowledged or not; entries up to it only while pending. Null:
   * as if resuming at sequence 0. Where the log no longer continues it (see `Page.continuity`), the answer is as for sequence 0.
   */
  readonly after: Position | null;
  /** Only pending entries, also behind `after`. */
  readonly pendingOnly?: boolean;
  /** Continue a scan: only entries with a greater sequence. Default 0. */
  readonly from?: number;
  /** At most this many entries (at least 1); a page may be shorter to stay below about 1 MiB, and even empty while not `done`. */
  readonly limit: number;
}

export interface Page {
  readonly entries: readonly Entry[];
  /** The newest position of the member at the moment of reading, also when it has no entries at all. */
  readonly head: Position;
  /** Everything up to here was looked at: pass as the next `from`. */
  readonly scannedTo: number;
  /** `scannedTo` reached the head. */
  readonly done: boolean;
  /**
   * How `after` relates to the log now. `kept`: it continues it. `rewound`: same data, but what stood at `after` was lost or
   * replaced (failover); the read starts at 0. `lost`: another epoch; the read starts at 0.
   */
  readonly continuity: 'kept' | 'rewound' | 'lost';
}

export interface Acknowledgement {
  readonly acknowledged: readonly string[];
  readonly alreadyAcknowledged: readonly string[];
  readonly unknown: readonly string[];
}

export type Ring =
  /** A critical event was appended. */
  | { readonly kind: 'entry'; readonly entry: Entry }
  /** A best-effort event passed by. */
  | { readonly kind: 'passing'; readonly event: MemberEvent }
  | { readonly kind: 'acknowledged'; readonly ids: readonly string[] }
  /** The doorbell was out of order for a while (connection lost and back): rings may be missing, read the heads. */
  | { readonly kind: 'interrupted' };

export interface Listener {
  /** Synchronous for the caller: no ring is handed over afterwards. */
  close(): void;
}

/** A record of a Kafka partition that decoded to an event. */
export interface SourceRecord {
  readonly offset: number;
  readonly event: MemberEvent;
  /** The bridge has reason to believe this record was applied before the store lost it. */
  readonly refed: boolean;
}

/**
 * Applies one Kafka partition. The position is chained by compare-and-set: each append says where it believes the log stands, so
 * that a suffix the store lost, or another writer's progress, is seen by arithmetic and never papered over.
 */
export interface SourceWriter {
  /**
   * The next offset to read: everything below is applied. Also takes it as this writer's belief. Null for `next` while any part of
   * the log has no position for this partition (first start, or lost): decide where to begin, then `begin`.
   */
  resume(): Promise<SourcePosition>;

  /** Declares `offset` the beginning for every part of the log that has no position yet; the others keep theirs. */
  begin(offset: number): Promise<void>;

  /**
   * Applies records in order, and with them the fact that every record of the partition below `to` has been dealt with (applied,
   * dead-lettered or irrelevant). An empty `records` just moves the position (skip).
   */
  append(to: number, records: readonly SourceRecord[]): Promise<AppendResult>;

  /** Whether the log still stands where this writer believes; `gap` when it fell behind. For idle partitions. */
  verify(): Promise<{ readonly status: 'ok' } | Gap>;

  /** Brings every part of the log up to what `append` covered, so that a successor starts close. Cheap; call every few seconds. */
  settle(): Promise<{ readonly status: 'ok' } | Gap>;

  /**
   * Forgets this partition's position and begins anew at `offset`: Kafka itself started over (topic deleted and created again).
   * Bumps the generation.
   */
  restart(offset: number): Promise<void>;
}

export interface SourcePosition {
  readonly next: number | null;
  /** The smallest known position where some parts have one and others do not; null when none has. */
  readonly known: number | null;
}

/** The log stands behind what this writer believes it wrote: read the partition again from `next` (null: decide anew, `begin`). */
export interface Gap {
  readonly status: 'gap';
  readonly next: number | null;
}

export type AppendResult =
  | {
      readonly status: 'ok';
      readonly appended: number;
      /** Ids the log already knew. */
      readonly duplicates: number;
      /** Records below the stored position: another writer, or an earlier life of this one, was here. */
      readonly stale: number;
      /** Appends to members who now have more than `crowdedAt` pending entries. */
      readonly crowded: number;
    }
  | Gap;

export interface ReapReport {
  readonly buried: number;
  /** Expired entries that stay because `bury` rejected. */
  readonly unburied: number;
  /** Acknowledged entries past retention whose payload was dropped. */
  readonly trimmed: number;
  /** Ids past memory: a producer that repeats one of them now gets a second delivery. */
  readonly forgotten: number;
}

/** Retention, the same for every implementation (acknowledged 24 h or 512 a member, ids 7 days). */
export interface Retention {
  readonly acknowledgedForMs: number;
  readonly acknowledgedAtMost: number;
  readonly idsForMs: number;
}

export const defaultRetention: Retention = {
  acknowledgedForMs: 24 * 3_600_000,
  acknowledgedAtMost: 512,
  idsForMs: 7 * 24 * 3_600_000,
};

/** Pending entries of one member above which every append raises the alarm metric. Nothing is dropped. */
export const crowdedAt = 1_000;
