import type { EventStream, StreamOptions } from './client.ts';
import type { ClientError } from './errors.ts';
import { createCallback, createIterator, type Consumer } from './recipient.ts';
import { createStream, type Source, type Stream, type StreamParts } from './stream.ts';

type Shared = Omit<StreamParts<unknown>, 'key' | 'source' | 'onError' | 'onIdle'>;

interface Running {
  readonly stream: Stream<unknown>;
  readonly listeners: Set<(error: ClientError) => void>;
  /** Its last listener has left while a handler was at work: what that one does counts, and whoever comes back must not get it again. */
  resting: boolean;
}

export interface Streams {
  open<Event>(source: Source<Event>, options: StreamOptions<Event>): EventStream<Event>;
  each(run: (stream: Stream<unknown>) => void): void;
  readonly size: number;
  stop(error: ClientError): void;
}

/**
 * All streams of a client: one for each different thing that is asked for, whatever number listens to it.
 * @param onBegin is told of a stream that nobody had before, with its first listener in place
 * @param onEnd is told when the last listener of a stream has left, or it failed
 */
export function createStreams(shared: Shared, onBegin: (stream: Stream<unknown>) => void, onEnd: () => void): Streams {
  const running = new Map<string, Running>();

  const runningOf = (key: string, source: Source<unknown>): Running => {
    const existing = running.get(key);
    if (existing !== undefined) return existing;
    const listeners = new Set<(error: ClientError) => void>();
    const stream = createStream<unknown>({
      ...shared,
      key,
      source,
      onError(error) {
        if (error.retry === 'never') drop(key);
        for (const listener of listeners) listener(error);
      },
      onIdle() {
        if (running.get(key)?.resting === true) remove(key);
      },
    });
    const made = { stream, listeners, resting: true };
    running.set(key, made);
    return made;
  };
  const remove = (key: string) => {
    running.get(key)?.stream.stop();
    running.delete(key);
  };
  const drop = (key: string) => {
    const gone = running.get(key);
    if (gone === undefined || gone.resting) return;
    gone.resting = true;
    gone.stream.rest();
    if (gone.stream.intake.open === 0) remove(key);
    onEnd();
  };

  return {
    open<Event>(source: Source<Event>, options: StreamOptions<Event>): EventStream<Event> {
      const key = keyOf(source);
      let finish = () => {};
      const closed = new Promise<void>((resolve) => (finish = resolve));
      const consumers = new Set<{ leave(): void }>();
      let over = false;

      const close = () => {
        if (over) return;
        over = true;
        options.signal?.removeEventListener('abort', close);
        for (const consumer of consumers) consumer.leave();
        finish();
      };
      /** Takes part in the stream with `make`'s consumer, until that leaves. */
      const join = <C extends Consumer>(
        make: (stream: Stream<Event>, leave: () => void) => C,
        fail: (error: ClientError, consumer: C) => void,
      ): C => {
        const entry = runningOf(key, source);
        const { stream, listeners } = entry;
        const listener = (error: ClientError) => {
          options.onError?.(error);
          if (error.retry === 'never') fail(error, consumer);
        };
        listeners.add(listener);
        const leave = () => {
          consumers.delete(consumer);
          listeners.delete(listener);
          if (stream.intake.recipients === 0 && running.get(key)?.stream === stream) drop(key);
        };
        const consumer = make(stream, leave);
        consumers.add(consumer);
        if (!entry.resting) return consumer;
        entry.resting = false;
        onBegin(stream);
        return consumer;
      };

      if (options.signal?.aborted === true) close();
      options.signal?.addEventListener('abort', close, { once: true });
      const { onEvent } = options;
      if (onEvent !== undefined && !over) {
        join(
          (stream, left) => {
            const callback = createCallback(stream.intake, {
              onEvent,
              acknowledge: options.acknowledge ?? 'auto',
              onError: (error) => options.onError?.(error),
            });
            return {
              leave() {
                callback.leave();
                left();
              },
              get waiting() {
                return callback.waiting;
              },
            };
          },
          () => close(),
        );
      }
      return {
        closed,
        close,
        [Symbol.asyncIterator]() {
          let consumer: ReturnType<typeof createIterator<Event>> | null = null;
          const begin = () =>
            (consumer ??= join(
              ({ intake }, left) => createIterator(intake, { acknowledge: options.acknowledge ?? 'auto', onLeave: left }),
              (error, failing) => {
                failing.fail(error);
                close();
              },
            ));
          return {
            next: () => (over && consumer === null ? Promise.resolve({ done: true, value: undefined }) : begin().iterator.next()),
            return: async () => {
              consumer?.leave();
              return { done: true, value: undefined };
            },
          };
        },
      };
    },
    each(run) {
      for (const { stream, resting } of running.values()) if (!resting) run(stream);
    },
    get size() {
      return [...running.values()].filter(({ resting }) => !resting).length;
    },
    stop(error) {
      for (const [key, { listeners }] of running) {
        for (const listener of listeners) listener(error);
        drop(key);
        remove(key);
      }
    },
  };
}

function keyOf({ subscription, field, variables }: Source<unknown>): string {
  const sorted = Object.entries(variables).sort(([a], [b]) => (a < b ? -1 : 1));
  return `${field}\n${JSON.stringify(sorted)}\n${subscription}`;
}
