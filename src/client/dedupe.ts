/** At least 512 ids survive a reload; twice as many cost 40 KB of the 5 MB that a page has. */
export const idsRemembered = 1_024;

/** Which events were handled already, per stream: an event that two streams want is handed to both. */
export interface Handled {
  has(stream: string, id: string): boolean;
  add(stream: string, id: string): void;
  /** As text for a storage, oldest first, with what is `stored` there already: another tab may have written it. */
  toText(stored: string | null): string;
  /** Takes over what a storage holds, as older than what is known here. Anything else than such text is nothing. */
  merge(text: string | null): void;
}

export function createHandled(capacity: number = idsRemembered): Handled {
  // A Set keeps the order of insertion: the first key is the oldest.
  let keys = new Set<string>();
  const trim = () => {
    for (const key of keys) {
      if (keys.size <= capacity) break;
      keys.delete(key);
    }
  };
  return {
    has: (stream, id) => keys.has(keyOf(stream, id)),
    add(stream, id) {
      const key = keyOf(stream, id);
      keys.delete(key);
      keys.add(key);
      trim();
    },
    toText(stored) {
      const others = textsIn(stored).filter((key) => !keys.has(key));
      return JSON.stringify([...others, ...keys].slice(-capacity));
    },
    merge(text) {
      const stored = textsIn(text);
      if (stored.length === 0) return;
      keys = new Set([...stored.filter((key) => !keys.has(key)), ...keys]);
      trim();
    },
  };
}

/** The texts of a stored list; none where the text is not such a list. */
export function textsIn(text: string | null): string[] {
  if (text === null) return [];
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) ? parsed.filter((item) => typeof item === 'string') : [];
  } catch {
    return [];
  }
}

/** Short, because a thousand of them are written at a time; two streams that collide share what they handled, one in four billion. */
function keyOf(stream: string, id: string): string {
  let hash = 0x811c9dc5; // FNV-1a
  for (let index = 0; index < stream.length; index++) hash = Math.imul(hash ^ stream.charCodeAt(index), 0x01000193);
  return `${(hash >>> 0).toString(36)}:${id}`;
}
