import type { Socket } from 'node:net';

import { WebSocket } from 'ws';

/** One WebSocket message as a client sends it. */
export interface Frame {
  readonly data: string | Buffer;
  readonly binary: boolean;
  /** Into how many fragments it is cut. */
  readonly parts: number;
}

/** A client that is no library: it says what it is told to, and keeps what it hears. */
export interface Peer {
  /** Text of every message; `binary` in front of one that came as such. */
  readonly heard: readonly string[];
  /** Code and reason, once the socket is closed. */
  readonly closed: string | null;
  /** All of it in one write, so that the server reads it in one turn of its event loop. */
  write(frames: readonly Frame[]): void;
  /** Settles when the server has nothing more to say for now: several pings in a row were answered, and nothing else came. */
  quiet(): Promise<void>;
  leave(how: 'close' | 'terminate'): Promise<void>;
}

/** Turns of the event loop in which nothing comes. Neither server waits for anything but promises and immediates here. */
const calmRounds = 3;

export async function openPeer(url: string, protocols: readonly string[], headers: Record<string, string>): Promise<Peer> {
  const heard: string[] = [];
  let closed: string | null = null;
  let transport: Socket | undefined;
  const socket = new WebSocket(url, [...protocols], { headers });
  const gone = new Promise<void>((resolve) => {
    socket.on('close', (code, reason) => {
      closed = `${String(code)} ${String(reason)}`.trimEnd();
      resolve();
    });
  });
  socket.on('message', (data: Buffer, isBinary) => void heard.push(`${isBinary ? 'binary ' : ''}${data.toString()}`));
  socket.on('error', () => {}); // tells what `close` tells too
  socket.on('upgrade', (response) => (transport = response.socket));
  await Promise.race([new Promise((resolve) => socket.on('open', resolve)), gone]);

  const answered = () =>
    new Promise<void>((resolve) => {
      socket.once('pong', () => resolve());
      socket.ping();
    });

  return {
    heard,
    get closed() {
      return closed;
    },
    write(frames) {
      transport?.cork();
      for (const { data, binary, parts } of frames) {
        const bytes = Buffer.from(data);
        const size = Math.ceil(bytes.length / parts);
        for (let part = 0; part < parts; part++) {
          socket.send(bytes.subarray(part * size, (part + 1) * size), { binary, fin: part === parts - 1 });
        }
      }
      transport?.uncork();
    },
    async quiet() {
      for (let calm = 0; calm < calmRounds && closed === null;) {
        const before = heard.length;
        await Promise.race([answered(), gone]);
        calm = heard.length === before ? calm + 1 : 0;
      }
    },
    async leave(how) {
      if (how === 'close') socket.close(1000);
      else socket.terminate();
      await gone;
    },
  };
}
