import type { Platform } from './client.ts';
import { textsIn } from './dedupe.ts';
import { ClientError } from './errors.ts';
import { AcknowledgeDocument } from './generated.ts';
import { asClientError, type Answer, fieldOf, type Operation } from './operation.ts';
import { retryDelay } from './schedule.ts';

/** A burst of events is acknowledged in one request, ms. */
const gatherMs = 50;
/** What the server takes in one call. */
const mostAtOnce = 1_000;
/** What is kept while there is no network; an acknowledgement that is dropped only means that its event comes again. */
const mostWaiting = 5_000;

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: ClientError) => void;
}

const closed = () => new ClientError('CLOSED', 'never', 'The client was closed before the server had answered.');

export interface Acks {
  /** Sends it soon, and again until it is answered. */
  add(id: string): void;
  /** Settles when the server has answered for all of them. @throws ClientError CLOSED when stopped before */
  addAll(ids: readonly string[]): Promise<void>;
  /** What an earlier client could not send. */
  restore(text: string | null): void;
  /** As text for a storage. */
  toText(): string;
  /** There is a way to the server again. */
  flush(): void;
  stop(): void;
}

export function createAcks({
  platform: { random, setTimeout, clearTimeout },
  ask,
  save,
  onAnswered,
  onError,
}: {
  readonly platform: Platform;
  readonly ask: (operation: Operation) => Promise<Answer>;
  /** What is waiting, and what was handled, is to be written down: before it is sent, and when it is answered. */
  readonly save: () => void;
  readonly onAnswered: (ids: readonly string[]) => void;
  readonly onError: (error: ClientError) => void;
}): Acks {
  const waiting = new Map<string, Waiter[]>();
  let timer: unknown;
  let scheduled = false;
  let sending = false;
  let failures = 0;
  let stopped = false;

  const schedule = (ms: number) => {
    if (stopped || sending || scheduled) return;
    scheduled = true;
    timer = setTimeout(() => {
      scheduled = false;
      void send(); // never rejects
    }, ms);
  };
  const answered = (ids: readonly string[]) => {
    for (const id of ids) {
      const settle = waiting.get(id) ?? [];
      waiting.delete(id);
      for (const { resolve } of settle) resolve();
    }
  };
  const send = async () => {
    if (stopped || sending || waiting.size === 0) return;
    sending = true;
    const ids = [...waiting.keys()].slice(0, mostAtOnce);
    save();
    let delay = 0;
    try {
      fieldOf(await ask({ query: AcknowledgeDocument.toString(), variables: { ids } }), 'acknowledgeDeliveries');
      failures = 0;
      answered(ids); // the unknown ones too: expired, or of a log that is gone, and there is nothing left to close
      onAnswered(ids);
      save();
    } catch (thrown) {
      const error = asClientError(thrown);
      if (error.retry === 'never') {
        answered(ids); // the same again would be refused again
        save();
      }
      onError(error);
      delay = retryDelay(failures++, random());
    } finally {
      sending = false;
    }
    if (waiting.size > 0) schedule(delay);
  };
  const add = (id: string, settle?: Waiter) => {
    const settles = waiting.get(id) ?? [];
    if (settle !== undefined) settles.push(settle);
    waiting.set(id, settles);
    if (waiting.size > mostWaiting) {
      const [oldest] = waiting.keys();
      if (oldest !== undefined) answered([oldest]);
    }
    schedule(gatherMs);
  };

  return {
    add,
    async addAll(ids) {
      if (stopped) throw closed();
      await Promise.all(ids.map((id) => new Promise<void>((resolve, reject) => add(id, { resolve, reject }))));
    },
    restore(text) {
      for (const id of textsIn(text)) add(id);
    },
    toText: () => JSON.stringify([...waiting.keys()]),
    flush() {
      if (waiting.size === 0 || sending) return;
      clearTimeout(timer);
      scheduled = false;
      schedule(0);
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
      for (const settles of waiting.values()) for (const { reject } of settles.splice(0)) reject(closed());
    },
  };
}
