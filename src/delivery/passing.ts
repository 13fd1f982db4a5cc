import type { MemberEvent } from '../event/event.ts';

/** Channels one slow subscription may have waiting; a member has a handful at a time. */
const channelsAtMost = 64;

/** Best-effort events waiting for a slow socket: the latest per channel, because nobody wants yesterday's percentage. */
export class Passing {
  /** The one that waits longest first. */
  #latest: readonly MemberEvent[] = none;

  /** @returns why an event had to go for it, if one had to */
  put(event: MemberEvent): 'superseded' | 'overflow' | null {
    const others = this.#latest.filter(({ channel }) => channel !== event.channel);
    const superseded = others.length < this.#latest.length;
    const overflow = others.length >= channelsAtMost;
    if (overflow) others.shift();
    others.push(event);
    this.#latest = others;
    return superseded ? 'superseded' : overflow ? 'overflow' : null;
  }

  take(): MemberEvent | undefined {
    const [first] = this.#latest;
    if (first !== undefined) this.#latest = this.#latest.length === 1 ? none : this.#latest.slice(1);
    return first;
  }

  get empty(): boolean {
    return this.#latest.length === 0;
  }
}

const none: readonly MemberEvent[] = [];
