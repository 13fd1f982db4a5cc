import { readFileSync } from 'node:fs';
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

import { eventTypes, type EventType } from '../event/catalogue.ts';
import type { Json } from '../event/event.ts';

const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
addFormats.default(ajv, ['date', 'date-time', 'uri']);

// Once per process: a missing or wrong schema ends the start, not the first event of its type.
const validators = new Map<EventType, ValidateFunction>(
  eventTypes.map((type) => [
    type,
    ajv.compile(JSON.parse(readFileSync(new URL(`../../schema/events/${type}.json`, import.meta.url), 'utf8'))),
  ]),
);

/** @returns where the payload breaks its type's schema (JSON pointer and rule, no values), or undefined when it keeps it */
export function violation(type: EventType, data: Json | undefined): string | undefined {
  const validate = validators.get(type);
  if (validate === undefined) return 'data: has no schema';
  if (validate(data)) return undefined;
  const [first] = validate.errors ?? [];
  return first === undefined ? 'data: does not match its schema' : describe(first);
}

/** Names in it are the schema's own: ajv puts a payload's key into a message only for rules that these schemas do not use. */
function describe({ instancePath, keyword, message }: ErrorObject): string {
  return `data${instancePath}: ${message ?? 'is not valid'} (${keyword})`;
}
