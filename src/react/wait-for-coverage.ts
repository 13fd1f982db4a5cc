import { useEffect, useState } from 'react';

import { ClientError, CoverageTimeout, type CoverageUpdate, type LifelineClient } from '../client/index.ts';
import { useClient } from './context.ts';

/** Where a wait stands. */
export type CoverageWait =
  | { readonly state: 'idle' | 'waiting'; readonly update: null; readonly error: null }
  | { readonly state: 'done'; readonly update: CoverageUpdate; readonly error: null }
  /** `update` is the last that was known: the check may still end. */
  | { readonly state: 'timeout'; readonly update: CoverageUpdate | null; readonly error: CoverageTimeout }
  | { readonly state: 'failed'; readonly update: null; readonly error: Error };

const idle: CoverageWait = { state: 'idle', update: null, error: null };
const waiting: CoverageWait = { state: 'waiting', update: null, error: null };

/** The end of one eligibility check, from whichever path has it first. Null instead of a workflow: waits for nothing. */
export function useWaitForCoverage(
  workflowId: string | null,
  { timeoutMs, client: own }: { readonly timeoutMs?: number; readonly client?: LifelineClient | null } = {},
): CoverageWait {
  const client = useClient(own);
  const [known, setKnown] = useState<{ readonly of: string; readonly wait: CoverageWait } | null>(null);

  useEffect(() => {
    if (client === null || workflowId === null) return;
    const gone = new AbortController();
    const tell = (wait: CoverageWait) => {
      if (!gone.signal.aborted) setKnown({ of: workflowId, wait });
    };
    tell(waiting);
    client.waitForCoverage(workflowId, { signal: gone.signal, ...(timeoutMs === undefined ? {} : { timeoutMs }) }).then(
      (update) => tell({ state: 'done', update, error: null }),
      (error: unknown) => tell(failureOf(error)),
    );
    return () => gone.abort();
  }, [client, workflowId, timeoutMs]);

  if (client === null || workflowId === null) return idle;
  // The first render of another check must not show the last one's result.
  return known?.of === workflowId ? known.wait : waiting;
}

function failureOf(error: unknown): CoverageWait {
  if (error instanceof CoverageTimeout) return { state: 'timeout', update: error.lastKnown as CoverageUpdate | null, error }; // what the client was waiting for
  return {
    state: 'failed',
    update: null,
    error: error instanceof Error ? error : new ClientError('INTERNAL', 'never', String(error)),
  };
}
