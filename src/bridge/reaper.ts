import { setTimeout as sleep } from 'node:timers/promises';

import type { EventLog } from '../log/log.ts';
import type { Logger } from '../operations/logger.ts';
import type { Metrics } from '../operations/metrics.ts';
import { deadLetterOfEntry, type DeadLetters } from './dead-letter.ts';

export interface Reaper {
  start(): void;
  /** Waits for the round under way, but not for dead letters that nobody takes: seconds at most. */
  stop(): Promise<void>;
}

export interface ReaperOptions {
  readonly log: EventLog;
  readonly deadLetters: DeadLetters;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Between two rounds, ±20 % so that nodes fall out of step; 5 000 ms. */
  readonly everyMs?: number;
}

/** What is not confirmed by then stays in the log, and is buried by whoever comes next. */
const stopWithinMs = 3_000;

/** Runs the log's housekeeping for ever: what expires un-acknowledged is in the dead-letter topic seconds later, and in a metric. */
export function createReaper({ log, deadLetters, logger, metrics, everyMs = 5_000 }: ReaperOptions): Reaper {
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  let trouble: string | undefined;

  const report = (reason: string | undefined) => {
    if (stopping.signal.aborted) return;
    // One line per change of state, not one per round.
    if (reason !== undefined && reason !== trouble) logger.warn({ reason }, 'reaper: failing, trying again every few seconds');
    if (reason === undefined && trouble !== undefined) logger.info({}, 'reaper: works again');
    trouble = reason;
  };

  const round = async () => {
    let refusal: string | undefined;
    const { buried, unburied } = await log.reap(async (expired) => {
      try {
        stopping.signal.throwIfAborted();
        await deadLetters.send(expired.map(deadLetterOfEntry));
      } catch (error) {
        refusal = messageOf(error);
        throw error;
      }
      metrics.deadLetters.inc({ reason: 'expired' }, expired.length);
    });
    if (buried > 0) logger.info({ buried }, 'reaper: events expired un-acknowledged, now dead letters');
    report(unburied > 0 ? (refusal ?? 'dead letters were refused') : undefined);
  };

  const run = async () => {
    while (!stopping.signal.aborted) {
      await round().catch((error: unknown) => report(messageOf(error)));
      const pause = everyMs * (0.8 + 0.4 * Math.random());
      await sleep(pause, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };

  return {
    start: () => {
      running ??= run();
    },
    stop: async () => {
      stopping.abort();
      const patience = Promise.withResolvers<void>();
      const timer = setTimeout(patience.resolve, stopWithinMs);
      await Promise.race([running, patience.promise]);
      clearTimeout(timer);
    },
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
