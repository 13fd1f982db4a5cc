import type { IncomingMessage, ServerResponse } from 'node:http';

import { createSession, type Session } from '../auth/session.ts';
import { LifelineError } from '../errors.ts';
import type { Context } from './context.ts';
import type { Credentials } from './credentials.ts';
import { tokenInHeaders } from './tokens.ts';
import type { Watchdog } from './watchdog.ts';

export interface HttpOperationsParts {
  readonly credentials: Credentials;
  readonly contextOf: (request: IncomingMessage) => Pick<Context, 'delivery' | 'cursors' | 'authenticate' | 'addresses'>;
  readonly watchdog: Watchdog;
  readonly now: () => number;
}

/** Operations that come by HTTP: a session for each request, and for each stream an end in sight. */
export interface HttpOperations {
  /** @throws LifelineError UNAUTHENTICATED or UNAVAILABLE, when the operation needs a token */
  readonly contextFor: (request: IncomingMessage, response: ServerResponse, needsToken: boolean) => Promise<Context>;
  /** Ends every stream with `reason` as its final result. */
  end(reason: LifelineError): void;
}

export function createHttpOperations({ credentials, contextOf, watchdog, now }: HttpOperationsParts): HttpOperations {
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

  return {
    async contextFor(request, response, needsToken) {
      const stream = new AbortController();
      return {
        ...contextOf(request),
        session: needsToken ? await sessionFor(request, response) : null,
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
