/**
 * Rounds of several servers beside each other. A shared machine swings by a factor of two between minutes, so nothing is compared but
 * neighbours: every server has its turn in every round, ratios are taken within the round, and the median of those is the answer.
 */
import type { Result } from '../workloads/workload.ts';

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
  readonly count: number;
}

/** The order of one round: everybody once, somebody else first each time, so that being behind a hungry neighbour is shared. */
export function inTurn<T>(all: readonly T[], round: number): T[] {
  const first = all.length === 0 ? 0 : round % all.length;
  return [...all.slice(first), ...all.slice(0, first)];
}

/** Median, least and most; undefined for no values. */
export function spread(values: readonly number[]): Spread | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const least = sorted[0];
  const most = sorted.at(-1);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  if (least === undefined || most === undefined || upper === undefined || lower === undefined) return undefined;
  return { median: (lower + upper) / 2, least, most, count: sorted.length };
}

/** From this share of its core on, the load client may be what was measured. */
const busyClient = 0.85;

/** Why a line must not be believed; undefined when it may. */
export function invalidity(result: Result): 'lost events' | 'client busy' | undefined {
  if ((result.lost ?? 0) > 0) return 'lost events';
  if ((result.clientCpu ?? 0) >= busyClient) return 'client busy';
  return undefined;
}

/** Ours to theirs, round by round; a round that one of them lacks is left out. */
export function ratios(
  ours: readonly Result[],
  theirs: readonly Result[],
  of: (result: Result) => number | undefined,
): readonly number[] {
  const byRound = new Map(theirs.map((result) => [result.round, of(result)]));
  return ours.flatMap((result) => {
    const mine = of(result);
    const other = byRound.get(result.round);
    return mine === undefined || other === undefined || other === 0 ? [] : [mine / other];
  });
}

/** Lines in groups with the same key, in the order of first appearance. */
export function grouped(results: readonly Result[], key: (result: Result) => string): Map<string, Result[]> {
  const groups = new Map<string, Result[]>();
  for (const result of results) {
    const group = groups.get(key(result));
    if (group === undefined) groups.set(key(result), [result]);
    else group.push(result);
  }
  return groups;
}
