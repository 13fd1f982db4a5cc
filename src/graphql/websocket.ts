import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

import { handleProtocols, makeServer, type ServerOptions } from 'graphql-ws';
import { WebSocketServer, type WebSocket } from 'ws';

import type { Logger } from '../operations/logger.ts';
import type { Metrics } from '../operations/metrics.ts';
import { closeCodes, createConnection, type Connection, type ConnectionServices, type Services } from './connection.ts';
import { atMost } from './deadline.ts';
import { createInbox } from './inbox.ts';
import type { Watchdog } from './watchdog.ts';

export interface WebSocketParts extends ConnectionServices {
  readonly servicesFor: (request: IncomingMessage) => Services;
  readonly watchdog: Watchdog;
  readonly logger: Logger;
  readonly maxConnections: number;
}

export interface WebSockets {
  /** Takes over an upgrade request whose path and origin are fine. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Asks every client to come back elsewhere (1012), spread so that they do not all come at once; then cuts who is left. */
  drain(): Promise<void>;
}

/** Above `limits.messageBytes`, so that a message that is too large can be answered rather than hung up on (1009, never retried). */
const largestFrame = 1024 * 1024;
/** For the answer to our close frame; the default of ws is 30 s, which a drain with dead clients would take. */
const closeTimeoutMs = 1_500;
/** A slow phone needs more than the 3 s that graphql-ws gives it. */
const initTimeoutMs = 10_000;
const drainSpreadMs = 3_000;
/** Waiting for a client: nothing more is read from it. Well below what the watchdog cuts at, because what was read is answered. */
const unreadBytes = 256 * 1024;

interface Extra {
  readonly connection: Connection;
}

export function createWebSockets(parts: WebSocketParts): WebSockets {
  const { errors, metrics, logger, watchdog } = parts;
  const server = new WebSocketServer({
    noServer: true,
    handleProtocols,
    maxPayload: largestFrame,
    perMessageDeflate: false, // 300 KB a socket and a known source of fragmentation; events are small
    closeTimeout: closeTimeoutMs,
  } as ConstructorParameters<typeof WebSocketServer>[0]); // closeTimeout is newer than the published types
  const graphql = makeServer<Record<string, unknown>, Extra>(protocolOptions(parts));

  const open = (socket: WebSocket, request: IncomingMessage) => {
    if (server.clients.size > parts.maxConnections) {
      socket.on('error', () => {}); // it is being closed: whatever goes wrong with it now is of no interest
      socket.close(closeCodes.overload, 'Too many connections. Try again later.');
      return;
    }
    metrics.connectionsActive.inc();
    metrics.connectionsTotal.inc();
    const watched = watchdog.watch(peerOf(socket, request));
    const adapter = createAdapter(socket, metrics);
    let onMessage: (text: string) => Promise<void> = () => Promise.resolve();

    const handle = async (text: string) => {
      try {
        await onMessage(text);
      } catch (error) {
        if (socket.readyState !== socket.OPEN) return; // a send that failed because the client left
        errors.from(error);
        socket.close(closeCodes.overload, 'Something went wrong on our side. Connect again.');
      }
    };
    const connection = createConnection({
      ...parts,
      headers: request.headers,
      services: parts.servicesFor(request),
      isOpen: () => socket.readyState === socket.OPEN,
      close: adapter.close,
      inbox: createInbox({
        handle,
        refuse: (id, error) =>
          void adapter.send(JSON.stringify({ id, type: 'error', payload: [errors.from(error)] })).catch(() => {}),
        close: adapter.close,
      }),
    });
    const closed = graphql.opened({ ...adapter, onMessage: (listener) => void (onMessage = listener) }, { connection });

    socket.on('error', (error) => logger.debug({ error: error.name }, 'A WebSocket broke the protocol'));
    socket.on('pong', () => watched.heard());
    socket.on('message', (data: Buffer) => {
      watched.heard();
      connection.inbox.receive(data.toString()); // text and binary frames alike, as graphql-ws does
    });
    socket.once('close', (code, reason) => {
      metrics.connectionsActive.dec();
      watched.release();
      connection.dispose();
      closed(code, String(reason)).catch((error: unknown) => void errors.from(error));
    });
  };

  return {
    upgrade(request, socket, head) {
      server.handleUpgrade(request, socket, head, open);
    },
    async drain() {
      const clients = [...server.clients];
      const pause = Math.min(drainSpreadMs / Math.max(clients.length, 1), 10);
      const startedAt = performance.now();
      for (const [index, client] of clients.entries()) {
        const due = startedAt + index * pause;
        if (performance.now() < due) await sleep(due - performance.now());
        client.close(closeCodes.restart, 'The server restarts. Connect again.');
      }
      await atMost(closeTimeoutMs + 500, Promise.all(clients.map(gone)));
      for (const client of server.clients) client.terminate();
    },
  };
}

/** graphql-ws's hooks; the connection does the work. */
function protocolOptions({ engine, errors }: WebSocketParts) {
  return {
    connectionInitWaitTimeout: initTimeoutMs,
    async onConnect({ extra: { connection }, connectionParams }) {
      try {
        await connection.start(connectionParams);
        return true;
      } catch (error) {
        const { message, extensions } = errors.from(error);
        const refused = extensions['code'] === 'UNAUTHENTICATED' || extensions['code'] === 'FORBIDDEN';
        connection.close(refused ? closeCodes.forbidden : closeCodes.overload, message);
        return false;
      }
    },
    onSubscribe: ({ extra }, _id, payload) => extra.connection.prepare(payload),
    execute: engine.execute,
    subscribe: engine.subscribe,
    onError: ({ extra }, id) => extra.connection.inbox.finished(id),
    onComplete: ({ extra }, id) => extra.connection.inbox.finished(id),
  } satisfies ServerOptions<Record<string, unknown>, Extra>;
}

function createAdapter(socket: WebSocket, metrics: Metrics) {
  return {
    protocol: socket.protocol,
    /** Settles when the kernel took the message: that is the back-pressure of every stream. */
    send: (text: string) =>
      new Promise<void>((resolve, reject) => {
        if (socket.readyState !== socket.OPEN) {
          resolve();
          return;
        }
        metrics.messageSize.observe(Buffer.byteLength(text));
        socket.send(text, (error) => {
          if (socket.isPaused && socket.bufferedAmount < unreadBytes) socket.resume();
          if (error) reject(error);
          else resolve();
        });
        // Events wait for one another, the answers to a flood of pings or queries do not: who does not read is not read from.
        if (socket.bufferedAmount > unreadBytes) socket.pause();
      }),
    close: (code: number, reason: string) => socket.close(code, fitting(reason)),
  };
}

/** A close frame holds 123 bytes of reason, and ws throws above; a UTF-16 unit is 3 bytes at most. */
function fitting(reason: string): string {
  return Buffer.byteLength(reason) <= 123 ? reason : reason.slice(0, 40);
}

function peerOf(socket: WebSocket, { socket: transport }: IncomingMessage) {
  return {
    socket: transport,
    queued: () => socket.bufferedAmount,
    cut: () => socket.terminate(),
    ping: () => {
      if (socket.readyState === socket.OPEN) socket.ping();
    },
  };
}

function gone(socket: WebSocket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.readyState === socket.CLOSED) resolve();
    else socket.once('close', () => resolve());
  });
}
