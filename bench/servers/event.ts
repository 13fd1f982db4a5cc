/**
 * The one event that every server under test carries: an eligibility result with 11 leaf fields, about 340 bytes as JSON. Its `workflowId`
 * holds the marker that the load client looks for.
 */

/** What makes one event different from the next. */
export interface Stamp {
  /** Whom it is for: m0, m1 …, or `broadcastMember`. */
  readonly member: string;
  /** CLOCK_MONOTONIC of the moment at which it was to be sent, µs */
  readonly timeMicros: number;
  /** Of that member's events, from 1. */
  readonly sequence: number;
}

/** A member whom all sockets of a broadcast subscribe to: the same thing for a server that knows no topics. */
export const broadcastMember = 'broadcast';

/** Channel in Redis on which a member's events go to the servers that forward what they hear. */
export const redisChannel = (member: string) => `bench:${member}`;

export const accountId = 'A123';

export function workflowId({ timeMicros, sequence }: Stamp): string {
  const time = String(Math.floor(timeMicros)).padStart(16, '0');
  return `wf-T${time}-S${String(sequence).padStart(10, '0')}`;
}

/** As JSON text; put together instead of stringified, so that the generator costs next to nothing. */
export function eventJson(stamp: Stamp): string {
  return `{"workflowId":"${workflowId(stamp)}${afterWorkflowId}`;
}

/** As a value. Fresh down to the last object, because that is what a server gets that has parsed it. */
export function eventData(stamp: Stamp) {
  return { workflowId: workflowId(stamp), accountId, status: 'COMPLETED', coverage: coverage() };
}

export type EventData = ReturnType<typeof eventData>;

export function coverage() {
  return {
    id: 'cov-7f3a9c1e-7d52',
    active: true,
    payer: 'Example Health Insurance Company of the North',
    plan: 'PPO Gold 1500 for families',
    effectiveFrom: '2026-01-01',
    effectiveTo: '2026-12-31',
    copay: { amount: '25.00', currency: 'USD' },
  };
}

const afterWorkflowId = JSON.stringify(eventData({ member: '', timeMicros: 0, sequence: 0 })).replace(/^.*?-S\d+/, '');
