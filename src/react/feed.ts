import { ClientError, type EventStream, type StreamOptions } from '../client/index.ts';

/** What a view shows of a stream. A new object whenever something of it changed. */
export interface Feed<Event> {
  /** Oldest first, the last 100. Progress stands here until its channel's next event. */
  readonly events: readonly Event[];
  readonly latest: Event | null;
  /** Why nothing more comes; null while something may. What passes is dealt with by the client and does not show here. */
  readonly error: ClientError | null;
}

interface Delivered {
  readonly channel: string;
  readonly delivery: { readonly id: string; readonly ackRequired: boolean };
}

/** One stream for all views of it. It runs while somebody subscribes; what it has shown stays for the views that come later. */
export interface FeedStore<Event> {
  readonly get: () => Feed<Event>;
  readonly subscribe: (listener: () => void) => () => void;
  readonly idle: boolean;
}

/** A client that was closed throws; to a view that is an end like any other. */
export function openOrTell<Event>(open: () => EventStream<Event>, tell: (error: ClientError) => void): EventStream<Event> | null {
  try {
    return open();
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    tell(error);
    return null;
  }
}

const mostEvents = 100;

export const emptyFeed: Feed<never> = { events: [], latest: null, error: null };

export function createFeedStore<Event extends Delivered>(
  open: (options: StreamOptions<Event>) => EventStream<Event>,
): FeedStore<Event> {
  const listeners = new Set<() => void>();
  let feed: Feed<Event> = emptyFeed;
  let stream: EventStream<Event> | null = null;

  const set = (change: Partial<Feed<Event>>) => {
    feed = { ...feed, ...change };
    for (const listener of listeners) listener();
  };
  const onEvent = (event: Event) => {
    if (feed.events.some(({ delivery }) => delivery.id === event.delivery.id)) return; // shown before, and not acknowledged yet
    const others = feed.events.filter(({ channel, delivery }) => delivery.ackRequired || channel !== event.channel);
    set({ events: [...others, event].slice(-mostEvents), latest: event });
  };
  const onError = (error: ClientError) => {
    if (error.retry !== 'never') return;
    stream = null;
    set({ error });
  };
  const start = () => {
    if (feed.error !== null) set({ error: null });
    stream = openOrTell(() => open({ onEvent, onError }), onError);
  };
  const stopIfIdle = () => {
    if (listeners.size > 0) return;
    stream?.close();
    stream = null;
  };

  return {
    get: () => feed,
    subscribe(listener) {
      const entry = () => listener(); // its own identity: the same function may listen twice
      listeners.add(entry);
      if (stream === null && listeners.size === 1) start();
      return () => {
        listeners.delete(entry);
        // Strict mode, and a view that is replaced by another one, come back within the same turn: the stream goes on for them.
        queueMicrotask(stopIfIdle);
      };
    },
    get idle() {
      return listeners.size === 0;
    },
  };
}
