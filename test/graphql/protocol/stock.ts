import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

import { GraphQLError, parse } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer, type WebSocket } from 'ws';

import type { Principal } from '../../../src/auth/allow.ts';
import { createSession, type Session } from '../../../src/auth/session.ts';
import type { DeliveryService } from '../../../src/delivery/delivery.ts';
import { LifelineError } from '../../../src/errors.ts';
import { addressesFor } from '../../../src/graphql/addresses.ts';
import type { Context } from '../../../src/graphql/context.ts';
import { createCursors } from '../../../src/graphql/cursor.ts';
import { schema } from '../../../src/graphql/schema.ts';
import { tokenOfConnection } from '../../../src/graphql/tokens.ts';

export interface StockOptions {
  readonly delivery: DeliveryService;
  readonly authenticate: (token: string) => Promise<Principal>;
  readonly cursorSecret: string;
  readonly publicUrl: string;
  readonly now: () => number;
  /** Answers a document that is no GraphQL as the error of its operation; without it, graphql-ws closes the socket with 4500. */
  readonly answerSyntaxErrors: boolean;
}

/** What graphql-ws's guide tells everybody to build: `useServer`, graphql-js and ws, over the schema of the product. */
export async function startStock({
  delivery,
  authenticate,
  cursorSecret,
  publicUrl,
  now,
  answerSyntaxErrors,
}: StockOptions): Promise<{ url: string; stop: () => Promise<void> }> {
  const sessions = new WeakMap<WebSocket, Session>();
  const cursors = createCursors(cursorSecret);
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, path: '/graphql' });
  const contextOf = (socket: WebSocket, request: IncomingMessage): Context => ({
    session: sessions.get(socket) ?? null,
    transport: 'websocket',
    signal: null,
    streamOpened: () => () => {},
    delivery,
    cursors,
    authenticate,
    addresses: addressesFor(request, publicUrl, ''),
  });
  const stock = useServer<Record<string, unknown>>(
    {
      schema,
      context: ({ extra: { socket, request } }) => contextOf(socket, request),
      async onConnect({ extra: { socket, request }, connectionParams }) {
        try {
          const token = tokenOfConnection(request.headers, connectionParams);
          if (token === null) return false;
          sessions.set(socket, createSession(await authenticate(token), now));
          return true;
        } catch (error) {
          if (error instanceof LifelineError && error.code === 'UNAUTHENTICATED') return false;
          throw error;
        }
      },
      onClose: ({ extra: { socket } }) => sessions.get(socket)?.dispose(),
      onSubscribe: (_context, _id, { query }) => (answerSyntaxErrors ? syntaxErrorOf(query) : undefined),
    },
    server,
    0,
  );
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // listens on TCP
  return { url: `ws://127.0.0.1:${String(port)}/graphql`, stop: async () => stock.dispose() };
}

function syntaxErrorOf(query: string): GraphQLError[] | undefined {
  try {
    parse(query);
    return undefined;
  } catch (error) {
    if (error instanceof GraphQLError) return [error];
    throw error;
  }
}
