import type { MemberEvent } from '../event/event.ts';

/** Channels one slow subscription may have waiting; a member has a handful at a time. */
const channelsAtMost = 64;

/** Best-effort events waiting for a slow socket: the latest per channel, because nobody wants yesterday's percentage. */
export interface Passing {
  put(event: MemberEvent): void;
  take(): MemberEvent | undefined;
  readonly empty: boolean;
}

export function createPassing(onDropped: (reason: 'superseded' | 'overflow') => void): Passing {
  const latest = new Map<string, MemberEvent>();
  const removeFirst = () => {
    const [first] = latest;
    if (first !== undefined) latest.delete(first[0]);
    return first?.[1];
  };
  return {
    put(event) {
      if (latest.delete(event.channel)) onDropped('superseded');
      latest.set(event.channel, event);
      if (latest.size > channelsAtMost) {
        removeFirst();
        onDropped('overflow');
      }
    },
    take: removeFirst,
    get empty() {
      return latest.size === 0;
    },
  };
}
