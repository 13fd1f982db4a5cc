import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { WebSocketServer, type WebSocket } from 'ws';

import { nativeProgram } from '../../bench/native/build.ts';

type Answer = Readonly<Record<string, number | string | boolean>>;

export interface LoadClient {
  /** The answer to one command, as JSON gave it. */
  ask(command: string): Promise<Answer>;
  /** `connect` with one list of steps for each connection. */
  connect(connections: readonly (readonly string[])[], options?: { inFlight?: number; seconds?: number }): Promise<Answer>;
  /** Ends its stdin; its exit code. */
  end(): Promise<number | null>;
}

/** A running load client that is gone, at the latest, when `stack` is disposed. */
export async function startLoadClient(stack: AsyncDisposableStack): Promise<LoadClient> {
  const child = spawn(await nativeProgram('load'), { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const gone = once(child, 'exit');
  stack.defer(async () => {
    child.kill();
    await gone;
  });
  const folder = await mkdtemp(join(tmpdir(), 'load-client-'));
  stack.defer(() => rm(folder, { recursive: true }));

  const ask = async (command: string) => {
    child.stdin.write(`${command}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error(`It ended at ${command}`);
    return JSON.parse(value) as Answer;
  };
  return {
    ask,
    async connect(connections, { inFlight = 100, seconds = 20 } = {}) {
      const file = join(folder, 'connections');
      await writeFile(file, connections.map((steps) => `${steps.join('\t')}\n`).join(''));
      return ask(`connect ${file} ${inFlight} ${seconds}`);
    },
    async end() {
      child.stdin.end();
      await gone;
      return child.exitCode;
    },
  };
}

/** One that connected. */
export interface Peer {
  readonly socket: WebSocket;
  readonly transport: Socket;
  readonly request: IncomingMessage;
  /** what it sent so far */
  readonly texts: string[];
}

export interface Server {
  readonly port: number;
  /** in the order in which they came */
  readonly peers: readonly Peer[];
}

/** A `ws` server that does nothing but remember, and call `onText`. */
export async function startServer(stack: AsyncDisposableStack, onText?: (text: string, peer: Peer) => void): Promise<Server> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  await once(server, 'listening');
  stack.defer(async () => {
    for (const client of server.clients) client.terminate();
    await new Promise((resolve) => server.close(resolve));
  });
  const peers: Peer[] = [];
  server.on('connection', (socket, request) => {
    const peer: Peer = { socket, transport: request.socket, request, texts: [] };
    peers.push(peer);
    socket.on('error', () => undefined); // connections are reset on purpose
    socket.on('message', (data: Buffer) => {
      peer.texts.push(data.toString());
      onText?.(data.toString(), peer);
    });
  });
  return { port: (server.address() as AddressInfo).port, peers }; // of a TCP server it is one
}

/** µs of the clock that the load client reads. */
export const nowMicros = () => Number(process.hrtime.bigint() / 1_000n);

export interface Marked {
  readonly sequence: number;
  /** when it is said to have been sent; now, if left out */
  readonly micros?: number;
}

export const marker = ({ sequence, micros = nowMicros() }: Marked) =>
  `wf-T${String(micros).padStart(16, '0')}-S${String(sequence).padStart(10, '0')}`;

/** An event as GraphQL servers send it; `extra` is more JSON behind its marker. */
export const event = (marked: Marked, extra = '') =>
  `{"id":"1","type":"next","payload":{"data":{"coverageUpdates":{"workflowId":"${marker(marked)}","status":"COMPLETED"${extra}}}}}`;

/** The frame of a short or middling text, to be written past `ws`. */
export function frameOf(text: string): Buffer {
  const payload = Buffer.from(text);
  const length = payload.length < 126 ? [payload.length] : [126, payload.length >> 8, payload.length & 0xff];
  return Buffer.concat([Buffer.from([0x81, ...length]), payload]);
}
