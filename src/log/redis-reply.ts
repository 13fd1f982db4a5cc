/** Answers of Redis are `unknown` until looked at; these look, and throw where a script broke its promise. */

export function list(reply: unknown): readonly unknown[] {
  if (!Array.isArray(reply)) throw new TypeError('Redis answered something else than a list.');
  return reply;
}

export function text(reply: unknown): string {
  if (typeof reply !== 'string') throw new TypeError('Redis answered something else than text.');
  return reply;
}

/** Scripts answer large numbers as text, because a Lua number becomes a truncated integer on its way out. */
export function number(reply: unknown): number {
  const value = typeof reply === 'string' && reply !== '' ? Number(reply) : reply;
  if (typeof value !== 'number' || Number.isNaN(value)) throw new TypeError('Redis answered something else than a number.');
  return value;
}

/** null for nil and for '' */
export function numberOrNull(reply: unknown): number | null {
  return reply === null || reply === undefined || reply === '' ? null : number(reply);
}
