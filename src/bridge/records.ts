import type { RecordOrigin } from '../event/event.ts';
import type { Health } from '../log/log.ts';

/** A record as Kafka holds it, of no library: what is decoded, and what is dead-lettered unchanged. */
export interface KafkaRecord {
  readonly key: Buffer | null;
  /** Null for a tombstone. */
  readonly value: Buffer | null;
  /** A header that stands there several times has a list. */
  readonly headers: RecordHeaders;
  readonly origin: RecordOrigin;
}

export interface RecordHeaders {
  readonly [name: string]: Buffer | string | readonly (Buffer | string)[] | undefined;
}

/**
 * Kafka as the bridge sees it: partitions come and go, and each is read by pulling.
 *
 * What every implementation promises: it tries for ever and reports trouble through `health`, never by an exception out of nowhere; a
 * partition that is not being read (its reader is busy or waiting for something) holds up no other partition and no group heartbeat.
 */
export interface RecordSource {
  /** `onAssigned` is called, and must not throw, for every partition each time the group hands it to this process. */
  start(onAssigned: (partition: PartitionReader) => void): void;
  /** Leaves the group; every reader is lost. Settles within seconds. */
  stop(): Promise<void>;
  health(): Health;
}

/** One partition, for as long as the group leaves it with this process. One `read` at a time. */
export interface PartitionReader {
  readonly topic: string;
  /** Names this life of the topic, where Kafka tells one from another: its offsets mean nothing in a topic that was created again. */
  readonly source: string;
  readonly partition: number;
  /** Aborts when the partition is or may be someone else's; calls reject from then on. */
  readonly lost: AbortSignal;
  /** The records from offset `from` on; null when none came within `waitMs`. Nothing is fetched ahead of the next call but one batch. */
  read(from: number, waitMs: number): Promise<Batch | null>;
  /** The offsets Kafka holds now; rejects once the topic is another one of the same name. */
  range(): Promise<OffsetRange>;
  /** The offsets Kafka held at the last look, about a second ago; null before the first. */
  lastRange(): OffsetRange | null;
  /** The first offset whose record is not older than `timestamp` (ms since the epoch), or the end where there is none. */
  offsetAt(timestamp: number): Promise<number>;
  /** What this group last committed; null when it did not, or that is forgotten. */
  committed(): Promise<number | null>;
  /** Has `next` committed soon, for those who watch the group's lag. May not happen. */
  commit(next: number): void;
}

export interface Batch {
  /** Where it really begins: above the offset asked for when those in between are gone, or were jumped over. */
  readonly first: number;
  /** Everything below is in it, or is no record (transaction marker, aborted, compacted away). */
  readonly next: number;
  /** In order of offset; empty when all of it is markers. */
  readonly records: readonly KafkaRecord[];
}

export interface OffsetRange {
  /** The oldest offset that is still there. */
  readonly low: number;
  /** The offset that the next record will have. */
  readonly high: number;
}
