import type { Principal } from '../auth/allow.ts';
import type { Session } from '../auth/session.ts';
import type { MemberEvent } from '../event/event.ts';
import type { Acknowledgement, Position } from '../log/log.ts';
import type { VideoVisit } from './fold.ts';
import type { PullIterator } from './pull.ts';

/** One copy of an event on its way to one client. */
export interface Delivery {
  readonly event: MemberEvent;
  /** Where a client that has this copy stands: its cursor. For best-effort events, the last critical position before it. */
  readonly position: Position;
  /** Null for best-effort events. */
  readonly sequence: number | null;
  /** 1 for the first copy pushed to this subscription; 1 in query answers. */
  readonly attempt: number;
  /** From the log rather than live: replayed at subscribe, sent again, fed again after a loss, or read by a query. */
  readonly replayed: boolean;
  /** ms since the epoch; null while pending. */
  readonly acknowledgedAt: number | null;
  /** ms since the epoch. */
  readonly sentAt: number;
}

/** Which of the member's events are wanted. Never widens: member and accounts are checked apart from it. */
export type Filter = (event: MemberEvent) => boolean;

export interface SubscribeRequest {
  /** Read at each event: a refresh may narrow it, an expiry pauses it, its end ends the stream. */
  readonly session: Session;
  readonly filter: Filter;
  /** Resume behind this position; null: everything pending. */
  readonly after: Position | null;
  readonly transport: 'websocket' | 'sse';
  /** Asked again after a refresh: the code to end the stream with when the newer token no longer may. */
  readonly stillAllowed: (principal: Principal) => 'allow' | 'FORBIDDEN';
}

export interface PageRequest {
  readonly principal: Principal;
  readonly filter: Filter;
  readonly after: Position | null;
  readonly first: number;
  readonly pendingOnly?: boolean;
}

export interface DeliveryPage {
  readonly deliveries: readonly Delivery[];
  /** Continue here by query, or subscribe with it: nothing is missed either way. */
  readonly end: Position;
  readonly hasNext: boolean;
}

/** Push path and poll path over one log: the same things asked differently. */
export interface DeliveryService {
  /**
   * Deliveries in order, pulled: asking for the next one says that the socket took the last one. `next` (and `more`) rejects once with
   * LifelineError (RESYNC_REQUIRED, UNAUTHENTICATED, FORBIDDEN), and the stream is done after that; `return` settles at once,
   * whatever is in flight.
   */
  subscribe(request: SubscribeRequest): PullIterator<Delivery>;
  /** @throws LifelineError RESYNC_REQUIRED when the cursor's log is gone */
  page(request: PageRequest): Promise<DeliveryPage>;
  acknowledge(principal: Principal, ids: readonly string[]): Promise<Acknowledgement>;
  /** Where one eligibility check stands: its newest result, else its newest progress; null when there is none to see. */
  coverageUpdate(principal: Principal, workflowId: string): Promise<Delivery | null>;
  videoVisit(principal: Principal, callId: string): Promise<VideoVisit | null>;
  /** Ends every stream with done, releases every listener. */
  close(): Promise<void>;
}
