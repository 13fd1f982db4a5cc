import { channelOf } from '../event/channel.ts';
import { catalogue, domains, isEventType, type EventType } from '../event/catalogue.ts';
import { channelIdPattern, deliveryId, type MemberEvent } from '../event/event.ts';
import { isRefusal, readCloudEvent, type CloudEvent } from './cloudevents.ts';
import { isJsonObject, unfit } from './json.ts';
import type { KafkaRecord } from './records.ts';
import { violation } from './validate.ts';

/** Why a record becomes a dead letter: the value of its `lifeline-reason` header. */
export type Reason = 'invalid-json' | 'invalid-envelope' | 'unknown-type' | 'invalid-payload' | 'too-large' | 'expired';

export type Decoded =
  | { readonly ok: true; readonly event: MemberEvent }
  | {
      readonly ok: false;
      readonly reason: Reason;
      /** Where and which rule; free of payload text and ids. */ readonly detail: string;
    };

/** Of key, value and headers together: all of it is kept with the event, or could be. */
export const maxRecordBytes = 64 * 1024;

/** How far a producer's clock may run ahead before its `time` stops counting for the expiry. */
const clockSkewMs = 5 * 60_000;

/**
 * Turns a record into an event of the catalogue, or says why it cannot be one. Pure, total, and free of any Kafka library.
 *
 * The order of the checks is the order in which a producer would want to hear of them: size before anything is parsed; then the envelope
 * as CloudEvents has it; then whether the type is ours at all (a foreign event need not keep our rules, it is just foreign); then our own
 * rules for subject and payload; expiry last, because only a valid event can expire.
 */
export function decode(record: KafkaRecord, now: number): Decoded {
  if (sizeOf(record) > maxRecordBytes) return refuse('too-large', `record: must not be larger than ${maxRecordBytes} bytes`);
  const envelope = readCloudEvent(record);
  if (isRefusal(envelope)) return refuse(envelope.reason, envelope.detail);
  const { type } = envelope;
  if (!isEventType(type)) return refuse('unknown-type', 'type: is not in the catalogue');
  const { subject } = envelope.attributes;
  if (typeof subject !== 'string' || !channelIdPattern.test(subject))
    return refuse('invalid-envelope', `subject: must match ${channelIdPattern.source}`);
  return decodePayload(envelope, type, subject, record.origin, now);
}

function decodePayload(envelope: CloudEvent, type: EventType, member: string, origin: KafkaRecord['origin'], now: number): Decoded {
  const { id, source, data, attributes } = envelope;
  const broken = violation(type, data);
  if (broken !== undefined) return refuse('invalid-payload', broken);
  // The schema has checked both; said again for the compiler, and for a schema that forgets.
  if (!isJsonObject(data)) return refuse('invalid-payload', 'data: must be an object');
  const { idField } = domains[catalogue[type].domain];
  const channelId = data[idField];
  if (typeof channelId !== 'string' || !channelIdPattern.test(channelId))
    return refuse('invalid-payload', `data/${idField}: must match ${channelIdPattern.source}`);
  const rule = unfit(data);
  if (rule !== undefined) return refuse('invalid-payload', `data: ${rule}`);

  // Old clients can write records without a timestamp (-1).
  const recordedAt = origin.timestamp > 0 ? origin.timestamp : now;
  const occurredAt = envelope.time ?? recordedAt;
  const expiresAt = expiryOf(type, Math.min(occurredAt, recordedAt + clockSkewMs, now + clockSkewMs));
  if (expiresAt !== null && expiresAt <= now) return refuse('expired', 'time: is further back than events of this type live');
  return {
    ok: true,
    event: {
      id: deliveryId(source, id),
      type,
      member,
      channel: channelOf(type, member, channelId),
      occurredAt,
      expiresAt,
      accountId: typeof data['accountId'] === 'string' ? data['accountId'] : null,
      data,
      attributes: { ...attributes, subject: member },
      origin,
    },
  };
}

/** A `time` in the future must not keep an event alive for ever, so the caller bounds `since` by clocks that are not the producer's. */
function expiryOf(type: EventType, since: number): number | null {
  const { expiresAfterMs } = catalogue[type];
  return expiresAfterMs === null ? null : since + expiresAfterMs;
}

function refuse(reason: Reason, detail: string): Decoded {
  return { ok: false, reason, detail };
}

/** Bytes of key, value and headers, header names included. */
export function sizeOf({ key, value, headers }: Pick<KafkaRecord, 'key' | 'value' | 'headers'>): number {
  let size = (key?.length ?? 0) + (value?.length ?? 0);
  for (const [name, raw] of Object.entries(headers)) {
    const values = Array.isArray(raw) ? raw : [raw];
    for (const header of values) size += Buffer.byteLength(name) + Buffer.byteLength(header ?? '');
  }
  return size;
}
