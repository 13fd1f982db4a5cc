import type { Delivery } from '../../delivery/delivery.ts';
import { iterate, type Outcome, type Pull, type PullIterator } from '../../delivery/pull.ts';
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
): PullIterator<StreamItem> {
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
  return iterate(untilFailure(source, context.signal, context.streamOpened(position !== null)));
}

/** The `resolve` of every subscription field. */
export function resolveItem(item: StreamItem): Delivery {
  if ('failure' in item) throw item.failure;
  return item;
}

/** The source, with a failure of it (or of the operation, by `signal`) as its last item. */
function untilFailure(source: Pull<Delivery>, signal: AbortSignal | null, onEnd: () => void): Pull<StreamItem> {
  let ended = false;
  let last: StreamItem | undefined;
  let waiting: ((outcome: Outcome) => void) | undefined;

  const end = (final?: StreamItem) => {
    if (ended) return;
    ended = true;
    last = final;
    signal?.removeEventListener('abort', onAbort);
    onEnd();
    source.close();
  };
  const onAbort = () => end({ failure: signal?.reason });
  signal?.addEventListener('abort', onAbort, { once: true });

  const onOutcome = (outcome: Outcome) => {
    if (outcome === 'end') end();
    else if (outcome !== 'more') end(outcome);
    const answer = waiting;
    waiting = undefined;
    answer?.(ended && last === undefined ? 'end' : 'more');
  };
  return {
    take() {
      if (!ended) return source.take();
      const item = last;
      last = undefined;
      return item;
    },
    more(answer) {
      waiting = answer;
      source.more(onOutcome);
    },
    close() {
      last = undefined;
      end();
    },
  };
}
