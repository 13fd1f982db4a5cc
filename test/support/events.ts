import { randomUUID } from 'node:crypto';

import { domains, catalogue, type EventType } from '../../src/event/catalogue.ts';
import type { Json, JsonObject } from '../../src/event/event.ts';
import type { ProducedRecord } from './kafka.ts';

/** A CloudEvent as a producer writes it. */
export interface ExampleEvent extends JsonObject {
  readonly specversion: string;
  readonly id: string;
  readonly source: string;
  readonly type: EventType;
  readonly subject: string;
  readonly time: string;
  readonly datacontenttype: string;
  readonly data: JsonObject;
}

const money = (amount: string) => ({ amount, currency: 'USD' });

/** One payload of each type, with everything a payload can have. */
export const examplePayloads: Readonly<Record<EventType, JsonObject>> = {
  'rte.completed': {
    workflowId: 'wf-456',
    accountId: 'A123',
    coverage: {
      id: 'cov-77',
      active: true,
      payer: 'Example Health',
      plan: 'PPO Gold 1500',
      effectiveFrom: '2026-01-01',
      effectiveTo: null,
      copay: money('25.00'),
      deductible: { total: money('1500.00'), remaining: money('312.50') },
      outOfPocketMaximum: { total: money('6000.00'), remaining: money('4810.00') },
    },
  },
  'rte.failed': {
    workflowId: 'wf-457',
    accountId: 'A123',
    failure: { code: 'PAYER_UNAVAILABLE', message: 'The payer did not answer.', retryable: true },
  },
  'rte.timeout': { workflowId: 'wf-458', accountId: 'A123', timeoutMs: 60_000 },
  'rte.progress': { workflowId: 'wf-456', accountId: 'A123', percent: 40 },
  'call.accepted': { callId: 'call-9', providerName: 'Dr. Rivera' },
  'call.ready': { callId: 'call-9', appointmentId: 'appt-31', providerName: 'Dr. Rivera' },
  'call.join': { callId: 'call-9', providerName: 'Dr. Rivera', joinUrl: 'https://video.example/call-9' },
  'call.extend': { callId: 'call-9', minutes: 15, price: money('40.00'), offerExpiresAt: '2026-11-20T18:15:00.000Z' },
  'call.ended': { callId: 'call-9', reason: 'COMPLETED', durationSeconds: 1705 },
};

export interface ExampleOptions {
  readonly id?: string;
  readonly member?: string;
  /** The last segment of the channel: workflowId or callId. */
  readonly channelId?: string;
  /** ms since the epoch; now when left out */
  readonly time?: number;
  /** Added to the payload, or put in the place of what is there. */
  readonly data?: JsonObject;
  /** Added to the envelope, or put in the place of what is there. */
  readonly extensions?: Readonly<Record<string, Json>>;
}

/** A valid event of the type, stamped now, with an id of its own. */
export function exampleEvent(type: EventType, options: ExampleOptions = {}): ExampleEvent {
  const { id = randomUUID(), member = 'm-1', channelId, time = Date.now(), data = {}, extensions = {} } = options;
  const { domain } = catalogue[type];
  const channel = channelId === undefined ? {} : { [domains[domain].idField]: channelId };
  return {
    specversion: '1.0',
    id,
    source: domain === 'coverage' ? '/services/realtime-eligibility' : '/services/video-visits',
    type,
    subject: member,
    time: new Date(time).toISOString(),
    datacontenttype: 'application/json',
    ...extensions,
    data: { ...examplePayloads[type], ...channel, ...data },
  };
}

/** The event as a record in the structured content mode, keyed by member. */
export function structuredRecord(event: ExampleEvent): ProducedRecord {
  return {
    key: event.subject,
    value: JSON.stringify(event),
    headers: { 'content-type': 'application/cloudevents+json; charset=UTF-8' },
  };
}

/** The event as a record in the binary content mode, keyed by member. */
export function binaryRecord({ data, datacontenttype, ...attributes }: ExampleEvent): ProducedRecord {
  const headers = Object.entries(attributes).map(([name, value]) => [
    `ce_${name}`,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  return {
    key: attributes.subject,
    value: JSON.stringify(data),
    headers: { ...Object.fromEntries(headers), 'content-type': datacontenttype },
  };
}
