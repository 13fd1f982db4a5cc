/**
 * The event catalogue: the one table that everything depending on an event's type reads (validation, class, channel, expiry,
 * polling hint, GraphQL shape). A new type is one row here, one JSON Schema in `schema/events/`, and its GraphQL fields.
 */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `critical`: kept until acknowledged or expired. `best-effort`: pushed to who is listening now, latest per channel kept briefly. */
export type EventClass = 'critical' | 'best-effort';

export interface CatalogueEntry {
  /** Which GraphQL type carries it; each domain has one channel family and one polling hint. */
  readonly domain: Domain;
  readonly class: EventClass;
  /** The last event its channel will see. */
  readonly terminal: boolean;
  /** How long after the event's `time` an un-acknowledged copy is still worth delivering, ms; null for best-effort. */
  readonly expiresAfterMs: number | null;
  /** The event's name on the Pusher channel it replaces, where it had one. */
  readonly legacyName: string | null;
}

export type Domain = 'coverage' | 'video-visit';

interface DomainEntry {
  /** `/member/{m}/{segment}/{id}` */
  readonly segment: string;
  /** The payload's field that is the last segment of the channel. */
  readonly idField: string;
  /** What a client that polls should wait between two polls, ms. */
  readonly pollAfterMs: number;
}

export const domains = {
  coverage: { segment: 'rte', idField: 'workflowId', pollAfterMs: 2_000 },
  'video-visit': { segment: 'video-visit', idField: 'callId', pollAfterMs: 5_000 },
} as const satisfies Record<Domain, DomainEntry>;

const coverageResult = {
  domain: 'coverage',
  class: 'critical',
  terminal: true,
  expiresAfterMs: 7 * DAY,
  legacyName: null,
} as const;
const call = { domain: 'video-visit', class: 'critical', terminal: false, expiresAfterMs: 2 * HOUR } as const;

export const catalogue = {
  'rte.completed': coverageResult,
  'rte.failed': coverageResult,
  'rte.timeout': coverageResult,
  'rte.progress': { domain: 'coverage', class: 'best-effort', terminal: false, expiresAfterMs: null, legacyName: null },
  'call.accepted': { ...call, legacyName: 'call_accepted' },
  'call.ready': { ...call, legacyName: 'appointment_ready' },
  'call.join': { ...call, legacyName: 'join_call' },
  'call.extend': { ...call, legacyName: 'paid_extend_call_request' },
  'call.ended': { ...call, terminal: true, expiresAfterMs: 24 * HOUR, legacyName: 'call_ended' },
} as const satisfies Record<string, CatalogueEntry>;

export type EventType = keyof typeof catalogue;

export const eventTypes = Object.keys(catalogue) as readonly EventType[]; // Object.keys loses the literal keys

export function isEventType(type: string): type is EventType {
  return Object.hasOwn(catalogue, type);
}

/** The longest any event can stay pending: how far back in Kafka a rebuild after a total loss of Redis must reach, ms. */
export const longestExpiryMs = Math.max(...Object.values(catalogue).map((entry) => entry.expiresAfterMs ?? 0));
