import type { Json, JsonObject } from '../event/event.ts';
import { decodeUtf8, isJsonObject, parseJson } from './json.ts';
import type { KafkaRecord } from './records.ts';

/** A CloudEvent whose context attributes keep the specification's rules; nothing is known about its type, subject or data yet. */
export interface CloudEvent {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  /** ms since the epoch; null when the event has no `time`. */
  readonly time: number | null;
  /** Everything but `data`, as received. */
  readonly attributes: JsonObject & { readonly id: string; readonly source: string; readonly type: string };
  /** Undefined when absent. */
  readonly data: Json | undefined;
}

export interface Refusal {
  readonly reason: 'invalid-json' | 'invalid-envelope';
  /** Which attribute and which rule; never a value. */
  readonly detail: string;
}

/**
 * Reads a CloudEvent 1.0 by the Kafka protocol binding, structured (`application/cloudevents+json`) or binary (`ce_*` headers). A record
 * with neither mark is tried as structured: a console producer writes no headers, and nothing else on these topics would be understood.
 */
export function readCloudEvent({ value, headers }: Pick<KafkaRecord, 'value' | 'headers'>): CloudEvent | Refusal {
  if (value === null) return refuse('invalid-json', 'value: must not be null');
  const named = new Map<string, string>();
  for (const [name, raw] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    if (raw === undefined || (lower !== 'content-type' && !lower.startsWith('ce_'))) continue;
    if (typeof raw === 'object' && !Buffer.isBuffer(raw))
      return refuse('invalid-envelope', 'headers: must not repeat a CloudEvents header');
    const text = typeof raw === 'string' ? raw : decodeUtf8(raw);
    if (text === undefined) return refuse('invalid-envelope', 'headers: must be UTF-8');
    if (named.has(lower)) return refuse('invalid-envelope', 'headers: must not repeat a CloudEvents header');
    named.set(lower, text);
  }

  const contentType = named.get('content-type');
  named.delete('content-type');
  const media = contentType === undefined ? null : parseMediaType(contentType);
  if (media !== null && !utf8Charsets.has(media.charset)) return refuse('invalid-envelope', 'content-type: charset must be utf-8');
  if (media?.type.startsWith('application/cloudevents') === true) {
    if (media.type !== 'application/cloudevents+json')
      return refuse('invalid-envelope', 'content-type: must be the JSON event format');
    return structured(value);
  }
  return named.size > 0 ? binary(value, named, contentType) : structured(value);
}

export function isRefusal(result: CloudEvent | Refusal): result is Refusal {
  return 'reason' in result;
}

const utf8Charsets = new Set(['', 'utf-8', 'utf8', 'us-ascii']);

function parseMediaType(text: string): { readonly type: string; readonly charset: string } {
  const [type = '', ...parameters] = text.toLowerCase().split(';');
  for (const parameter of parameters) {
    const charset = /^\s*charset\s*=\s*"?([^"\s]*)"?\s*$/.exec(parameter)?.[1];
    if (charset !== undefined) return { type: type.trim(), charset };
  }
  return { type: type.trim(), charset: '' };
}

function refuse(reason: Refusal['reason'], detail: string): Refusal {
  return { reason, detail };
}

function structured(value: Buffer): CloudEvent | Refusal {
  const parsed = parseJson(value);
  if (parsed === undefined) return refuse('invalid-json', 'value: must be JSON in UTF-8');
  if (!isJsonObject(parsed)) return refuse('invalid-envelope', 'value: must be a JSON object');
  const { data, data_base64: base64 } = parsed;
  if (base64 === undefined || base64 === null) return envelope(parsed, data);
  // The JSON format's way to carry bytes; producers whose payload is already serialised send JSON like that.
  if (data !== undefined) return refuse('invalid-envelope', 'data_base64: must not stand beside data');
  if (typeof base64 !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64))
    return refuse('invalid-envelope', 'data_base64: must be Base64');
  const decoded = parseJson(Buffer.from(base64, 'base64'));
  return decoded === undefined ? refuse('invalid-json', 'data_base64: must hold JSON in UTF-8') : envelope(parsed, decoded);
}

