import type { Storage } from './storage.ts';
import type { Handled } from './dedupe.ts';

/** A storage that does not answer, e.g. on a phone that wakes up, must not keep events from the app for longer than this, ms. */
const loadWithinMs = 2_000;

/** In a burst it is written down this often, ms: what a reload within it interrupts is shown again. */
const burstMs = 50;

interface Parts {
  readonly storage: Storage;
  readonly handled: Handled;
  readonly acks: { restore(text: string | null): void; toText(): string };
  readonly after: (ms: number) => Promise<void>;
}

/** What survives a reload, under names of the member's own: one device can have several members in turn. */
export function createMemory({ storage, handled, acks, after }: Parts) {
  let names: { readonly ids: string; readonly acks: string } | null = null;
  let loading: Promise<void> | null = null;
  const written = new Map<string, string>();

  const read = async (name: string) => {
    try {
      return await storage.get(name);
    } catch {
      return null; // forbidden, broken: as if nothing had been kept
    }
  };
  const write = async (name: string, text: string) => {
    if (written.get(name) === text) return;
    written.set(name, text);
    try {
      await storage.set(name, text);
    } catch {
      // full, forbidden: an event that a reload interrupts is shown again, which is better than not at all
    }
  };
  const restore = async (own: { readonly ids: string; readonly acks: string }) => {
    const [ids, waiting] = await Promise.all([read(own.ids), read(own.acks)]);
    handled.merge(ids);
    acks.restore(waiting);
  };
  const load = async (member: string) => {
    const own = { ids: `lifeline:handled:${member}`, acks: `lifeline:acks:${member}` };
    await Promise.race([after(loadWithinMs), restore(own)]);
    names = own;
  };

  const save = (): void => {
    if (names === null) return;
    const { ids, acks: waiting } = names;
    void write(waiting, acks.toText());
    let stored: string | null | Promise<string | null> = null;
    try {
      stored = storage.get(ids);
    } catch {
      // as above
    }
    // Only pages have tabs, and their storage answers at once; where it does not, nobody else writes.
    void write(ids, handled.toText(typeof stored === 'string' ? stored : null));
    if (stored instanceof Promise) stored.catch(() => undefined);
  };
  let bursting = false;
  let changed = false;
  const burst = async () => {
    bursting = true;
    do {
      changed = false;
      save();
      await after(burstMs);
    } while (changed);
    bursting = false;
  };

  return {
    /** Brings back what an earlier client of this member kept; once. */
    load: (member: string) => (loading ??= load(member)),
    save,
    /** Something changed: written down at once, in a burst of changes now and then. */
    changed(): void {
      changed = true;
      if (!bursting) void burst(); // never rejects
    },
  };
}
