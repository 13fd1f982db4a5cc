import type { EventType } from '../event/catalogue.ts';
import type { JsonObject } from '../event/event.ts';

/** One event of a story, and when it is told. */
export interface Scene {
  readonly afterMs: number;
  readonly type: EventType;
  readonly data: JsonObject;
}

/** How a check can end: the payer answers, refuses, or never answers. */
export const checkEndings = ['completed', 'failed', 'timeout'] as const;
export type CheckEnding = (typeof checkEndings)[number];

const money = (amount: string) => ({ amount, currency: 'USD' });

/** An eligibility check of 3 s times `slowness`: two steps, then its end. */
export function coverageCheck({
  workflowId,
  accountId,
  ending,
  slowness = 1,
}: {
  readonly workflowId: string;
  readonly accountId: string;
  readonly ending: CheckEnding;
  readonly slowness?: number;
}): readonly Scene[] {
  const ids = { workflowId, accountId };
  const endings: Readonly<Record<CheckEnding, Omit<Scene, 'afterMs'>>> = {
    completed: { type: 'rte.completed', data: { ...ids, coverage: coverageOf(workflowId) } },
    failed: {
      type: 'rte.failed',
      data: { ...ids, failure: { code: 'PAYER_UNAVAILABLE', message: 'The payer did not answer.', retryable: true } },
    },
    timeout: { type: 'rte.timeout', data: { ...ids, timeoutMs: 60_000 } },
  };
  return [
    { afterMs: 0, type: 'rte.progress', data: { ...ids, percent: 20 } },
    { afterMs: 1_500 * slowness, type: 'rte.progress', data: { ...ids, percent: 70 } },
    { afterMs: 3_000 * slowness, ...endings[ending] },
  ];
}

function coverageOf(workflowId: string): JsonObject {
  return {
    id: `cov-${workflowId}`,
    active: true,
    payer: 'Example Health',
    plan: 'PPO Gold 1500',
    effectiveFrom: `${new Date().getUTCFullYear()}-01-01`,
    effectiveTo: null,
    copay: money('25.00'),
    deductible: { total: money('1500.00'), remaining: money('312.50') },
    outOfPocketMaximum: { total: money('6000.00'), remaining: money('4810.00') },
  };
}

/** A video visit of 45 s, from the call that is taken to its end. */
export function videoVisit(callId: string): readonly Scene[] {
  const providerName = 'Dr. Rivera';
  return [
    { afterMs: 0, type: 'call.accepted', data: { callId, providerName } },
    { afterMs: 7_000, type: 'call.ready', data: { callId, appointmentId: `appt-${callId}`, providerName } },
    { afterMs: 13_000, type: 'call.join', data: { callId, providerName, joinUrl: `https://video.example/${callId}` } },
    {
      afterMs: 30_000,
      type: 'call.extend',
      data: { callId, minutes: 15, price: money('40.00'), offerExpiresAt: new Date(Date.now() + 60_000).toISOString() },
    },
    { afterMs: 45_000, type: 'call.ended', data: { callId, reason: 'COMPLETED', durationSeconds: 32 } },
  ];
}
