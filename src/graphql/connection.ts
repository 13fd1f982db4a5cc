import type { IncomingHttpHeaders } from 'node:http';

import { getOperationAST, type ExecutionArgs, type GraphQLError } from 'graphql';

import { createSession, type Session } from '../auth/session.ts';
import { LifelineError } from '../errors.ts';
import type { Metrics } from '../operations/metrics.ts';
import type { ClientErrors } from './client-error.ts';
import type { Context } from './context.ts';
import type { Credentials } from './credentials.ts';
import type { Engine } from './engine.ts';
import type { Inbox } from './inbox.ts';
import { limits } from './limits.ts';
import { tokenOfConnection } from './tokens.ts';

/** Close codes that the stock client retries; what is not a client's own mistake must end in one of them. */
export const closeCodes = { forbidden: 4403, restart: 1012, overload: 1013 } as const;

/** What a connection's resolvers get beside its session. */
export type Services = Omit<Context, 'session' | 'transport' | 'streamOpened' | 'signal'>;

/** What all connections share. */
export interface ConnectionServices {
  readonly engine: Engine;
  readonly errors: ClientErrors;
  readonly credentials: Credentials;
  readonly metrics: Metrics;
  readonly now: () => number;
}

export interface ConnectionParts extends ConnectionServices {
  /** Of the upgrade request; not the request itself, which would keep its buffers for as long as the connection lives. */
  readonly headers: IncomingHttpHeaders;
  readonly services: Services;
  readonly inbox: Inbox;
  readonly isOpen: () => boolean;
  readonly close: (code: number, reason: string) => void;
}

/** One WebSocket connection: whose it is, and what its operations run with. */
export interface Connection {
  readonly inbox: Inbox;
  readonly close: (code: number, reason: string) => void;
  /** @throws LifelineError when the token that came with the upgrade or with `payload` does not hold, or cannot be checked */
  start(payload: unknown): Promise<void>;
  /** The operation, ready to run, or the errors that keep it from running. Never throws. */
  prepare(request: OperationRequest): ExecutionArgs | readonly GraphQLError[];
  dispose(): void;
}

interface OperationRequest {
  readonly query: string;
  readonly operationName?: string | null | undefined;
  readonly variables?: Record<string, unknown> | null | undefined;
}

export function createConnection(parts: ConnectionParts): Connection {
  const { engine, errors, credentials, metrics, now, headers, services, inbox, isOpen, close } = parts;
  let session: Session | null = null;
  let subscribed = false;

  const context = (): Context => ({
    ...services,
    session,
    transport: 'websocket',
    signal: null,
    streamOpened(resumes) {
      // Whether a connection is a client coming back is told by its first subscription.
      if (!subscribed && resumes) metrics.reconnectsTotal.inc();
      subscribed = true;
      return () => {};
    },
  });

  const prepare = ({ query, operationName, variables }: OperationRequest): ExecutionArgs | readonly GraphQLError[] => {
    if (inbox.running > limits.operationsPerSocket) {
      const most = String(limits.operationsPerSocket);
      throw new LifelineError('RATE_LIMITED', `At most ${most} operations at once run over one connection. Complete some.`);
    }
    const document = engine.parse(query);
    const invalid = engine.validate(document);
    if (invalid.length > 0) return invalid;
    if (!getOperationAST(document, operationName)) {
      throw new LifelineError('BAD_USER_INPUT', 'The document has no such operation, or several and no operationName.');
    }
    return {
      schema: engine.schema,
      document,
      operationName: operationName ?? null,
      variableValues: variables ?? null,
      contextValue: context(),
    };
  };

  return {
    inbox,
    close,
    async start(payload) {
      const principal = await credentials.principal(() => tokenOfConnection(headers, payload));
      // The client has left while its token was looked at: nobody would dispose the session.
      if (!isOpen()) return;
      const started = createSession(principal, now);
      session = started;
      const forget = started.onChange(() => {
        if (!started.ended) return;
        forget();
        // At once, before the streams hear of it: who is told that a stream is complete does not resume it, while the stock client
        // resumes everything by itself after this close, with the token that it is then given.
        close(closeCodes.forbidden, 'The token has expired.');
      });
    },
    prepare(request) {
      // Whatever is thrown in graphql-ws's onSubscribe closes the whole socket with 4500.
      try {
        return prepare(request);
      } catch (error) {
        return [errors.from(error)];
      }
    },
    dispose: () => session?.dispose(),
  };
}
