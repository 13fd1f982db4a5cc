import type { MemberEvent } from '../event/event.ts';
import { crowdedAt, type Gap, type SourceWriter } from './log.ts';

/** What a source writer needs of the memory log: one part, so one position per partition. */
export interface MemoryStore {
  /** Next offset by `topic:partition`. */
  readonly positions: Map<string, number>;
  /** @throws LifelineError UNAVAILABLE once the log is closed */
  usable(): void;
  newGeneration(): void;
  appendCritical(event: MemberEvent, expiresAt: number, refed: boolean): { readonly appended: boolean; readonly pending: number };
  /** @returns false for a copy of the latest one on its channel */
  passBy(event: MemberEvent): boolean;
}

/** The writing side for one partition of a memory log. Every method is one synchronous step, so atomic by nature. */
export function createMemorySource(store: MemoryStore, source: string): SourceWriter {
  let believed: number | null = null;
  let rewound = false;

  /** The gap, if the log stands below what this writer believes (or it believes nothing yet). */
  const gapBelow = (): Gap | null => {
    const stored = store.positions.get(source) ?? null;
    if (stored !== null && believed !== null && stored >= believed) return null;
    if (believed !== null && stored !== null) rewound = true;
    believed = stored;
    return { status: 'gap', next: stored };
  };

  return {
    async resume() {
      store.usable();
      believed = store.positions.get(source) ?? null;
      return { next: believed, known: believed };
    },
    async begin(offset) {
      store.usable();
      if (!store.positions.has(source)) store.positions.set(source, offset);
      believed = store.positions.get(source) ?? null;
    },
    async append(to, records) {
      store.usable();
      const gap = gapBelow();
      if (gap !== null) return gap;
      if (rewound) store.newGeneration();
      rewound = false;

      const stored = store.positions.get(source) ?? 0;
      const result = { status: 'ok' as const, appended: 0, duplicates: 0, stale: 0, crowded: 0 };
      for (const { offset, event, refed } of records) {
        if (offset < stored) {
          result.stale++;
        } else if (event.expiresAt === null) {
          if (store.passBy(event)) result.appended++;
          else result.duplicates++;
        } else {
          const { appended, pending } = store.appendCritical(event, event.expiresAt, refed);
          if (!appended) result.duplicates++;
          else result.appended++;
          if (appended && pending > crowdedAt) result.crowded++;
        }
      }
      store.positions.set(source, Math.max(stored, to));
      believed = Math.max(believed ?? 0, to);
      return result;
    },
    async verify() {
      store.usable();
      return gapBelow() ?? { status: 'ok' };
    },
    async settle() {
      store.usable();
      return gapBelow() ?? { status: 'ok' };
    },
    async restart(offset) {
      store.usable();
      store.positions.set(source, offset);
      store.newGeneration();
      believed = offset;
    },
  };
}
