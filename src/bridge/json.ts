import type { Json, JsonObject } from '../event/event.ts';

/** Nesting no payload needs; below it, nothing that walks or writes the value recursively can run out of stack. */
const maxDepth = 32;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** @returns the text; undefined when the bytes are not UTF-8. A byte order mark is dropped, as RFC 8259 allows. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** @returns the value; undefined when the bytes are not UTF-8 or not JSON. The parser's own message quotes its input, so it is dropped. */
export function parseJson(bytes: Uint8Array): Json | undefined {
  const text = decodeUtf8(bytes);
  if (text === undefined) return undefined;
  try {
    const value: Json = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * What JSON text can say and the rest of the way cannot carry: the log writes values as JSON again, and JavaScript objects are copied.
 *
 * @returns the rule that is broken, or undefined
 */
export function unfit(value: Json, depth = 1): string | undefined {
  // 1e999 parses to Infinity, which would be written back as null.
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'must not hold a number out of range';
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth > maxDepth) return `must not be nested deeper than ${maxDepth}`;
  // An own key of that name turns into the prototype of whatever it is assigned to.
  if (Object.hasOwn(value, '__proto__')) return 'must not have a property named __proto__';
  for (const child of Object.values(value)) {
    const rule = unfit(child, depth + 1);
    if (rule !== undefined) return rule;
  }
  return undefined;
}
