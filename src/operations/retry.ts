import pRetry, { AbortError } from 'p-retry';

import type { Logger } from './logger.ts';

/**
 * Tries `attempt` until it succeeds or `signal` aborts: jittered back-off 0.1 → 10 s, and one log line per change of state instead
 * of one per try.
 *
 * @throws the signal's reason once aborted
 */
export async function retryForever<T>(
  what: string,
  attempt: () => Promise<T>,
  { signal, log }: { signal: AbortSignal; log: Logger },
): Promise<T> {
  let lastReason: string | undefined;
  const tried = async () => {
    try {
      return await attempt();
    } catch (error) {
      // p-retry gives up at once on a TypeError, as on a mistake of the caller's; to kafkajs it is one of many ways to be unreachable.
      throw error instanceof TypeError ? new Error(error.message, { cause: error }) : error;
    }
  };
  const result = await pRetry(tried, {
    retries: Number.POSITIVE_INFINITY,
    minTimeout: 100,
    maxTimeout: 10_000,
    factor: 2,
    randomize: true,
    signal,
    shouldRetry: ({ error }) => !(error instanceof AbortError),
    onFailedAttempt: ({ error }) => {
      if (error.message !== lastReason) log.warn({ reason: error.message }, `${what}: failing, trying again until it works`);
      lastReason = error.message;
    },
  });
  if (lastReason !== undefined) log.info({}, `${what}: works again`);
  return result;
}
