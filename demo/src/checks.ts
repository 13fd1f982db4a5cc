import type { CoverageUpdate } from '../../src/client/index.ts';

/** Where one eligibility check stands, as far as this page was told. */
export type Check = Pick<CoverageUpdate, 'workflowId' | 'status' | 'percent' | 'coverage' | 'failure'> & {
  /** ms since the epoch */
  readonly at: number;
};

/** Newest first. */
export type Checks = readonly Check[];

const keepAtMost = 20;

/**
 * An update that happened before what is known changes nothing: progress that took the long way does not undo a result. One that happened
 * later counts even after a result, because a restarted embedded server counts its workflows from 1 again.
 */
export function withUpdate(checks: Checks, update: CoverageUpdate): Checks {
  const at = Date.parse(update.occurredAt);
  const known = checks.find(({ workflowId }) => workflowId === update.workflowId);
  if (known !== undefined && known.at > at) return checks;
  const { workflowId, status, percent, coverage, failure } = update;
  const others = checks.filter((check) => check !== known);
  return [{ workflowId, status, percent, coverage, failure, at }, ...others].slice(0, keepAtMost);
}
