import type { Storage } from '../../src/client/index.ts';

/**
 * What a tab remembers across a reload. Not `localStorage`: each tab is a device of its own here, and shows every event once itself,
 * where tabs of one app would rather share what they have seen.
 */
export function tabStorage(member: string): Storage {
  const named = (key: string) => `lifeline:${member}:${key}`;
  return {
    get: (key) => sessionStorage.getItem(named(key)),
    set: (key, value) => sessionStorage.setItem(named(key), value),
  };
}

export interface Memory<Value> {
  recall(): Value | null;
  keep(value: Value): void;
}

/** @param version what an older page has written is forgotten */
export function tabMemory<Value>(name: string, version: number): Memory<Value> {
  const key = `lifeline:${name}`;
  return {
    recall() {
      try {
        const kept = JSON.parse(sessionStorage.getItem(key) ?? 'null') as { version: number; value: Value } | null; // our own, below
        return kept?.version === version ? kept.value : null;
      } catch {
        return null; // forbidden, or not ours: the page begins anew
      }
    },
    keep(value) {
      try {
        sessionStorage.setItem(key, JSON.stringify({ version, value }));
      } catch {
        // forbidden or full: a reload then shows what is new only
      }
    },
  };
}
