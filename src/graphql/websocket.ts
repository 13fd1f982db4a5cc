import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

import type { ExecutionResult } from 'graphql';
import { handleProtocols, makeServer, type OperationResult, type ServerOptions } from 'graphql-ws';
import { WebSocketServer, type WebSocket } from 'ws';

import type { Logger } from '../operations/logger.ts';
import type { Metrics } from '../operations/metrics.ts';
import { closeCodes, createConnection, type Connection, type ConnectionServices, type Services } from './connection.ts';
import { atMost } from './deadline.ts';
import type { OpenStream } from './engine.ts';
import { express } from './express.ts';
import { flushed, writeText } from './frame.ts';
import { createInbox } from './inbox.ts';
import { limits } from './limits.ts';
import { createTurns, type Turns } from './turns.ts';
import type { Watchdog } from './watchdog.ts';

export interface WebSocketParts extends ConnectionServices {
  readonly servicesFor: (request: IncomingMessage) => Services;
  readonly watchdog: Watchdog;
  readonly logger: Logger;
}

export interface WebSockets {
  /** Takes over an upgrade request whose path and origin are fine. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
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
/** What a connection may send before its token holds: anybody can open thousands that send all but the end of the largest frame. */
const strangersBytes = limits.messageBytes + 1024;
/** For the answer to our close frame; the default of ws is 30 s, which a drain with dead clients would take. */
const closeTimeoutMs = 1_500;
/** A slow phone needs more than the 3 s that graphql-ws gives it. */
const initTimeoutMs = 10_000;
const drainSpreadMs = 3_000;
/** Waiting for a client: nothing more is read from it. Well below what the watchdog cuts at, because what was read is answered. */
const unreadBytes = 256 * 1024;

interface Extra {
  readonly connection: Connection;
  /** Its token holds. */
  readonly trust: () => void;
  readonly turns: Turns;
  readonly push: (text: string) => Promise<void> | undefined;
}

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
  } as ConstructorParameters<typeof WebSocketServer>[0]); // some of it is newer than the published types
  const graphql = makeServer<Record<string, unknown>, Extra>(protocolOptions(parts));

  const open = (socket: WebSocket, request: IncomingMessage) => {
    metrics.connectionsActive.inc();
    metrics.connectionsTotal.inc();
    const watched = watchdog.watch(peerOf(socket, request));
    const turns = createTurns({ execute: parts.engine.execute, hasRoom: () => socket.bufferedAmount < unreadBytes });
    const adapter = createAdapter(socket, request.socket, metrics, turns.taken);
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
    const trust = distrust(request.socket, () => {
      adapter.close(
        4400,
        `Send connection_init first; until it is accepted, only ${String(limits.messageBytes / 1024)} KiB are read.`,
      );
      socket.pause(); // ws would go on collecting until the client has answered the close
    });
    const closed = graphql.opened(
      { ...adapter, onMessage: (listener) => void (onMessage = listener) },
      { connection, trust, turns, push: adapter.push },
    );

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
      turns.close();
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
        const early = startedAt + index * pause - performance.now(); // asked once: a second look may come after it, and Node warns of negative delays
        if (early > 0) await sleep(early);
        client.close(closeCodes.restart, 'The server restarts. Connect again.');
      }
      await atMost(closeTimeoutMs + 500, Promise.all(clients.map(gone)));
      for (const client of server.clients) client.terminate();
    },
  };
}

/** graphql-ws's hooks; the connection does the work. */
function protocolOptions({ engine, errors }: WebSocketParts) {
  const turnsOf = new WeakMap<object, Turns>(); // by what graphql-ws hands from one hook to the other
  return {
    connectionInitWaitTimeout: initTimeoutMs,
    async onConnect({ extra: { connection, trust }, connectionParams }) {
      try {
        await connection.start(connectionParams);
        trust();
        return true;
      } catch (error) {
        const { message, extensions } = errors.from(error);
        const refused = extensions['code'] === 'UNAUTHENTICATED' || extensions['code'] === 'FORBIDDEN';
        connection.close(refused ? closeCodes.forbidden : closeCodes.overload, message);
        return false;
      }
    },
    onSubscribe({ extra }, _id, payload) {
      const operation = extra.connection.prepare(payload);
      turnsOf.set(operation, extra.turns);
      return operation;
    },
    execute: (args) => (turnsOf.get(args) ?? engine).execute(args),
    subscribe: (args) => engine.open(args) as Promise<ExecutionResult>, // what is none, `onOperation` makes results of
    onOperation: ({ extra }, id, _payload, _args, result) => (isOpen(result) ? express(result, id, extra.push) : undefined),
    onError: ({ extra }, id) => extra.connection.inbox.finished(id),
    onComplete: ({ extra }, id) => extra.connection.inbox.finished(id),
  } satisfies ServerOptions<Record<string, unknown>, Extra>;
}

function isOpen(result: OperationResult | OpenStream): result is OpenStream {
  return 'items' in result;
}

function createAdapter(socket: WebSocket, transport: Socket, metrics: Metrics, onTaken: () => void) {
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
          onTaken();
          if (error) reject(error);
          else resolve();
        });
        // Events wait for one another, the answers to a flood of pings or queries do not: who does not read is not read from.
        if (socket.bufferedAmount > unreadBytes) socket.pause();
      }),
    /** As `send`, of what is sent a thousand times more often: undefined when the kernel took it at once. */
    push: (text: string): Promise<void> | undefined => {
      if (socket.readyState !== socket.OPEN) return undefined;
      metrics.messageSize.observe(writeText(transport, text));
      return transport.writableLength === 0 ? undefined : flushed(transport);
    },
    close: (code: number, reason: string) => socket.close(code, fitting(reason)),
  };
}

/** Counts what comes before the answer is called, and tells once when it is too much. */
function distrust(transport: Socket, onTooMuch: () => void): () => void {
  let received = 0;
  const count = (chunk: Buffer) => {
    received += chunk.length;
    if (received <= strangersBytes) return;
    trust();
    onTooMuch();
  };
  const trust = () => void transport.off('data', count);
  transport.on('data', count);
  return trust;
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
