import type { Socket } from 'node:net';

import type { Metrics } from '../operations/metrics.ts';
import { flushed, frameOf } from './frame.ts';
import { limits } from './limits.ts';
import type { Turns } from './turns.ts';
import type { Peer } from './watchdog.ts';

/** What a connection may send before its token holds: anybody can open thousands that send all but the end of the largest frame. */
const strangersBytes = limits.messageBytes + 1024;
/** Waiting for a client: nothing more is read from it. Well below what the watchdog cuts at, because what was read is answered. */
const unreadBytes = 256 * 1024;

/** A WebSocket of ws. */
export interface Wire {
  readonly protocol: string;
  readonly readyState: number;
  readonly OPEN: number;
  readonly bufferedAmount: number;
  readonly isPaused: boolean;
  send(text: string, taken: (error?: Error | null) => void): void;
  ping(): void;
  pause(): void;
  resume(): void;
  close(code: number, reason: string): void;
  terminate(): void;
}

/** One WebSocket, as graphql-ws and the watchdog see it. */
export class Channel implements Peer {
  readonly socket: Socket;
  /** Of queries and mutations; there are none before the first of them. */
  turns: Turns | undefined;
  readonly #ws: Wire;
  readonly #metrics: Metrics;
  #listener: ((text: string) => Promise<void>) | undefined;
  #stranger: ((chunk: Buffer) => void) | undefined;

  constructor(ws: Wire, transport: Socket, metrics: Metrics) {
    this.#ws = ws;
    this.socket = transport;
    this.#metrics = metrics;
    this.#distrust();
  }

  get protocol(): string {
    return this.#ws.protocol;
  }

  get isOpen(): boolean {
    return this.#ws.readyState === this.#ws.OPEN;
  }

  /** The client takes what it is sent. */
  get hasRoom(): boolean {
    return this.#ws.bufferedAmount < unreadBytes;
  }

  onMessage(listener: (text: string) => Promise<void>): void {
    this.#listener = listener;
  }

  /** Hands a message to whoever listens. */
  async receive(text: string): Promise<void> {
    await this.#listener?.(text);
  }

  /** Settles when the kernel took the message: that is the back-pressure of every stream. */
  send(text: string): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const ws = this.#ws;
      if (!this.isOpen) {
        resolve();
        return;
      }
      this.#metrics.messageSize.observe(Buffer.byteLength(text));
      ws.send(text, (error) => {
        this.#taken();
        if (error) reject(error);
        else resolve();
      });
      // Events wait for one another, the answers to a flood of pings or queries do not: who does not read is not read from.
      if (!this.hasRoom) ws.pause();
    });
  }

  /** As `send`, of messages that belong together; nobody waits for these. */
  sendTogether(texts: readonly string[]): void {
    if (!this.isOpen) return;
    let frames = '';
    for (const text of texts) frames += this.#frameOf(text, Buffer.byteLength(text));
    this.socket.write(frames, 'latin1');
    if (this.socket.writableLength === 0) return;
    if (!this.hasRoom) this.#ws.pause();
    void this.#flushed();
  }

  /**
   * As `send`, of what is sent a thousand times more often: undefined when the kernel took it at once.
   *
   * @param bytes of the text in UTF-8
   */
  push(text: string, bytes: number): Promise<void> | undefined {
    if (!this.isOpen) return undefined;
    this.socket.write(this.#frameOf(text, bytes), 'latin1');
    return this.socket.writableLength === 0 ? undefined : this.#flushed();
  }

  close(code: number, reason: string): void {
    this.#ws.close(code, fitting(reason));
  }

  /** Its token holds: it may send as much as it likes. */
  trust(): void {
    if (this.#stranger !== undefined) this.socket.off('data', this.#stranger);
    this.#stranger = undefined;
  }

  queued(): number {
    return this.#ws.bufferedAmount;
  }

  cut(): void {
    this.#ws.terminate();
  }

  ping(): void {
    if (this.isOpen) this.#ws.ping();
  }

  #frameOf(text: string, bytes: number): string {
    this.#metrics.messageSize.observe(bytes);
    return frameOf(text, bytes);
  }

  /** Events make room, too: it may be them that queries, or reading on, wait for. */
  async #flushed(): Promise<void> {
    await flushed(this.socket);
    this.#taken();
  }

  #taken(): void {
    if (this.#ws.isPaused && this.hasRoom) this.#ws.resume();
    this.turns?.taken();
  }

  #distrust(): void {
    let received = 0;
    this.#stranger = (chunk) => {
      received += chunk.length;
      if (received <= strangersBytes) return;
      this.trust();
      this.close(
        4400,
        `Send connection_init first; until it is accepted, only ${String(limits.messageBytes / 1024)} KiB are read.`,
      );
      this.#ws.pause(); // it would go on collecting until the client has answered the close
    };
    this.socket.on('data', this.#stranger);
  }
}

/** A close frame holds 123 bytes of reason, and ws throws above; a UTF-16 unit is 3 bytes at most. */
function fitting(reason: string): string {
  return Buffer.byteLength(reason) <= 123 ? reason : reason.slice(0, 40);
}
