import type { Principal } from '../../auth/allow.ts';
import type { Session } from '../../auth/session.ts';
import type { Delivery, SubscribeRequest } from '../../delivery/delivery.ts';
import { type Asker, type Outcome, type Pull, type PullIterator, PullSource } from '../../delivery/pull.ts';
import { LifelineError } from '../../errors.ts';
import type { MemberEvent } from '../../event/event.ts';
import type { Position } from '../../log/log.ts';
import { sessionOf, type Context } from '../context.ts';
import { allowed, positionOf, type Selection } from './connection.ts';

/** A delivery, or the failure that ends the stream. */
export type StreamItem = Delivery | { readonly failure: unknown };

/** The push path of every field. */
export function stream(
  context: Context,
  selection: Selection,
  { after }: { after?: string | null | undefined },
): PullIterator<StreamItem> {
  const session = sessionOf(context);
  if (allowed(selection, session.principal) !== 'allow') throw new LifelineError('FORBIDDEN');
  const position = positionOf(context, session.principal, after);
  context.signal?.throwIfAborted();
  return new SelectedStream(context, session, selection, position);
}

/** The `resolve` of every subscription field. */
export function resolveItem(item: StreamItem): Delivery {
  if ('failure' in item) throw item.failure;
  return item;
}

/**
 * What is asked of the delivery, and its answer. A failure of the source (or of the operation, by the context's signal) is its last *item* and
 * `resolveItem` throws it, because an iterator that throws gives the client no result: graphql-ws would answer with an `error` that has no
 * `data`, SSE would just break off.
 */
class SelectedStream extends PullSource<StreamItem> implements SubscribeRequest, Asker {
  readonly session: Session;
  readonly after: Position | null;
  readonly #context: Context;
  readonly #selection: Selection;
  readonly #source: Pull<Delivery>;
  readonly #onEnd: () => void;
  #ended = false;
  #last: StreamItem | undefined;
  #asker: Asker | undefined;

  constructor(context: Context, session: Session, selection: Selection, after: Position | null) {
    super();
    this.session = session;
    this.after = after;
    this.#context = context;
    this.#selection = selection;
    this.#source = context.delivery.subscribe(this);
    this.#onEnd = context.streamOpened(after !== null);
    context.signal?.addEventListener('abort', this, { once: true });
  }

  get transport(): SubscribeRequest['transport'] {
    return this.#context.transport;
  }

  filter(event: MemberEvent): boolean {
    return this.#selection.filter(event);
  }

  stillAllowed(principal: Principal): 'allow' | 'FORBIDDEN' {
    return allowed(this.#selection, principal);
  }

  take(): StreamItem | undefined {
    if (!this.#ended) return this.#source.take();
    const item = this.#last;
    this.#last = undefined;
    return item;
  }

  more(asker: Asker): void {
    this.#asker = asker;
    this.#source.more(this);
  }

  close(): void {
    this.#last = undefined;
    this.#end();
  }

  answer(outcome: Outcome): void {
    if (outcome === 'end') this.#end();
    else if (outcome !== 'more') this.#end(outcome);
    const asker = this.#asker;
    this.#asker = undefined;
    asker?.answer(this.#ended && this.#last === undefined ? 'end' : 'more');
  }

  /** Of the signal. */
  handleEvent(): void {
    this.#end({ failure: this.#context.signal?.reason });
  }

  #end(final?: StreamItem): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#last = final;
    this.#context.signal?.removeEventListener('abort', this);
    this.#onEnd();
    this.#source.close();
  }
}
