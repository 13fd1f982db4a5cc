import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

import type { ExecutionResult } from 'graphql';
import { handleProtocols, makeServer, type OperationResult, type ServerOptions } from 'graphql-ws';
import { WebSocket, WebSocketServer } from 'ws';

import type { Logger } from '../operations/logger.ts';
import { Channel } from './channel.ts';
import { closeCodes, Connection, type ConnectionServices, OperationContext, type Services } from './connection.ts';
import { atMost } from './deadline.ts';
import type { OpenStream } from './engine.ts';
import type { Watchdog, Watched } from './watchdog.ts';

export interface WebSocketParts extends ConnectionServices {
  readonly servicesFor: (request: IncomingMessage) => Services;
  readonly watchdog: Watchdog;
  readonly logger: Logger;
}

export interface WebSockets {
  /**
   * Takes over an upgrade request whose path and origin are fine.
   *
   * @param onOver called once, when the connection is over or was none
   */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, onOver: () => void): void;
  /** Asks every client to come back elsewhere (1012), spread so that they do not all come at once; then cuts who is left. */
  drain(): Promise<void>;
}

/** Above `limits.messageBytes`, so that a message that is too large can be answered rather than hung up on (1009, never retried). */
const largestFrame = 1024 * 1024;
/**
 * Of parts that ws holds until a message is whole: each costs some hundred bytes, however small it is. A whole frame comes in 2 000 of
 * the smallest TCP segments there are.
 */
const mostParts = 4_096;
/** For the answer to our close frame; the default of ws is 30 s, which a drain with dead clients would take. */
const closeTimeoutMs = 1_500;
const drainSpreadMs = 3_000;

export function createWebSockets(parts: WebSocketParts): WebSockets {
  const { errors, metrics, logger, watchdog } = parts;
  const server = new WebSocketServer({
    noServer: true,
    handleProtocols,
    maxPayload: largestFrame,
    perMessageDeflate: false, // 300 KB a socket and a known source of fragmentation; events are small
    maxFragments: mostParts,
    maxBufferedChunks: mostParts,
    closeTimeout: closeTimeoutMs,
    WebSocket: ServedSocket,
    clientTracking: false, // `sockets` does it, without a listener more on each of them
  } as ServerOptionsOfWs); // some of it is newer than the published types
  const graphql = makeServer<Record<string, unknown>, Connection>(protocolOptions(parts));
  const sockets = new Set<WebSocket>();

  // The same for all sockets, with the socket as `this`.
  function onError(error: Error) {
    logger.debug({ error: error.name }, 'A WebSocket broke the protocol');
  }
  function onPong(this: WebSocket) {
    servedOver(this)?.watched.heard();
  }
  function onMessage(this: WebSocket, data: Buffer) {
    const served = servedOver(this);
    served?.watched.heard();
    served?.connection.inbox.receive(data.toString()); // text and binary frames alike, as graphql-ws does
  }
  function onClose(this: WebSocket, code: number, reason: Buffer) {
    sockets.delete(this);
    metrics.connectionsActive.dec();
    const served = servedOver(this);
    served?.onOver();
    served?.watched.release();
    // Its streams first: they need not hear that the session is over, each with an error of its own.
    served?.closed(code, String(reason)).catch((error: unknown) => void errors.from(error));
    served?.connection.dispose();
  }

  const open = (socket: ServedSocket, request: IncomingMessage, onOver: () => void) => {
    metrics.connectionsActive.inc();
    metrics.connectionsTotal.inc();
    sockets.add(socket);
    const channel = new Channel(socket, request.socket, metrics);
    const connection = new Connection(channel, request.headers, parts.servicesFor(request), parts);
    socket.served = {
      connection,
      watched: watchdog.watch(channel),
      closed: graphql.opened(new ProtocolSocket(channel), connection),
      onOver,
    };

    socket.on('error', onError);
    socket.on('pong', onPong);
    socket.on('message', onMessage);
    socket.on('close', onClose);
  };

  return {
    upgrade(request, socket, head, onOver) {
      let opened = false;
      // At once, or never: a handshake that is none has been answered by then.
      server.handleUpgrade(request, socket, head, (served) => {
        opened = true;
        open(served, request, onOver);
      });
      if (!opened) onOver();
    },
    async drain() {
      const clients = [...sockets];
      const pause = Math.min(drainSpreadMs / Math.max(clients.length, 1), 10);
      const startedAt = performance.now();
      for (const [index, client] of clients.entries()) {
        const early = startedAt + index * pause - performance.now(); // asked once: a second look may come after it, and Node warns of negative delays
        if (early > 0) await sleep(early);
        client.close(closeCodes.restart, 'The server restarts. Connect again.');
      }
      await atMost(closeTimeoutMs + 500, Promise.all(clients.map(gone)));
      for (const client of sockets) client.terminate();
    },
  };
}

