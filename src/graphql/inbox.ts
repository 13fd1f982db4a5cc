import { LifelineError } from '../errors.ts';
import { limits } from './limits.ts';

export interface InboxOwner {
  /** Runs one message to its end: for a subscribe message, until the operation is over, or is a stream that was adopted. Never rejects. */
  handle(text: string): Promise<void>;
  /** Whether the id is that of a stream that was adopted. */
  isStreaming(id: string): boolean;
  /** Answers an operation that is not going to run. */
  refuse(id: string, error: LifelineError): void;
  close(code: number, reason: string): void;
}

interface Running {
  over: boolean;
  /** The next operation under the same id, waiting for this one to be gone. */
  next: string | null;
  /** What it is now that `handle` has nothing more to do for it. */
  onHandled: (() => void) | null;
}

/**
 * What one WebSocket connection receives, on its way to graphql-ws.
 *
 * Closes four holes of graphql-ws 6: an id that is used again right after `complete` (the first operation's clean-up removes the
 * second's entry, which then can be neither completed nor freed at close), message sizes (`maxPayload` hangs up with 1009, which
 * clients never retry), messages nested so deeply that an answer to them cannot be written, and messages of a type only servers send (they
 * throw, which closes with 4500).
 */
export class Inbox {
  readonly #owner: InboxOwner;
  /** What `handle` is busy with; there mostly is nothing. */
  #operations: Map<string, Running> | undefined;

  constructor(owner: InboxOwner) {
    this.#owner = owner;
  }

  /** Operations that `handle` is busy with and that are not over; at most a few more than a connection may have. */
  get running(): number {
    let running = 0;
    for (const { over } of this.#operations?.values() ?? []) if (!over) running += 1;
    return running;
  }

  receive(text: string): void {
    const { type, id } = envelopeOf(text);
    const sentence = tooMuchOf(text);
    if (sentence !== null) {
      if (type === 'subscribe' && id !== null && !this.#isInUse(id))
        this.#owner.refuse(id, new LifelineError('BAD_USER_INPUT', sentence));
      else this.#owner.close(4400, sentence);
    } else if (type === 'subscribe' && id !== null) this.#subscribe(id, text);
    else if (type === 'complete' && id !== null) this.#complete(id, text);
    else if (type !== null && typesOfServers.has(type)) this.#owner.close(4400, `Only servers send ${type}`);
    else void this.#owner.handle(text); // connection_init, ping, pong, and what is malformed: graphql-ws answers it with 4400
  }

  /** The server has sent the operation's last message: its id is free again. */
  finished(id: string): void {
    const operation = this.#operations?.get(id);
    if (operation !== undefined) operation.over = true;
  }

  /**
   * Calls back once `handle` has nothing more to do for the operation, and before anything else is done for its id.
   *
   * @returns whether there is such an operation; without one, the connection is closing
   */
  onHandled(id: string, then: () => void): boolean {
    const operation = this.#operations?.get(id);
    if (operation === undefined) return false;
    operation.onHandled = then;
    return true;
  }

  #isInUse(id: string): boolean {
    return this.#operations?.has(id) === true || this.#owner.isStreaming(id);
  }

  async #run(id: string, text: string): Promise<void> {
    const operation: Running = { over: false, next: null, onHandled: null };
    (this.#operations ??= new Map<string, Running>()).set(id, operation);
    await this.#owner.handle(text);
    this.#operations.delete(id);
    if (this.#operations.size === 0) this.#operations = undefined;
    operation.onHandled?.();
    if (operation.next !== null) void this.#run(id, operation.next);
  }

  #subscribe(id: string, text: string): void {
    const operation = this.#operations?.get(id);
    if (operation === undefined) void this.#run(id, text);
    else if (!operation.over) void this.#owner.handle(text); // graphql-ws closes: 4409, or 4400 where the message is wrong in itself
    else if (operation.next === null) operation.next = text;
    else this.#owner.close(4409, `Subscriber for ${id.slice(0, 64)} already exists`);
  }

  #complete(id: string, text: string): void {
    const operation = this.#operations?.get(id);
    if (operation !== undefined && operation.next !== null) {
      operation.next = null;
      return;
    }
    if (operation !== undefined) operation.over = true;
    void this.#owner.handle(text);
  }
}

function tooMuchOf(text: string): string | null {
  if (Buffer.byteLength(text) > limits.messageBytes) return `A message may hold at most ${String(limits.messageBytes / 1024)} KiB.`;
  // JSON.parse takes any depth, JSON.stringify does not: a ping is answered with its own payload, and would end as a mistake of ours.
  if (text.length > limits.messageDepth && depthOf(text) > limits.messageDepth)
    return `A message may be nested at most ${String(limits.messageDepth)} levels deep.`;
  return null;
}

/** How deep the brackets of a JSON text go. By hand: it also meets what is no JSON, on which patterns for strings run away. */
function depthOf(text: string): number {
  let [depth, deepest, quoted] = [0, 0, false];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (quoted && code === backslash) at += 1;
    else if (code === quote) quoted = !quoted;
    else if (quoted) continue;
    // [ and {, ] and }: 0x20 apart
    else if ((code | 0x20) === 0x7b) deepest = Math.max(deepest, ++depth);
    else if ((code | 0x20) === 0x7d) depth -= 1;
  }
  return deepest;
}

const quote = 0x22;
const backslash = 0x5c;

const typesOfServers = new Set(['connection_ack', 'next', 'error']);

function envelopeOf(text: string): { type: string | null; id: string | null } {
  try {
    const message: unknown = JSON.parse(text);
    if (typeof message !== 'object' || message === null) return { type: null, id: null };
    const { type, id } = message as { type?: unknown; id?: unknown }; // an object's fields may be asked for, whatever they are
    return { type: typeof type === 'string' ? type : null, id: typeof id === 'string' && id !== '' ? id : null };
  } catch {
    return { type: null, id: null };
  }
}
