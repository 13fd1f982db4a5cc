import type { Answer, Operation } from './operation.ts';

/**
 * A way by which events come by themselves. It connects once, is used, and ends once; who wants it again opens it again.
 * Nothing is called after `close` or after `onEnd`.
 */
export interface PushTransport {
  open(token: string, listener: PushListener): PushConnection;
}

export interface PushListener {
  /** Events come through. Subscriptions start before: event streams over HTTP have no connection but theirs. */
  onOpen(): void;
  /** Something came, if only a heartbeat. */
  onSignOfLife(): void;
  onEnd(end: PushEnd): void;
}

export interface PushEnd {
  readonly reason: string;
  /** The token did not hold: ask for another one. */
  readonly unauthenticated: boolean;
  /** The server has too much to do, or is about to go: come back more slowly. */
  readonly overloaded: boolean;
}

export interface SubscriptionSink {
  next(answer: Answer): void;
  /** The server has ended it. Not called when the connection ends: then all of them have. */
  complete(): void;
}

export interface PushConnection {
  /** @returns the function that ends it */
  subscribe(operation: Operation, sink: SubscriptionSink): () => void;
  /** Asks on the same connection; null where it can only push. Rejects when it ends before the answer. */
  readonly request: ((operation: Operation) => Promise<Answer>) | null;
  /** Looks at once whether the other side is there: `onSignOfLife` or `onEnd` follows within `withinMs`. */
  check(withinMs: number): void;
  /** Whether a newer token can be given to it without opening it again. */
  readonly refreshable: boolean;
  close(): void;
}
