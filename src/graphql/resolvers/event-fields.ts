import type { Delivery } from '../../delivery/delivery.ts';
import type { Json, JsonObject } from '../../event/event.ts';

/** The fields of the `MemberEvent` interface, the same for every type that implements it. */
export const memberEventFields = {
  type: ({ event }: Delivery) => event.type,
  channel: ({ event }: Delivery) => event.channel,
  occurredAt: ({ event }: Delivery) => event.occurredAt,
  delivery: (delivery: Delivery) => delivery,
};

// Payloads were validated when they entered, but perhaps against a newer schema than this process knows: read, never trust.

/** @throws TypeError naming the field, where the payload has no such text: the schema promises it */
export function textIn(data: JsonObject, field: string): string {
  const text = optionalTextIn(data, field);
  if (text === null) throw new TypeError(`The payload has no text in ${field}.`);
  return text;
}

/** Null where the payload has no such text. */
export function optionalTextIn(data: JsonObject, field: string): string | null {
  const value = data[field];
  return typeof value === 'string' ? value : null;
}

/** Null where the payload has no such number. */
export function numberIn(data: JsonObject, field: string): number | null {
  const value = data[field];
  return typeof value === 'number' ? value : null;
}

/** Null where the payload has no such object. */
export function objectIn(data: JsonObject, field: string): JsonObject | null {
  const value = data[field];
  return value !== undefined && isObject(value) ? value : null;
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
