import type { Trace } from './client.ts';
import type { EventFacts } from './event.ts';
import type { Handled } from './dedupe.ts';

/** One event on its way through the app. */
export interface Entry<Event> {
  readonly event: Event;
  readonly facts: EventFacts;
  readonly path: 'push' | 'poll';
}

/** Who is handed a stream's events. */
export interface Recipient<Event> {
  readonly acknowledges: boolean;
  /** Takes it into its queue; `Intake.settled` follows. */
  offer(entry: Entry<Event>): void;
  /** Withdraws what is queued and not being handled yet. Answers whether it was still queued. */
  withdraw(entry: Entry<Event>): boolean;
}

interface Open<Event> extends Entry<Event> {
  readonly waiting: Set<Recipient<Event>>;
  readonly failed: Set<Recipient<Event>>;
  taken: number;
  /** Somebody who handled it acknowledges by hand. */
  byHand: boolean;
  failures: number;
}

/** As many as wait for an app that acknowledges by hand; the server sends no more than 32 of them at a time. */
const mostByHand = 1_024;

export interface IntakeParts {
  readonly key: string;
  readonly handled: Handled;
  readonly acknowledge: (id: string) => void;
  /** An event that an app could not handle is to be offered again, the `failures`-th time. */
  readonly onFailed: (id: string, failures: number) => void;
  /** Nobody has anything left to handle. */
  readonly onIdle: () => void;
  readonly trace: (kind: Trace['kind'], facts: EventFacts) => void;
}

/**
 * One stream's events between the network and the app: each is handed over once, whatever number of copies comes by whatever path, and
 * acknowledged when everybody who got it has handled it.
 */
export function createIntake<Event>({ key, handled, acknowledge, onFailed, onIdle, trace }: IntakeParts) {
  const recipients = new Set<Recipient<Event>>();
  const open = new Map<string, Open<Event>>();
  /** Handed over, to be acknowledged by hand. Not among the handled ones: after a reload the app gets them again. */
  const byHand = new Set<string>();

  const hand = (entry: Open<Event>, recipient: Recipient<Event>) => {
    entry.failed.delete(recipient);
    entry.waiting.add(recipient);
    recipient.offer(entry);
  };
  const finish = (entry: Open<Event>) => {
    if (entry.waiting.size > 0 || entry.failed.size > 0) return;
    if (!open.delete(entry.facts.id)) return;
    if (entry.taken > 0) close(entry); // otherwise everybody left before handling it: whoever comes next gets it
    if (open.size === 0) onIdle();
  };
  const close = ({ facts: { id, ackRequired, acknowledgedAt }, ...entry }: Open<Event>) => {
    const due = ackRequired && acknowledgedAt === null;
    if (due && entry.byHand) {
      byHand.add(id);
      for (const oldest of byHand) if (byHand.size > mostByHand) byHand.delete(oldest);
      return;
    }
    handled.add(key, id);
    if (due) acknowledge(id);
  };

  return {
    /** Answers whether the event was new. */
    take(event: Event, facts: EventFacts, path: 'push' | 'poll'): boolean {
      trace(path === 'push' ? 'pushed' : 'polled', facts);
      const busy = open.has(facts.id) || byHand.has(facts.id);
      if (busy || handled.has(key, facts.id)) {
        trace('repeated', facts);
        // Handled, and yet it came again: the acknowledgement was lost, or is on its way.
        if (!busy && facts.ackRequired && facts.acknowledgedAt === null) acknowledge(facts.id);
        return false;
      }
      const entry: Open<Event> = {
        event,
        facts,
        path,
        waiting: new Set(),
        failed: new Set(),
        taken: 0,
        byHand: false,
        failures: 0,
      };
      open.set(facts.id, entry);
      for (const recipient of recipients) hand(entry, recipient);
      finish(entry);
      return true;
    },
    /** The recipient is done with it, well or not. */
    settled(recipient: Recipient<Event>, { facts }: Entry<Event>, ok: boolean): void {
      const entry = open.get(facts.id);
      if (entry === undefined || !entry.waiting.delete(recipient)) return;
      trace(ok ? 'handled' : 'handler-failed', facts);
      if (ok) {
        entry.taken++;
        if (!recipient.acknowledges) entry.byHand = true;
      } else if (recipients.has(recipient)) {
        entry.failed.add(recipient);
        onFailed(facts.id, ++entry.failures);
      }
      finish(entry);
    },
    /** The app acknowledged these by hand. */
    acknowledged(ids: readonly string[]): void {
      for (const id of ids) {
        const entry = open.get(id);
        if (entry !== undefined) entry.byHand = false;
        if (byHand.delete(id)) handled.add(key, id);
      }
    },
    /** Offers an event again to those who could not handle it. */
    again(id: string): void {
      const entry = open.get(id);
      for (const recipient of entry?.failed ?? []) if (entry !== undefined) hand(entry, recipient);
    },
    /** From now on the recipient gets every new event, and at once those that the others are still busy with. */
    join(recipient: Recipient<Event>): void {
      for (const entry of open.values()) {
        if ([...entry.waiting, ...entry.failed].some((busy) => recipients.has(busy))) hand(entry, recipient);
      }
      recipients.add(recipient);
    },
    /** What the recipient is handling now still counts when it is done; what it has only queued, or failed at, does not. */
    leave(recipient: Recipient<Event>): void {
      recipients.delete(recipient);
      for (const entry of open.values()) {
        entry.failed.delete(recipient);
        if (entry.waiting.has(recipient) && recipient.withdraw(entry)) entry.waiting.delete(recipient);
        finish(entry);
      }
    },
    get recipients() {
      return recipients.size;
    },
    /** Events that somebody still has to handle. */
    get open() {
      return open.size;
    },
  };
}

export type Intake<Event> = ReturnType<typeof createIntake<Event>>;
