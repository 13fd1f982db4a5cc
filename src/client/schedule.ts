/** Waited after the last sign of life of a stream that has something outstanding, while push works, ms. */
export const safetyPollMs = 4_000;
/** No path is asked more rarely than this, ms. */
export const slowestMs = 30_000;
const growth = 1.5;

/** How long to wait before asking again when the last answer held nothing new. */
export function slower(waitMs: number): number {
  return Math.min(waitMs * growth, slowestMs);
}

/**
 * How long to wait before the next try to connect, ms, counted from the start of the last one: full jitter, so that the clients of a
 * server that died do not come back as one.
 *
 * The bound is an eighth of how long push has been away, 1 s at least and 30 s at most: who was gone for 30 s is back within 4 s of the
 * end of the trouble, which counting tries would not give. A server that says that it has too much to do is asked by doubling instead.
 *
 * @param random in [0, 1)
 */
export function reconnectDelay({
  awayMs,
  attempt,
  overloaded,
  random,
}: {
  readonly awayMs: number;
  /** failed tries so far, from 1 */
  readonly attempt: number;
  readonly overloaded: boolean;
  readonly random: number;
}): number {
  const bound = overloaded ? 1_000 * 2 ** Math.min(attempt, 5) : Math.max(awayMs, 0) / 8;
  return Math.round(random * Math.min(Math.max(bound, 1_000), slowestMs));
}

/** Full jitter by doubling, for everything that is repeated until it is answered: acknowledgements, a stream that the server ended. */
export function retryDelay(attempt: number, random: number): number {
  return Math.round(250 + random * Math.min(1_000 * 2 ** Math.min(attempt, 5), slowestMs));
}
