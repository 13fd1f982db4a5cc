/** Verdicts: the goals held against result lines. What is not in the lines is not measured, never assumed. */
import type { Result } from '../workloads/workload.ts';
import type { Measure } from './measure.ts';
import { type Spread, spread } from './rounds.ts';

export interface Goal {
  readonly row: string;
  readonly what: string;
  readonly unit: '×' | 'ms' | 's' | 'KiB' | 'MiB' | '/s' | '';
  readonly sense: 'at least' | 'at most';
  readonly bound: number;
  readonly measure: Measure;
}

export interface Verdict {
  readonly goal: Goal;
  readonly verdict: 'PASS' | 'FAIL' | 'not measured';
  /** the bound that was applied: the goal's own, or the loosened one */
  readonly bound: number;
  readonly spread?: Spread;
  readonly remark?: string;
}

/** @param looseness 1: the goals as they stand; 2: half of each is enough, as a small run on a busy machine can tell */
export function judge(goals: readonly Goal[], results: readonly Result[], looseness: number): readonly Verdict[] {
  return goals.map((goal) => {
    const bound = goal.sense === 'at least' ? goal.bound / looseness : goal.bound * looseness;
    const { values, remark } = goal.measure(results);
    const measured = spread(values);
    const about = { goal, bound, ...(remark === undefined ? {} : { remark }) };
    if (measured === undefined) return { ...about, verdict: 'not measured' };
    // Of what must not happen at all the worst round counts; of a speed the median.
    const found = goal.bound === 0 ? measured.most : measured.median;
    const reached = goal.sense === 'at least' ? found >= bound : found <= bound;
    return { ...about, verdict: reached ? 'PASS' : 'FAIL', spread: measured };
  });
}
