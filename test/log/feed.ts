import { setImmediate } from 'node:timers/promises';

import type { MemberEvent } from '../../src/event/event.ts';
import type { EventLog, SourceWriter } from '../../src/log/log.ts';
import { eventOf, readAll, recordsOf } from './fixtures.ts';

/** Feeds events of these members, over and over, until told to stop; what fails or gaps is fed again, as the bridge would. */
export function feed(source: SourceWriter, members: readonly string[], perAppend = 10) {
  const events: MemberEvent[] = [];
  const seen = { failed: 0, gaps: 0, next: 0 };
  let state: 'on' | 'finishing' | 'off' = 'on';
  const goesOn = () => state === 'on' || (state === 'finishing' && seen.next < events.length);
  const done = (async () => {
    while (goesOn()) {
      const to = seen.next + perAppend;
      while (events.length < to) events.push(eventOf(members[events.length % members.length] ?? ''));
      const outcome = await source.append(to, recordsOf(events.slice(seen.next, to), seen.next)).catch(() => null);
      if (outcome === null) {
        seen.failed++;
        await setImmediate(); // a closed log rejects at once
      } else if (outcome.status === 'ok') seen.next = to;
      else {
        seen.gaps++;
        seen.next = outcome.next ?? 0;
        if (outcome.next === null) await source.begin(0).catch(() => {});
      }
    }
  })();
  return {
    seen,
    /** Settles when everything so far is in the log. */
    async finish(): Promise<readonly MemberEvent[]> {
      state = 'finishing';
      await done;
      return events;
    },
    async abort(): Promise<void> {
      state = 'off';
      await done;
    },
  };
}

/** What a gateway does: listens, and reads what it may have missed when it is told so. The sweep is left out on purpose. */
export async function follow(log: EventLog, members: readonly string[]) {
  const known = new Set<string>();
  const unread = new Set<string>();
  let interruptions = 0;
  for (const member of members) {
    await log.listen(member, (ring) => {
      if (ring.kind === 'entry') known.add(ring.entry.event.id);
      if (ring.kind !== 'interrupted') return;
      interruptions++;
      unread.add(member);
    });
  }
  return {
    interruptions: () => interruptions,
    async knowsAll(events: readonly MemberEvent[]): Promise<boolean> {
      for (const member of unread) {
        unread.delete(member);
        const entries = await readAll(log, member).catch(() => {
          unread.add(member);
          return [];
        });
        for (const { event } of entries) known.add(event.id);
      }
      return events.every((event) => known.has(event.id));
    },
  };
}
