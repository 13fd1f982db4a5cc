import { hash } from 'node:crypto';

/**
 * One event of one member, decoded and validated: what the log keeps and what delivery hands out. Plain JSON through and through,
 * because it is stored and rung as JSON text.
 */
export interface MemberEvent {
  /** The delivery id: the same for every copy of this event, for ever (`deliveryId`). */
  readonly id: string;
  /** A row of the catalogue. A plain string here, because a gateway may be older than the bridge that wrote it. */
  readonly type: string;
  readonly member: string;
  /** `/member/{m}/{segment}/{id}` */
  readonly channel: string;
  /** CloudEvents `time`, or Kafka's timestamp where it is missing; ms since the epoch. */
  readonly occurredAt: number;
  /** Past this instant it is dead-lettered instead of delivered, ms since the epoch; null exactly for best-effort events. */
  readonly expiresAt: number | null;
  /** The payload's `accountId` where it has one: tokens with `account_ids` are held to it. */
  readonly accountId: string | null;
  readonly data: JsonObject;
  /** The CloudEvents context attributes as received, extensions included, without `data`: a dead letter is rebuilt from them. */
  readonly attributes: CloudEventAttributes;
  readonly origin: RecordOrigin;
}

export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

export interface CloudEventAttributes {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string;
  readonly [attribute: string]: Json;
}

/** Where in Kafka a record stood. */
export interface RecordOrigin {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Kafka's timestamp of the record, ms since the epoch. */
  readonly timestamp: number;
}

/** Ids that stand in a channel: nothing in it can be a separator or a wildcard, so no id can widen a pattern. */
export const channelIdPattern = /^[A-Za-z0-9._:@-]{1,128}$/;

/**
 * 128 bits of SHA-256 over `source` and `id` (the identity of a CloudEvent, CloudEvents 1.0 §3.1.1), base64url, 22 characters.
 * NUL separates them: it can stand in neither (both are free of control characters), so no two pairs share an input.
 */
export function deliveryId(source: string, id: string): string {
  return hash('sha256', `${source}\u0000${id}`, 'buffer').subarray(0, 16).toString('base64url');
}
