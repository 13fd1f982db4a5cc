/** Waited after the last sign of life of a stream that has something outstanding, while push works, ms. */
export const safetyPollMs = 4_000;
/** No path is asked more rarely than this, ms. */
export const slowestMs = 30_000;
const growth = 1.5;

/** How long to wait before asking again when the last answer held nothing new. */
export function slower(waitMs: number): number {
  return Math.min(waitMs * growth, slowestMs);
}

/** What doubling may reach while push has not been away for long, ms. */
const soonMs = 4_000;

/**
 * How long to wait before the next try to connect, ms, counted from the start of the last one: full jitter, so that the clients of a
 * server that died do not come back as one.
 *
 * The bound doubles from 1 s to 30 s, but does not run ahead of a sixth of the time that push has been away: who was gone for 30 s is back
 * within 5 s of the end of the trouble, and a trouble of a minute costs some 25 tries, of an hour some 180. A server that says that it
 * has too much to do is spared this impatience.
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
  const doubled = 1_000 * 2 ** Math.min(Math.max(attempt - 1, 0), 5);
  const patience = overloaded ? slowestMs : Math.max(soonMs, awayMs / 6);
  return Math.round(random * Math.min(doubled, patience, slowestMs));
}

/** Full jitter by doubling, for everything that is repeated until it is answered: acknowledgements, a stream that the server ended. */
export function retryDelay(attempt: number, random: number): number {
  return Math.round(250 + random * Math.min(1_000 * 2 ** Math.min(attempt, 5), slowestMs));
}
