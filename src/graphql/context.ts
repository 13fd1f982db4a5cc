import type { Principal } from '../auth/allow.ts';
import type { Session } from '../auth/session.ts';
import type { DeliveryService } from '../delivery/delivery.ts';
import { LifelineError } from '../errors.ts';
import type { Cursors } from './cursor.ts';
import type { Addresses } from './addresses.ts';

/** What every resolver gets: who asks, over what, and the services that answer. One per operation. */
export interface Context {
  /** Null only where the operation asks for nothing but the schema. */
  readonly session: Session | null;
  readonly transport: 'websocket' | 'sse';
  readonly delivery: DeliveryService;
  readonly cursors: Cursors;
  /** @throws LifelineError UNAUTHENTICATED for a token that does not hold, UNAVAILABLE when that cannot be found out */
  readonly authenticate: (token: string) => Promise<Principal>;
  /** Where this server is reached, as the client sees it. */
  readonly addresses: Addresses;
  /** Ends every stream of the operation with its reason (a LifelineError) as the final result; null where the connection's end does. */
  readonly signal: AbortSignal | null;
  /** Told of every subscription that begins, and whether it carries a cursor; the answer is called once, at its end. */
  readonly streamOpened: (resumes: boolean) => () => void;
}

/** @throws LifelineError UNAUTHENTICATED without a token, or between its expiry and the end of the session */
export function sessionOf(context: Context): Session {
  const { session } = context;
  if (session === null) throw new LifelineError('UNAUTHENTICATED');
  if (!session.live) {
    throw new LifelineError('UNAUTHENTICATED', 'The token has expired. Continue with refreshSession, or connect with a fresh one.');
  }
  return session;
}

/** @throws LifelineError UNAUTHENTICATED as `sessionOf` */
export function principalOf(context: Context): Principal {
  return sessionOf(context).principal;
}
