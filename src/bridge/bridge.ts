import type { EventLog, Health } from '../log/log.ts';
import type { Logger } from '../operations/logger.ts';
import type { Metrics } from '../operations/metrics.ts';
import type { DeadLetters } from './dead-letter.ts';
import { startLane, type Lane, type Need, type PartitionMemory } from './lane.ts';
import type { PartitionReader, RecordSource } from './records.ts';

export interface Bridge {
  start(): void;
  /** Finishes the batches in hand, for at most a few seconds, and leaves the group. */
  stop(): Promise<void>;
  /** One verdict per thing the bridge needs. Never rejects. */
  health(): Readonly<Record<Need, Health>>;
  /** Records in the assigned partitions that are not applied yet, as of a second ago. */
  lag(): number;
}

export interface BridgeOptions {
  readonly records: RecordSource;
  readonly log: EventLog;
  readonly deadLetters: DeadLetters;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly now?: () => number;
}

/** How long `stop` waits for batches in hand; what is not applied by then is read again by whoever is next. */
const stopWithinMs = 3_000;
/** And then for the calls they are in, which settle by themselves. */
const settleWithinMs = 1_000;
const observeEveryMs = 1_000;

interface Assigned {
  readonly reader: PartitionReader;
  readonly lane: Lane;
}

/** Kafka → log: one lane for each partition that the group hands to this process. */
export function createBridge({ records, log, deadLetters, logger, metrics, now = Date.now }: BridgeOptions): Bridge {
  const stopping = new AbortController();
  const abandon = new AbortController();
  const assigned = new Map<string, Assigned>();
  /** Every lane that has not ended, also of partitions that are lost: at most a few, each ends with the call it is in. */
  const ending = new Map<string, Promise<void>>();
  const memories = new Map<string, PartitionMemory>();
  let observer: NodeJS.Timeout | undefined;

  const lagOf = ({ reader, lane }: Assigned): number | null => {
    const position = lane.position();
    const range = reader.lastRange();
    return position === null || range === null ? null : Math.max(0, range.high - position);
  };

  const observe = () => {
    for (const each of assigned.values()) {
      const lag = lagOf(each);
      if (lag !== null) metrics.kafkaLag.set({ topic: each.reader.topic, partition: String(each.reader.partition) }, lag);
    }
  };

  const healthOf = (need: Need): Health => {
    const troubled = [...assigned.values()].filter(({ lane }) => lane.trouble()?.need === need);
    const [first] = troubled;
    if (first === undefined) return { ok: true };
    const { topic, partition } = first.reader;
    const others = troubled.length > 1 ? ` and ${troubled.length - 1} more` : '';
    return { ok: false, reason: `${topic}/${partition}${others} waiting: ${first.lane.trouble()?.reason ?? ''}` };
  };
  const needs: readonly Need[] = ['kafka', 'log', 'dead-letters'];
  const known = new Map<Need, string>();
  /** One line per change of state, however many partitions are in it. */
  const onTrouble = () => {
    for (const need of needs) {
      const verdict = healthOf(need);
      const before = known.get(need);
      if (verdict.ok && before !== undefined) {
        known.delete(need);
        logger.info({ need }, 'bridge: works again');
      } else if (!verdict.ok && before === undefined) {
        known.set(need, verdict.reason);
        logger.warn({ need, reason: verdict.reason }, 'bridge: waiting, trying again until it works');
      }
    }
  };

  const serve = async (key: string, reader: PartitionReader, predecessor: Promise<void> | undefined) => {
    await predecessor;
    if (reader.lost.aborted || stopping.signal.aborted) return;
    const known = memories.get(key);
    const memory = known?.source === reader.source ? known : { source: reader.source, applied: 0 };
    memories.set(key, memory);
    const lane = startLane({
      reader,
      writer: log.source(reader.source, reader.partition),
      deadLetters,
      memory,
      logger,
      metrics,
      now,
      onTrouble,
      stopping: stopping.signal,
      abandon: abandon.signal,
    });
    assigned.set(key, { reader, lane });
    await lane.done;
    assigned.delete(key);
    onTrouble();
    metrics.kafkaLag.remove({ topic: reader.topic, partition: String(reader.partition) });
  };

  const firstBad = (...verdicts: readonly Health[]): Health => verdicts.find(({ ok }) => !ok) ?? { ok: true };

  return {
    start() {
      const onAssigned = (reader: PartitionReader) => {
        const key = `${reader.topic}:${reader.partition}`;
        ending.set(key, serve(key, reader, ending.get(key)));
      };
      observer ??= setInterval(observe, observeEveryMs);
      records.start(onAssigned);
    },
    async stop() {
      clearInterval(observer);
      stopping.abort();
      const patience = Promise.withResolvers<void>();
      const timers = [setTimeout(() => abandon.abort(), stopWithinMs), setTimeout(patience.resolve, stopWithinMs + settleWithinMs)];
      await Promise.race([Promise.all(ending.values()), patience.promise]);
      for (const timer of timers) clearTimeout(timer);
      await records.stop();
    },
    health: () => ({
      kafka: firstBad(records.health(), healthOf('kafka')),
      log: firstBad(log.health(), healthOf('log')),
      'dead-letters': firstBad(deadLetters.health(), healthOf('dead-letters')),
    }),
    lag: () => [...assigned.values()].reduce((sum, each) => sum + (lagOf(each) ?? 0), 0),
  };
}
