import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

import { eventually } from '../../support/eventually.ts';

/** A client that writes whatever bytes it likes, and sees whatever bytes it is answered with. */
export interface RawPeer {
  readonly socket: Socket;
  /** What came, as text; at most the last 64 KiB. */
  readonly answer: () => string;
  /** The status line's code, once there is one. */
  status(): Promise<number>;
  /** The server's frames since the upgrade. */
  readonly frames: () => readonly ServerFrame[];
  /** Of the server's close frame. */
  readonly closeCode: () => number | null;
  /** The connection is over, whoever ended it. */
  readonly gone: boolean;
  send(bytes: Buffer | string): void;
  /** Waits until the server has hung up, and says how long after the start of the connection that was, ms. */
  hungUp(withinMs: number): Promise<number>;
  leave(): void;
}

export interface ServerFrame {
  readonly opcode: number;
  readonly payload: Buffer;
}

const keptBytes = 64 * 1024;
/** Stands for a close frame that names no code, which is the answer to one that names none (RFC 6455 section 7.1.5). */
const noCode = 1005;

export async function dial(url: string): Promise<RawPeer> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: false });
  let received: Buffer = Buffer.alloc(0);
  let goneAt: number | null = null;
  socket.on('error', () => undefined); // being hung up on is what many of them are for
  socket.on('data', (chunk: Buffer) => (received = Buffer.concat([received, chunk]).subarray(-keptBytes)));
  socket.once('close', () => (goneAt = performance.now()));
  await once(socket, 'connect');
  const began = performance.now();
  const status = () => /^HTTP\/1\.1 (\d{3})/.exec(received.toString('latin1', 0, 20))?.[1];
  const frames = () => parseFrames(received.subarray(received.indexOf('\r\n\r\n') + 4));
  return {
    socket,
    answer: () => received.toString(),
    status: async () => Number(await eventually(status, { what: 'an HTTP status' })),
    frames,
    closeCode() {
      const close = frames().find(({ opcode }) => opcode === 8);
      if (close === undefined) return null;
      return close.payload.length < 2 ? noCode : close.payload.readUInt16BE(0);
    },
    get gone() {
      return goneAt !== null;
    },
    send: (bytes) => void (socket.writable && socket.write(bytes)),
    async hungUp(withinMs) {
      await eventually(() => goneAt !== null, { withinMs, what: 'the server hanging up' });
      return (goneAt ?? began) - began;
    },
    leave: () => void socket.destroy(),
  };
}

/** A WebSocket by hand, upgraded. */
export async function dialWebSocket(url: string, headers: Readonly<Record<string, string>> = {}): Promise<RawPeer> {
  const peer = await dial(url);
  peer.send(upgradeRequest(headers));
  await peer.status();
  return peer;
}

/** The same, with a token that holds, and its `connection_ack`. */
export async function dialMember(url: string, token: string): Promise<RawPeer> {
  const peer = await dialWebSocket(url);
  peer.send(frame(JSON.stringify({ type: 'connection_init', payload: { token } })));
  await eventually(() => peer.answer().includes('connection_ack'), { what: 'connection_ack' });
  return peer;
}

export function upgradeRequest(headers: Readonly<Record<string, string>> = {}): string {
  const all = {
    Host: '127.0.0.1',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    'Sec-WebSocket-Protocol': 'graphql-transport-ws',
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET /graphql HTTP/1.1\r\n${lines.join('')}\r\n`;
}

export interface FrameOptions {
  readonly opcode?: number;
  readonly fin?: boolean;
  /** RSV1–3, as three bits. */
  readonly reserved?: number;
  readonly masked?: boolean;
  /** What the header says, where that is not the truth. */
  readonly length?: number | bigint;
}

/** A frame as a client sends it, or as none should. */
export function frame(payload: Buffer | string, options: FrameOptions = {}): Buffer {
  const body = Buffer.from(payload);
  const { opcode = 1, fin = true, reserved = 0, masked = true, length = body.length } = options;
  const head = [(fin ? 0x80 : 0) | (reserved << 4) | opcode];
  const maskBit = masked ? 0x80 : 0;
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(length));
  if (length < 126) head.push(maskBit | Number(length));
  else if (length < 65_536) head.push(maskBit | 126, ...size.subarray(6));
  else head.push(maskBit | 127, ...size);
  if (!masked) return Buffer.concat([Buffer.from(head), body]);
  const mask = randomBytes(4);
  for (let at = 0; at < body.length; at++) body[at] = (body[at] ?? 0) ^ (mask[at % 4] ?? 0);
  return Buffer.concat([Buffer.from(head), mask, body]);
}

/** Whole frames at the beginning of `bytes`; servers do not mask. */
function parseFrames(bytes: Buffer): ServerFrame[] {
  const frames: ServerFrame[] = [];
  let at = 0;
  while (at + 2 <= bytes.length) {
    const opcode = (bytes[at] ?? 0) & 0x0f;
    const short = (bytes[at + 1] ?? 0) & 0x7f;
    const start = at + (short === 127 ? 10 : short === 126 ? 4 : 2);
    if (start > bytes.length) break;
    const length = short === 127 ? Number(bytes.readBigUInt64BE(at + 2)) : short === 126 ? bytes.readUInt16BE(at + 2) : short;
    if (start + length > bytes.length) break;
    frames.push({ opcode, payload: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return frames;
}
