import type { IncomingMessage, ServerResponse } from 'node:http';

import { createSession, type Session } from '../auth/session.ts';
import { LifelineError } from '../errors.ts';
import { type Admission, retryAfterSeconds } from './admission.ts';
import type { Context } from './context.ts';
import type { Credentials } from './credentials.ts';
import { tokenInHeaders } from './tokens.ts';
import type { Watchdog } from './watchdog.ts';

export interface HttpOperationsParts {
  readonly admission: Admission;
  readonly credentials: Credentials;
  readonly contextOf: (request: IncomingMessage) => Pick<Context, 'delivery' | 'cursors' | 'authenticate' | 'addresses'>;
  readonly watchdog: Watchdog;
  readonly now: () => number;
}

export interface OperationNeeds {
  readonly token: boolean;
  readonly stream: boolean;
}

/** Operations that come by HTTP: a session for each request, and for each stream an end in sight. */
export interface HttpOperations {
  /**
   * @throws LifelineError UNAUTHENTICATED or UNAVAILABLE, when the operation needs a token; for one that opens a stream also UNAVAILABLE
   * or RATE_LIMITED where there is no place for another
   */
  readonly contextFor: (request: IncomingMessage, response: ServerResponse, needs: OperationNeeds) => Promise<Context>;
  /** Ends every stream with `reason` as its final result. */
  end(reason: LifelineError): void;
}

export function createHttpOperations(parts: HttpOperationsParts): HttpOperations {
  const { admission, credentials, contextOf, watchdog, now } = parts;
  const streams = new Set<AbortController>();

  const sessionFor = async (request: IncomingMessage, response: ServerResponse): Promise<Session> => {
    const principal = await credentials.principal(() => tokenInHeaders(request.headers));
    const session = createSession(principal, now);
    // The client left while its token was looked at: no `close` is to come, and Yoga would open a stream that nobody ends.
    if (response.closed) {
      session.dispose();
      throw new LifelineError('UNAVAILABLE', 'The client has left.');
    }
    response.once('close', () => session.dispose());
    return session;
  };

  const takePlace = (request: IncomingMessage, response: ServerResponse) => {
    if (response.closed) throw new LifelineError('UNAVAILABLE', 'The client has left.'); // and no `close` would give the place back
    try {
      response.once('close', admission.admit(request));
    } catch (error) {
      response.setHeader('retry-after', retryAfterSeconds);
      throw error;
    }
  };

  return {
    async contextFor(request, response, needs) {
      if (needs.stream) takePlace(request, response);
      const stream = new AbortController();
      return {
        ...contextOf(request),
        session: needs.token ? await sessionFor(request, response) : null,
        transport: 'sse',
        signal: stream.signal,
        streamOpened() {
          streams.add(stream);
          const watched = watchdog.watch({
            socket: request.socket,
            queued: () => response.writableLength,
            cut: () => request.socket.destroy(),
            ping: null,
          });
          // Longer than the stream: its last results may be the ones that nobody takes.
          response.once('close', () => watched.release());
          return () => void streams.delete(stream);
        },
      };
    },
    end(reason) {
      for (const stream of streams) stream.abort(reason);
    },
  };
}
