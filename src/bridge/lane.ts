import { setTimeout as sleep } from 'node:timers/promises';

import { longestExpiryMs } from '../event/catalogue.ts';
import type { Gap, SourceRecord, SourceWriter } from '../log/log.ts';
import type { Logger } from '../operations/logger.ts';
import type { Metrics } from '../operations/metrics.ts';
import { retryForever } from '../operations/retry.ts';
import { deadLetterOf, type DeadLetter, type DeadLetters } from './dead-letter.ts';
import { decode } from './decode.ts';
import { piecesOf } from './pieces.ts';
import type { Batch, OffsetRange, PartitionReader } from './records.ts';
import { flagUnanswered } from './unanswered.ts';

/** What a lane can be waiting for. */
export type Need = 'log' | 'dead-letters' | 'kafka';

/** What the bridge remembers of a partition across its comings and goings. */
export interface PartitionMemory {
  /** Which life of the topic it is about. */
  readonly source: string;
  /** Everything below was applied once by this process, so what comes again from below it is fed again. */
  applied: number;
}

export interface LaneOptions {
  readonly reader: PartitionReader;
  readonly writer: SourceWriter;
  readonly deadLetters: DeadLetters;
  readonly memory: PartitionMemory;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly now: () => number;
  /** Called whenever `trouble` changes. */
  readonly onTrouble: () => void;
  /** Stops reading; the batch in hand is finished. */
  readonly stopping: AbortSignal;
  /** Ends all waiting, also within a batch. */
  readonly abandon: AbortSignal;
}

export interface Lane {
  /** Never rejects. */
  readonly done: Promise<void>;
  /** The next offset to apply; null while that is not known. */
  position(): number | null;
  /** What it waits for and why; null while it gets on. */
  trouble(): { readonly need: Need; readonly reason: string } | null;
}

const verifyEveryMs = 1_000;
const settleEveryMs = 5_000;

/**
 * Applies one partition to the log, in order, for as long as this process has it. All of it is one sequence of awaits, so nothing here
 * can overtake anything. Position and gaps are the log's (`SourceWriter`); what is decided here is where to begin, what to do about a
 * record that is not good, and what to make of offsets that do not follow each other.
 */
