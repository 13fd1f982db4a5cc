import type { StreamOptions } from './client.ts';
import { ClientError } from './errors.ts';
import type { Entry, Intake, Recipient } from './intake.ts';

/** A best-effort event that waits is replaced by a later one of its channel: a slow handler must not be buried under progress. */
function queueInto<Event>(queue: Entry<Event>[], entry: Entry<Event>): Entry<Event> | null {
  const { ackRequired, channel, type } = entry.facts;
  const stale = ackRequired
    ? -1
    : queue.findIndex(({ facts }) => !facts.ackRequired && facts.channel === channel && facts.type === type);
  const replaced = stale < 0 ? null : (queue.splice(stale, 1)[0] ?? null);
  queue.push(entry);
  return replaced;
}

export interface Consumer {
  leave(): void;
  /** Events that wait. */
  readonly waiting: number;
}

/** Hands one event after the other to a callback. */
export function createCallback<Event>(
  intake: Intake<Event>,
  {
    onEvent,
    acknowledge,
    onError,
  }: Pick<StreamOptions<Event>, 'acknowledge'> & {
    readonly onEvent: NonNullable<StreamOptions<Event>['onEvent']>;
    readonly onError: (error: ClientError) => void;
  },
): Consumer {
  const queue: Entry<Event>[] = [];
  let busy = false;
  let left = false;

  const run = async () => {
    if (busy) return;
    busy = true;
    for (let entry = queue.shift(); entry !== undefined; entry = queue.shift()) {
      let ok = true;
      try {
        await onEvent(entry.event, { path: entry.path, id: entry.facts.id });
      } catch (cause) {
        ok = false;
        if (!left) onError(new ClientError('HANDLER', 'backoff', 'The handler threw; the event comes again.', { cause }));
      }
      intake.settled(recipient, entry, ok);
    }
    busy = false;
  };
  const recipient: Recipient<Event> = {
    acknowledges: acknowledge !== 'manual',
    offer(entry) {
      const replaced = queueInto(queue, entry);
      if (replaced !== null) intake.settled(recipient, replaced, true);
      void run(); // never rejects: what the app throws is caught where it is called
    },
    withdraw(entry) {
      const index = queue.indexOf(entry);
      if (index >= 0) queue.splice(index, 1);
      return index >= 0;
    },
  };
  intake.join(recipient);
  return {
    leave() {
      left = true;
      intake.leave(recipient);
    },
    get waiting() {
      return queue.length;
    },
  };
}

/**
 * Hands events to a loop. Asking for the next one says that the last one is handled. A loop that is left does not say so: one that threw
 * looks the same as one that was done, so the event on hand comes again to whoever subscribes next.
 */
export function createIterator<Event>(
  intake: Intake<Event>,
  { acknowledge, onLeave }: Pick<StreamOptions<Event>, 'acknowledge'> & { readonly onLeave: () => void },
): Consumer & { readonly iterator: AsyncIterator<Event, undefined>; fail(error: ClientError): void } {
  const queue: Entry<Event>[] = [];
  const waiting: { resolve: (result: IteratorResult<Event, undefined>) => void; reject: (error: ClientError) => void }[] = [];
  let onHand: Entry<Event> | null = null;
  let left = false;
  let failure: ClientError | null = null;
  const done = { done: true, value: undefined } as const;

  const give = () => {
    while (waiting.length > 0 && queue.length > 0) {
      const entry = queue.shift();
      if (entry === undefined) return;
      onHand = entry;
      waiting.shift()?.resolve({ done: false, value: entry.event });
    }
  };
  const recipient: Recipient<Event> = {
    acknowledges: acknowledge !== 'manual',
    offer(entry) {
      const replaced = queueInto(queue, entry);
      if (replaced !== null) intake.settled(recipient, replaced, true);
      give();
    },
    withdraw(entry) {
      const index = queue.indexOf(entry);
      if (index >= 0) queue.splice(index, 1);
      return index >= 0 || entry === onHand;
    },
  };
  const leave = () => {
    if (left) return;
    left = true;
    intake.leave(recipient);
    for (const { resolve } of waiting.splice(0)) resolve(done);
    onLeave();
  };
  intake.join(recipient);
  return {
    leave,
    fail(error) {
      failure = error;
      for (const { reject } of waiting.splice(0)) {
        failure = null;
        reject(error);
      }
      leave();
    },
    get waiting() {
      return queue.length;
    },
    iterator: {
      next() {
        if (failure !== null) {
          const error = failure;
          failure = null;
          return Promise.reject(error);
        }
        if (left) return Promise.resolve(done);
        if (onHand !== null) {
          const handled = onHand;
          onHand = null;
          intake.settled(recipient, handled, true);
        }
        return new Promise((resolve, reject) => {
          waiting.push({ resolve, reject });
          give();
        });
      },
      return() {
        leave();
        return Promise.resolve(done);
      },
    },
  };
}
