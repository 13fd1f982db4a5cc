import type { CoverageUpdate, MemberEvent, VideoVisit, VideoVisitEvent } from './documents.ts';
import type { ClientError } from './errors.ts';
import type { EventFacts } from './event.ts';
import type { Status } from './status.ts';
import type { Storage } from './storage.ts';

/** What an app holds: one for each signed-in member, for as long as the member is signed in. */
export interface LifelineClient {
  /** Steps of the account's eligibility checks. */
  coverageUpdates(variables: { readonly accountId: string }, options?: StreamOptions<CoverageUpdate>): EventStream<CoverageUpdate>;
  /** Steps of one call, or of every call of the member without `callId`. */
  videoVisitEvents(
    variables?: { readonly callId?: string },
    options?: StreamOptions<VideoVisitEvent>,
  ): EventStream<VideoVisitEvent>;
  /** Any events of the member by channel pattern, e.g. `/member/m-1/**`. */
  memberEvents(variables: { readonly channel: string }, options?: StreamOptions<MemberEvent>): EventStream<MemberEvent>;

  /** Any subscription document of the server with the query of the same field: what the methods above are made of. */
  stream<Event>(source: StreamSource<Event>, options?: StreamOptions<Event>): EventStream<Event>;

  /**
   * The end of one eligibility check, from whichever path has it first.
   * @throws CoverageTimeout after `timeoutMs` (60 000), with the last known state; the signal's reason when aborted
   */
  waitForCoverage(workflowId: string, options?: WaitOptions): Promise<CoverageUpdate>;
  /** Where one call stands, asked now. Null when the member has no such call. */
  videoVisit(callId: string, options?: { readonly signal?: AbortSignal }): Promise<VideoVisit | null>;

  /** Closes deliveries by hand. Kept until the server has answered, across reloads too; settles then. */
  acknowledge(ids: readonly string[]): Promise<void>;

  readonly status: ObservableStatus;
  /** Looks at once whether the connection lives and whether something was missed, e.g. when a native app resumes. */
  wake(): void;
  /** Ends every stream and stops every timer. Idempotent. What is not acknowledged yet stays in `storage` for the next client. */
  close(): Promise<void>;
}

export interface WaitOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * What a stream asks. Both documents take the variables, among them `$after: String`, and ask each event for
 * `delivery { id cursor sequence ackRequired acknowledgedAt }`, `type` and `channel`, under these names or where `factsOf` finds them.
 */
export interface StreamSource<Event> {
  readonly subscription: string;
  /** The query asks `{ nodes { … } pageInfo { endCursor hasNextPage } pollAfterMs }`. Null: the stream lives by push alone. */
  readonly query: string | null;
  /** Under which the field stands in both answers: its name, or its alias. */
  readonly field: string;
  /** `after`, where given, is where the stream begins; from then on the newest cursor is passed. */
  readonly variables?: Readonly<Record<string, unknown>>;
  /** Two streams of the same documents and variables are one, so this must then be the same for both. */
  readonly factsOf?: (event: Event) => EventFacts;
}

/** The shape that `useSyncExternalStore` wants; `get` answers the same object until something changed. */
export interface ObservableStatus {
  readonly get: () => Status;
  /** @returns the function that ends it */
  readonly subscribe: (listener: () => void) => () => void;
}

/**
 * One stream of events, each handed over once. It runs while it has a handler or an iterator: with `onEvent` at once and until
 * `close`, without it from the first `next` until the loop is left.
 */
export interface EventStream<Event> extends AsyncIterable<Event> {
  readonly closed: Promise<void>;
  close(): void;
}

export interface StreamOptions<Event> {
  readonly signal?: AbortSignal;
  /** Handles one event after the other, in order. Acknowledged when it settles well; when it throws the event stays un-acknowledged, comes again, and `onError` hears of it. */
  readonly onEvent?: (event: Event, meta: EventMeta) => unknown;
  /** What went wrong with this stream. A `retry` of `never` has ended it; every other one is being dealt with. */
  readonly onError?: (error: ClientError) => void;
  /** `manual`: the app calls `acknowledge` itself. Default `auto`. */
  readonly acknowledge?: 'auto' | 'manual';
}

/** How an event came. */
export interface EventMeta {
  readonly path: 'push' | 'poll';
  /** Ended by: `acknowledge([id])`. */
  readonly id: string;
}

export type TransportKind = 'WEBSOCKET' | 'SSE' | 'POLLING';

export interface ClientOptions {
  /** Of GraphQL over HTTP, e.g. `https://lifeline.example/graphql`; the WebSocket's is derived from it. */
  readonly url: string;
  /** Asked before the first request, when the server says that the token is over, and shortly before it ends. */
  readonly token: () => string | Promise<string>;
  /** Where ids and waiting acknowledgements survive a reload. Default: `localStorage` where there is one, otherwise memory. */
  readonly storage?: Storage;
  /** In this order, instead of what the server advises. */
  readonly transports?: readonly TransportKind[];
  readonly onStatus?: (status: Status) => void;
  /** Everything the client did with each copy of each event: for a debugging view, never needed to use it. */
  readonly onTrace?: (trace: Trace) => void;
  /** Errors that belong to no stream. */
  readonly onError?: (error: ClientError) => void;
  readonly platform?: Partial<Platform>;
}

export interface Trace {
  readonly kind: 'pushed' | 'polled' | 'repeated' | 'handled' | 'handler-failed' | 'acknowledged';
  readonly id: string;
  readonly type: string | null;
  /** ms since the epoch */
  readonly at: number;
}

/** What the client needs of where it runs. Defaults are the browser's, Node's or React Native's own; tests bring theirs. */
export interface Platform {
  readonly fetch: typeof fetch;
  readonly WebSocket: typeof WebSocket;
  /** ms since the epoch, for what a person sees. It may jump. */
  readonly now: () => number;
  /** ms since whenever, for every interval: nobody sets this clock. */
  readonly elapsed: () => number;
  /** 0 ≤ random < 1 */
  readonly random: () => number;
  readonly setTimeout: (run: () => void, ms: number) => unknown;
  readonly clearTimeout: (timer: unknown) => void;
  /** Tells of `online`, `offline`, `visible`, `hidden`, `resume`; returns the function that stops it. */
  readonly watchEnvironment: (tell: (signal: EnvironmentSignal) => void) => () => void;
}

export type EnvironmentSignal = 'online' | 'offline' | 'visible' | 'hidden' | 'resume';
