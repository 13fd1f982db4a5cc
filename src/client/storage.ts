/**
 * Text under names, for longer than the page lives. It may be slow, full, or throw: the client then goes on without it, and an event that
 * a reload interrupts is shown again rather than lost.
 */
export interface Storage {
  get(key: string): string | null | Promise<string | null>;
  set(key: string, value: string): void | Promise<void>;
}

export function memoryStorage(): Storage {
  const values = new Map<string, string>();
  return { get: (key) => values.get(key) ?? null, set: (key, value) => void values.set(key, value) };
}

/** `localStorage` where it can be used, otherwise memory. Asking for it throws where the user has forbidden it. */
export function defaultStorage(): Storage {
  try {
    const { localStorage } = globalThis as {
      localStorage?: { getItem(key: string): string | null; setItem(key: string, value: string): void };
    }; // absent outside browsers
    // Node 22 has one that warns when it is touched without a file to keep it in: only a page's is meant.
    if (localStorage === undefined || !('document' in globalThis)) return memoryStorage();
    return { get: (key) => localStorage.getItem(key), set: (key, value) => localStorage.setItem(key, value) };
  } catch {
    return memoryStorage();
  }
}
