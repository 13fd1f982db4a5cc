import { createServer } from 'node:http';
import type { Socket } from 'node:net';

import { type WebSocket, WebSocketServer } from 'ws';

import { listenOn } from './http.ts';
import type { BenchServer, Listening } from './server.ts';
import { createTopics, type Topics } from './topics.ts';

/** One subscriber of a bare server. */
export interface Subscriber {
  readonly socket: WebSocket;
  /** Below it, for who frames messages himself. */
  readonly transport: Socket;
}

export interface BareOptions {
  /** Called when a member has somebody who listens; the subscriber is told that it is ready once this settles. */
  readonly open?: (member: string) => Promise<unknown>;
  readonly close?: (member: string) => void;
}

/** Nothing but `ws`: a socket listens to the member that its address names (`/?member=m1`), and is told `{"type":"ready"}`. */
export interface BareServer extends Pick<BenchServer, 'subscriptions' | 'close'> {
  readonly subscribers: Topics<Subscriber>;
  start(): Promise<Listening>;
}

export function createBareServer({ open, close }: BareOptions = {}): BareServer {
  const subscribers = createTopics<Subscriber>();
  const http = createServer();
  const server = new WebSocketServer({ server: http, perMessageDeflate: false });
  let ready = 0;

  server.on('connection', (socket, request) => {
    const member = new URL(request.url ?? '/', 'ws://localhost').searchParams.get('member') ?? '';
    const subscriber = { socket, transport: request.socket };
    const first = subscribers.add(member, subscriber);
    let counted = false;
    const announce = () => {
      if (socket.readyState !== socket.OPEN) return;
      counted = true;
      ready++;
      socket.send('{"type":"ready"}');
    };
    socket.once('close', () => {
      if (counted) ready--;
      if (subscribers.remove(member, subscriber)) close?.(member);
    });
    if (open === undefined || !first) announce();
    else open(member).then(announce, () => socket.close(1011));
  });

  return {
    subscribers,
    async start() {
      return { port: await listenOn(http), path: '/', subprotocol: '' };
    },
    subscriptions: () => ready,
    async close() {
      for (const client of server.clients) client.terminate();
      http.close();
    },
  };
}
