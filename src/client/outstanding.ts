import { type EventFacts, isTerminal } from './event.ts';

/** Channels whose end is awaited; the oldest is given up above. */
const mostOutstanding = 256;

/** Of which checks and calls more is to come, as far as the events so far tell. */
export interface Outstanding {
  /** An event came. Without type and channel it tells nothing. */
  saw(facts: EventFacts): void;
  /** More is to come here, whatever its last event said. */
  reopen(channel: string): void;
  readonly any: boolean;
  /** Something ended, and nothing else is going on. */
  readonly over: boolean;
  clear(): void;
}

export function createOutstanding(): Outstanding {
  const channels = new Set<string>();
  let over = false;
  const add = (channel: string) => {
    channels.add(channel);
    for (const oldest of channels) if (channels.size > mostOutstanding) channels.delete(oldest);
    over = false;
  };
  return {
    saw({ type, channel }) {
      if (type === null || channel === null) return;
      channels.delete(channel);
      if (isTerminal(type)) over = channels.size === 0;
      else add(channel);
    },
    reopen: add,
    get any() {
      return channels.size > 0;
    },
    get over() {
      return over;
    },
    clear() {
      channels.clear();
      over = false;
    },
  };
}