type ServerOptionsOfWs = ConstructorParameters<typeof WebSocketServer<typeof ServedSocket>>[0];

/** A WebSocket that knows what is served over it: a listener of its own for each event would say nothing else. */
class ServedSocket extends WebSocket {
  served: Served | undefined;
}

function servedOver(socket: WebSocket): Served | undefined {
  return socket instanceof ServedSocket ? socket.served : undefined;
}

/** A channel as graphql-ws sees it. What it says itself is short, a `connection_ack` for each who comes: written in one piece, as events are. */
class ProtocolSocket {
  readonly #channel: Channel;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  get protocol(): string {
    return this.#channel.protocol;
  }

  send(text: string): Promise<void> {
    this.#channel.sendTogether([text]);
    return said;
  }

  close(code: number, reason: string): void {
    this.#channel.close(code, reason);
  }

  onMessage(listener: (text: string) => Promise<void>): void {
    this.#channel.onMessage(listener);
  }
}

const said = Promise.resolve();

interface Served {
  readonly connection: Connection;
  readonly watched: Watched;
  /** graphql-ws's. */
  readonly closed: (code: number, reason: string) => Promise<void>;
  readonly onOver: () => void;
}

/** graphql-ws's hooks; the connection does the work. */
function protocolOptions({ engine, errors }: WebSocketParts) {
  return {
    connectionInitWaitTimeout: 0, // the connection does that, too
    async onConnect(context) {
      const { extra: connection, connectionParams } = context;
      // Not writable for others, but nobody reads it later: a token would be kept for as long as the connection lives.
      (context as { connectionParams?: unknown }).connectionParams = undefined;
      try {
        await connection.start(context, connectionParams);
        return true;
      } catch (error) {
        const { message, extensions } = errors.from(error);
        const refused = extensions['code'] === 'UNAUTHENTICATED' || extensions['code'] === 'FORBIDDEN';
        connection.close(refused ? closeCodes.forbidden : closeCodes.overload, message);
        return false;
      }
    },
    onSubscribe: ({ extra: connection }, _id, payload) => connection.prepare(payload),
    execute: (args) =>
      args.contextValue instanceof OperationContext ? args.contextValue.connection.execute(args) : engine.execute(args),
    subscribe: (args) => engine.open(args) as Promise<ExecutionResult>, // what is none, `onOperation` takes out of its hands
    onOperation({ extra: connection }, id, _payload, _args, result) {
      if (isOpen(result)) connection.adopt(id, result);
      else connection.answer(id, result as ExecutionResult); // the engine answers nothing else
      return { data: null }; // which nobody gets: the id is not graphql-ws's any more
    },
    onError: ({ extra: connection }, id) => connection.inbox.finished(id),
    onComplete: ({ extra: connection }, id) => connection.inbox.finished(id),
  } satisfies ServerOptions<Record<string, unknown>, Connection>;
}

function isOpen(result: OperationResult | OpenStream): result is OpenStream {
  return 'items' in result;
}

function gone(socket: WebSocket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.readyState === socket.CLOSED) resolve();
    else socket.once('close', () => resolve());
  });
}
