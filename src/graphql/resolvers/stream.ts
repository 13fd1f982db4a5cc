import type { Delivery } from '../../delivery/delivery.ts';
import { LifelineError } from '../../errors.ts';
import { sessionOf, type Context } from '../context.ts';
import { allowed, positionOf, type Selection } from './connection.ts';

/** A delivery, or the failure that ends the stream. */
export type StreamItem = Delivery | { readonly failure: unknown };

/**
 * The push path of every field. A failure of the source is its last *item* and `resolveItem` throws it, because an iterator that
 * throws gives the client no result: graphql-ws would answer with an `error` that has no `data`, SSE would just break off.
 */
export function stream(
  context: Context,
  selection: Selection,
  { after }: { after?: string | null | undefined },
): AsyncIterableIterator<StreamItem> {
  const session = sessionOf(context);
  if (allowed(selection, session.principal) !== 'allow') throw new LifelineError('FORBIDDEN');
  const position = positionOf(context, session.principal, after);
  context.signal?.throwIfAborted();
  const source = context.delivery.subscribe({
    session,
    filter: selection.filter,
    after: position,
    transport: context.transport,
    stillAllowed: (principal) => allowed(selection, principal),
  });
  return untilFailure(source, context.signal, context.streamOpened(position !== null));
}

/** The `resolve` of every subscription field. */
export function resolveItem(item: StreamItem): Delivery {
  if ('failure' in item) throw item.failure;
  return item;
}

/**
 * Plain methods rather than an async generator: a generator's `return` waits behind its pending `next`, and the member's listener
 * would stay until one more event came. One slot for the one pending `next` rather than a race with the signal: a race would leave
 * its reactions behind on the longer-lived promise, event after event.
 */
function untilFailure(
  source: AsyncIterator<Delivery>,
  signal: AbortSignal | null,
  onEnd: () => void,
): AsyncIterableIterator<StreamItem> {
  let ended = false;
  let last: StreamItem | null = null;
  let waiting: ((result: IteratorResult<StreamItem>) => void) | null = null;

  const settle = (result: IteratorResult<StreamItem>) => {
    waiting?.(result);
    waiting = null;
  };
  const end = (final: StreamItem | null) => {
    if (ended) return;
    ended = true;
    signal?.removeEventListener('abort', onAbort);
    onEnd();
    if (final === null) settle({ done: true, value: undefined });
    else if (waiting === null) last = final;
    else settle({ done: false, value: final });
  };
  const release = async () => {
    try {
      await source.return?.();
    } catch {
      // The stream is over either way; what the source could not free is its own to report.
    }
  };
  const onAbort = () => {
    end({ failure: signal?.reason });
    void release();
  };
  signal?.addEventListener('abort', onAbort, { once: true });

  const pull = async () => {
    try {
      const item = await source.next();
      if (item.done === true) end(null);
      else settle(item);
    } catch (failure) {
      end({ failure });
    }
  };

  return {
    next() {
      if (last !== null) {
        const value = last;
        last = null;
        return Promise.resolve({ done: false, value });
      }
      if (ended) return Promise.resolve({ done: true, value: undefined });
      return new Promise((resolve) => {
        waiting = resolve;
        void pull();
      });
    },
    async return() {
      last = null;
      end(null);
      await release();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
