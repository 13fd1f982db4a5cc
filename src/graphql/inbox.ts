import { LifelineError } from '../errors.ts';
import { limits } from './limits.ts';

export interface InboxParts {
  /** Runs one message to its end: for a subscribe message, until the operation is over. Never rejects. */
  readonly handle: (text: string) => Promise<void>;
  /** Answers an operation that is not going to run. */
  readonly refuse: (id: string, error: LifelineError) => void;
  readonly close: (code: number, reason: string) => void;
}

/** What one WebSocket connection receives, on its way to graphql-ws. */
export interface Inbox {
  receive(text: string): void;
  /** The server has sent the operation's last message: its id is free again. */
  finished(id: string): void;
  /** Operations being served; at most a few more than a connection may have. */
  readonly running: number;
}

interface Running {
  over: boolean;
  /** The next operation under the same id, waiting for this one to be gone. */
  next: string | null;
}

/**
 * Closes four holes of graphql-ws 6: an id that is used again right after `complete` (the first operation's clean-up removes the
 * second's entry, which then can be neither completed nor freed at close), message sizes (`maxPayload` hangs up with 1009, which
 * clients never retry), messages nested so deeply that an answer to them cannot be written, and messages of a type only servers send (they
 * throw, which closes with 4500).
 */
export function createInbox({ handle, refuse, close }: InboxParts): Inbox {
  const operations = new Map<string, Running>();

  const run = async (id: string, text: string) => {
    const operation: Running = { over: false, next: null };
    operations.set(id, operation);
    await handle(text);
    operations.delete(id);
    if (operation.next !== null) void run(id, operation.next);
  };

  const subscribe = (id: string, text: string) => {
    const operation = operations.get(id);
    if (operation === undefined) void run(id, text);
    else if (operation.over && operation.next === null) operation.next = text;
    else close(4409, `Subscriber for ${id.slice(0, 64)} already exists`);
  };

  const complete = (id: string, text: string) => {
    const operation = operations.get(id);
    if (operation === undefined) return;
    if (operation.next !== null) {
      operation.next = null;
    } else {
      operation.over = true;
      void handle(text);
    }
  };

  return {
    get running() {
      return [...operations.values()].filter(({ over }) => !over).length;
    },
    receive(text) {
      const { type, id } = envelopeOf(text);
      const sentence = tooMuchOf(text);
      if (sentence !== null) {
        if (type === 'subscribe' && id !== null && !operations.has(id)) refuse(id, new LifelineError('BAD_USER_INPUT', sentence));
        else close(4400, sentence);
      } else if (type === 'subscribe' && id !== null) subscribe(id, text);
      else if (type === 'complete' && id !== null) complete(id, text);
      else if (type !== null && typesOfServers.has(type)) close(4400, `Only servers send ${type}`);
      else void handle(text); // connection_init, ping, pong, and what is malformed: graphql-ws answers it with 4400
    },
    finished(id) {
      const operation = operations.get(id);
      if (operation !== undefined) operation.over = true;
    },
  };
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
    const character = text[at];
    if (quoted && character === '\\') at += 1;
    else if (character === '"') quoted = !quoted;
    else if (quoted) continue;
    else if (character === '[' || character === '{') deepest = Math.max(deepest, ++depth);
    else if (character === ']' || character === '}') depth -= 1;
  }
  return deepest;
}

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
