/** How a goal's figure is taken from lines: each measure gives one value a round, and says so where it had to choose. */
import type { Result } from '../workloads/workload.ts';
import { invalidity, ratios } from './rounds.ts';

export interface Measured {
  /** One a round; empty: not measured. */
  readonly values: readonly number[];
  readonly remark?: string;
}

export type Measure = (results: readonly Result[]) => Measured;

/** Which lines: those that agree with everything named here. */
export interface Lines {
  readonly workload: string;
  readonly server: string;
  readonly variant?: string;
  readonly sockets?: number;
}

export type Figure = (result: Result) => number | undefined;

export const rate: Figure = (result) => result.rate;
export const cpu: Figure = (result) => result.cpuPerEvent;
export const p99: Figure = (result) => result.p99;
export const figure =
  (name: string): Figure =>
  (result) =>
    result.figures?.[name];

function linesOf(results: readonly Result[], lines: Lines): readonly Result[] {
  return results.filter(
    (result) =>
      result.workload === lines.workload &&
      result.server === lines.server &&
      (lines.variant === undefined || result.variant === lines.variant) &&
      (lines.sockets === undefined || result.sockets === lines.sockets),
  );
}

/** The figure itself, of valid lines. */
export const value =
  (lines: Lines, of: Figure): Measure =>
  (results) => {
    const all = linesOf(results, lines);
    const valid = all.filter((result) => invalidity(result) === undefined);
    return remarked(
      all,
      valid.flatMap((result) => of(result) ?? []),
    );
  };

/** The figure of every line, also of those with losses: for goals that are about losses. */
export const count =
  (lines: Lines, of: Figure): Measure =>
  (results) => ({ values: linesOf(results, lines).flatMap((result) => of(result) ?? []) });

/** Ours to theirs, round by round, of valid lines. */
export const ratio =
  (ours: Lines, theirs: Lines, of: Figure): Measure =>
  (results) => {
    const all = [...linesOf(results, ours), ...linesOf(results, theirs)];
    const valid = (lines: Lines) => linesOf(results, lines).filter((result) => invalidity(result) === undefined);
    return remarked(all, ratios(valid(ours), valid(theirs), of));
  };

/** Ours to theirs in events a second, where events are generated in the servers: what they reach is what they can. */
export const throughput =
  (ours: Lines, theirs: Lines): Measure =>
  (results) =>
    comparison(results, ours, theirs, () => false);

/**
 * The same, where events come from outside: as far as the server's core was idle, whoever sent them was the limit (for Lifeline that is the
 * log's side, which does more than a PUBLISH), and the rate says nothing about the server.
 */
export const throughputFromOutside =
  (ours: Lines, theirs: Lines): Measure =>
  (results) =>
    comparison(results, ours, theirs, (result) => ((result.rate ?? 0) * (result.cpuPerEvent ?? 0)) / 1e6 < busyServer);

/** From this share of its core on, a server is at its limit. */
const busyServer = 0.8;

/** By rate; where somebody else was the limit by the CPU that an event took, the one figure of such a round that is the server's own. */
function comparison(results: readonly Result[], ours: Lines, theirs: Lines, held: (result: Result) => boolean): Measured {
  const [mine, other] = [linesOf(results, ours), linesOf(results, theirs)];
  const all = [...mine, ...other];
  const clientBusy = all.some((result) => invalidity(result) === 'client busy');
  if (!clientBusy && !all.some(held)) return ratio(ours, theirs, rate)(results);
  const honest = (lines: readonly Result[]) => lines.filter((result) => invalidity(result) !== 'lost events');
  return {
    values: ratios(honest(other), honest(mine), cpu),
    remark: `by CPU an event: ${clientBusy ? 'the load client was busy' : 'a server was not'}`,
  };
}

/** One ratio to another, round by round as they came. */
export const ratioOfRatios =
  (one: Measure, other: Measure): Measure =>
  (results) => {
    const [above, below] = [one(results), other(results)];
    const remark = above.remark ?? below.remark;
    const values = above.values.flatMap((value, index) => {
      const divisor = below.values[index];
      return divisor === undefined ? [] : [value / divisor];
    });
    return { values, ...(remark === undefined ? {} : { remark }) };
  };

function remarked(all: readonly Result[], values: readonly number[]): Measured {
  const reasons = new Set(all.flatMap((result) => invalidity(result) ?? []));
  return reasons.size === 0 ? { values } : { values, remark: `rounds left out: ${[...reasons].join(', ')}` };
}