export function startLane(options: LaneOptions): Lane {
  const { reader, deadLetters, memory, logger, metrics, now, stopping } = options;
  const writer = flagUnanswered(options.writer);
  const { topic, partition } = reader;
  const where = { topic, partition };
  const waiting = AbortSignal.any([reader.lost, options.abandon]);
  const reading = AbortSignal.any([waiting, stopping]);

  let position: number | null = null;
  let trouble: { readonly need: Need; readonly reason: string } | null = null;
  /** Below it, records were applied before: by this process, or by the group as far as the log or Kafka still knows. */
  let appliedBefore = memory.applied;
  /** Everything below was applied by this very lane, dead letters included. */
  let applied = 0;
  let jump: { readonly from: number; readonly to: number } | null = null;
  let gapsInARow = 0;
  // Each look is a command for every hash tag: lanes that begin together must not look together.
  let verifiedAt = now() - Math.random() * verifyEveryMs;
  let settledAt = now() - Math.random() * settleEveryMs;

  const setTrouble = (next: typeof trouble) => {
    if (next?.need === trouble?.need && next?.reason === trouble?.reason) return;
    trouble = next;
    options.onTrouble();
  };

  /** Tries until it works; what it waits for shows in `trouble`, and the bridge logs it once for all its partitions. */
  const need = async <T>(what: Need, attempt: () => Promise<T>): Promise<T> => {
    const result = await retryForever(
      `partition ${topic}/${partition}, ${what}`,
      async () => {
        try {
          return await attempt();
        } catch (error) {
          setTrouble({ need: what, reason: messageOf(error) });
          throw error;
        }
      },
      { signal: waiting, log: quiet(logger) },
    );
    setTrouble(null);
    return result;
  };

  const begin = async (): Promise<number> => {
    let stood = await need('log', () => writer.resume());
    const range = await need('kafka', () => reader.range());
    const committed = await need('kafka', () => reader.committed());
    // A commit beyond the end is of another life of the topic.
    if (committed !== null && committed <= range.high) appliedBefore = Math.max(appliedBefore, committed);
    if (stood.next === null) {
      // The end is taken first (in `range`): where no record is young enough, what arrives between the two questions is not skipped.
      const young = await need('kafka', () => reader.offsetAt(now() - longestExpiryMs));
      const start = Math.max(range.low, Math.min(range.high, young, stood.known ?? Infinity));
      await need('log', () => writer.begin(start));
      logger.info(
        { ...where, offset: start },
        'partition: the log has no position for it, beginning where events can still be alive',
      );
      // Another bridge may have begun it a moment ago.
      stood = await need('log', () => writer.resume());
      return inRange(stood.next ?? start, range);
    }
    // By another process, which may not have got to commit it.
    appliedBefore = Math.max(appliedBefore, stood.next);
    logger.debug({ ...where, offset: stood.next }, 'partition: continuing');
    return inRange(stood.next, range);
  };

  /** Brings a position that Kafka cannot continue to one that it can. */
  const inRange = async (next: number, range: OffsetRange): Promise<number> => {
    if (next > range.high) {
      // Once more, a moment later: right after a change of leader the end can be reported too low.
      await sleep(1_000, undefined, { signal: waiting });
      const again = await need('kafka', () => reader.range());
      if (next <= again.high) return next;
      logger.error(
        { ...where, offset: next, ...again },
        'partition: ends below what was applied, so Kafka started over; so does the log',
      );
      metrics.partitionRestarts.inc();
      await need('log', () => writer.restart(again.low));
      memory.applied = 0;
      appliedBefore = 0;
      applied = 0;
      return again.low;
    }
    if (next < range.low) {
      logger.error({ ...where, offset: next, ...range }, "partition: Kafka's retention deleted records before they were applied");
      metrics.recordsMissed.inc(range.low - next);
      const reached = await apply(range.low, []);
      // Now, and not when its time comes: whoever took the partition over before that would miss, and count, the same records again.
      const verdict = await need('log', () => writer.settle());
      return verdict.status === 'gap' ? regain(verdict) : reached;
    }
    return next;
  };

  /** @returns where to go on reading */
  const apply = async (to: number, records: readonly SourceRecord[]): Promise<number> => {
    // fail-point: between poll and append
    const result = await need('log', () => writer.append(to, records));
    if (result.status === 'gap') return regain(result);
    // fail-point: between append and commit
    gapsInARow = 0;
    metrics.appends.inc({ result: 'ok' }, result.appended);
    metrics.appends.inc({ result: 'duplicate' }, result.duplicates);
    metrics.appends.inc({ result: 'stale' }, result.stale);
    metrics.crowdedAppends.inc(result.crowded);
    applied = Math.max(applied, to);
    memory.applied = Math.max(memory.applied, to);
    appliedBefore = Math.max(appliedBefore, to);
    position = to;
    reader.commit(to);
    return to;
  };

  const regain = async (gap: Gap): Promise<number> => {
    metrics.gaps.inc();
    logger.warn(
      { ...where, believed: position, next: gap.next },
      'partition: the log stands behind what was applied, reading again from there',
    );
    // Two writers that undo each other must not spin.
    if (gapsInARow++ > 0)
      await sleep(Math.min(10_000, 50 * 2 ** gapsInARow) * (0.5 + Math.random() / 2), undefined, { signal: waiting });
    return gap.next ?? begin();
  };

  const take = async (batch: Batch, expected: number): Promise<number> => {
    if (batch.first !== expected) {
      const range = await need('kafka', () => reader.range());
      const possible = await inRange(expected, range);
      if (possible !== expected) return possible;
      // Kafka holds `expected` or something after it, so either that is gone (compaction, aborted, a marker) or the client jumped. Asking
      // again tells: what is gone stays gone.
      if (batch.first < expected || jump?.from !== expected || jump.to !== batch.first) {
        jump = { from: expected, to: batch.first };
        return expected;
      }
      logger.info(
        { ...where, from: expected, to: batch.first },
        'partition: offsets are missing in Kafka itself, going on behind them',
      );
    }
    jump = null;
    for (const piece of piecesOf(batch)) {
      const reached = await applyPiece(piece);
      if (reached !== piece.next || reading.aborted) return reached;
    }
    return batch.next;
  };

  const applyPiece = async (batch: Batch): Promise<number> => {
    let good: SourceRecord[] = [];
    const rest: SourceRecord[] = [];
    const letters: DeadLetter[] = [];
    let firstPoison: number | null = null;
    for (const record of batch.records) {
      const { offset } = record.origin;
      const decoded = decode(record, now());
      const again = offset < appliedBefore;
      if (decoded.ok) {
        (firstPoison === null ? good : rest).push({ offset, event: decoded.event, refed: again });
      } else if (offset < applied && decoded.reason !== 'expired') {
        // This lane sent it to the dead letters before the log lost its position. Only expiry can be new the second time.
      } else {
        firstPoison ??= offset;
        letters.push(deadLetterOf(record, decoded.reason, decoded.detail));
      }
    }
    if (firstPoison !== null) {
      // What stands before the first dead letter must not wait for a dead-letter topic that may be down.
      const reached = await apply(firstPoison, good);
      if (reached !== firstPoison) return reached;
      await need('dead-letters', () => deadLetters.send(letters));
      // fail-point: between dead letter and skip
      for (const { reason } of letters) metrics.deadLetters.inc({ reason });
      good = rest;
    }
    return apply(batch.next, good);
  };

  const lookAfter = async (next: number, idle: boolean): Promise<number> => {
    const time = now();
    if (time - verifiedAt >= verifyEveryMs) {
      verifiedAt = time;
      const verdict = await need('log', () => writer.verify());
      if (verdict.status === 'gap') return regain(verdict);
    }
    if (time - settledAt >= settleEveryMs) {
      settledAt = time;
      const verdict = await need('log', () => writer.settle());
      if (verdict.status === 'gap') return regain(verdict);
    }
    const last = idle ? reader.lastRange() : null;
    if (last !== null && (next > last.high || next < last.low)) return inRange(next, await need('kafka', () => reader.range()));
    return next;
  };

  const run = async (): Promise<void> => {
    position = await begin();
    while (!reading.aborted) {
      const untilVerified = verifiedAt + verifyEveryMs - now();
      const batch = await read(reader, position, Math.max(0, Math.min(verifyEveryMs, untilVerified)), reading);
      if (batch !== null) position = await take(batch, position);
      if (!reading.aborted) position = await lookAfter(position, batch === null);
    }
    // So that whoever is next starts close.
    if (!waiting.aborted) await writer.settle();
  };

  const persist = async (): Promise<void> => {
    for (let failures = 0; !reading.aborted; failures++) {
      try {
        await run();
      } catch (error) {
        if (reading.aborted) return;
        // Nothing is known to end up here. Never skip: decide anew from the log's own position.
        setTrouble({ need: 'log', reason: messageOf(error) });
        logger.error({ ...where, reason: messageOf(error) }, 'partition: failed, starting it again from the position in the log');
        await sleep(Math.min(10_000, 100 * 2 ** failures) * (0.5 + Math.random() / 2), undefined, { signal: reading }).catch(
          () => undefined,
        );
      }
    }
  };

  return { done: persist(), position: () => position, trouble: () => trouble };
}

/** For what is said once elsewhere. */
function quiet(logger: Logger): Logger {
  const debug = (fields: object, message: string) => logger.debug(fields, message);
  return { debug, info: debug, warn: debug, error: debug, child: () => quiet(logger) };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** @returns null when stopped, too */
async function read(reader: PartitionReader, from: number, waitMs: number, signal: AbortSignal): Promise<Batch | null> {
  const aborted = Promise.withResolvers<null>();
  const abort = () => aborted.resolve(null);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return signal.aborted ? null : await Promise.race([reader.read(from, waitMs), aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