function binary(value: Buffer, headers: ReadonlyMap<string, string>, contentType: string | undefined): CloudEvent | Refusal {
  const attributes: Record<string, Json> = contentType === undefined ? {} : { datacontenttype: contentType };
  // Names come lowercased and are checked before they can be anything but a plain key.
  for (const [name, text] of headers) {
    const attribute = name.slice('ce_'.length);
    if (attribute === 'data') return refuse('invalid-envelope', 'data: must not be a header');
    if (!attributeName.test(attribute)) return refuse('invalid-envelope', 'attribute names: must be a-z and 0-9 only');
    attributes[attribute] = text;
  }
  const refused = envelope(attributes, undefined);
  if (isRefusal(refused)) return refused;
  const data = parseJson(value);
  return data === undefined ? refuse('invalid-json', 'value: must be JSON in UTF-8') : { ...refused, data };
}

const attributeName = /^[a-z0-9]+$/;
/** Characters that CloudEvents strings must not hold: controls, and halves of surrogate pairs (checked apart). */
// eslint-disable-next-line no-control-regex -- they are what is looked for
const control = /[\u0000-\u001f\u007f-\u009f]/;
const uriReference = /^[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=%]+$/;

/** What `received` has as `data` or `data_base64` is no attribute. */
function envelope(received: JsonObject, data: Json | undefined): CloudEvent | Refusal {
  const attributes: Record<string, Json> = {};
  for (const [name, value] of Object.entries(received)) {
    if (name === 'data' || name === 'data_base64') continue;
    const known = ruled.has(name);
    if (!known && !attributeName.test(name)) return refuse('invalid-envelope', 'attribute names: must be a-z and 0-9 only');
    if (value === null) continue; // JSON format 1.0.2: the same as unset
    if (typeof value === 'string') {
      if (control.test(value) || !value.isWellFormed())
        return refuse(
          'invalid-envelope',
          `${known ? name : 'an extension'}: must not hold control characters or broken surrogates`,
        );
    } else if (known) {
      return refuse('invalid-envelope', `${name}: must be a string`);
    } else if (typeof value !== 'boolean' && !Number.isInteger(value)) {
      return refuse('invalid-envelope', 'an extension: must be a string, a boolean or an integer');
    }
    attributes[name] = value;
  }

  const { specversion, id, source, type, time, datacontenttype } = attributes;
  if (specversion !== '1.0') return refuse('invalid-envelope', 'specversion: must be 1.0');
  if (typeof id !== 'string' || id === '') return refuse('invalid-envelope', 'id: must be a non-empty string');
  if (typeof source !== 'string' || !uriReference.test(source))
    return refuse('invalid-envelope', 'source: must be a URI reference');
  if (typeof type !== 'string' || type === '') return refuse('invalid-envelope', 'type: must be a non-empty string');
  const instant = typeof time === 'string' ? parseTimestamp(time) : null;
  if (instant === undefined) return refuse('invalid-envelope', 'time: must be an RFC 3339 timestamp');
  if (typeof datacontenttype === 'string' && !isJsonType(datacontenttype))
    return refuse('invalid-envelope', 'datacontenttype: must be JSON in UTF-8');
  return { id, source, type, time: instant, attributes: { ...attributes, id, source, type }, data };
}

/** Attributes that the specification gives the type string (or one of its forms). */
const ruled = new Set(['specversion', 'id', 'source', 'type', 'subject', 'time', 'datacontenttype', 'dataschema']);

function isJsonType(text: string): boolean {
  const { type, charset } = parseMediaType(text);
  return (type === 'application/json' || type === 'text/json' || type.endsWith('+json')) && utf8Charsets.has(charset);
}

const rfc3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/** @returns ms since the epoch; undefined when it is no timestamp. A leap second counts as the second before it. */
function parseTimestamp(text: string): number | undefined {
  if (!rfc3339.test(text)) return undefined;
  // Date.parse takes 30 February for 2 March; every month has 28 days.
  const day = Number(text.slice(8, 10));
  if (day > 28 && new Date(Date.UTC(Number(text.slice(0, 4)), Number(text.slice(5, 7)) - 1, day)).getUTCDate() !== day)
    return undefined;
  const instant = Date.parse(
    text
      .toUpperCase()
      .replace(' ', 'T')
      .replace(/:60(?=[.Z+-])/, ':59'),
  );
  return Number.isNaN(instant) ? undefined : instant;
}
