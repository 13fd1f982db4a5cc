import type { EachBatchPayload } from './kafkajs.ts';
import type { Batch, KafkaRecord } from './records.ts';

/** What a feed does to its partition in the consumer. */
export interface FeedControls {
  seek(offset: number): void;
  pause(): void;
  resume(): void;
}

/** How long a batch waits for its reader before the partition is paused, so that no other partition of the fetch waits behind it. */
const patienceMs = 500;

interface Waiting {
  readonly from: number;
  answer(batch: Batch | null): void;
}

/**
 * Turns kafkajs' pushing of batches into pulling, for one partition and one assignment. kafkajs fetches the next round only after every
 * batch of the last one was handled (kafkajs #1616): so a handler here never waits for its reader longer than `patienceMs`; the partition
 * is paused then, and sought and resumed when its reader asks again.
 */
export class Feed {
  readonly topic: string;
  readonly partition: number;
  readonly #controls: FeedControls;
  readonly #lost = new AbortController();
  #waiting: Waiting | null = null;
  /** Told when the reader asks again. */
  #onAsked: (() => void) | null = null;
  /** What kafkajs fetches next; null when that is not known for sure. */
  #position: number | null = null;
  #paused = true;

  /** The partition must be paused already. */
  constructor(topic: string, partition: number, controls: FeedControls) {
    this.topic = topic;
    this.partition = partition;
    this.#controls = controls;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** The offset that is being waited for right now, if any. */
  get wanted(): number | null {
    return this.#waiting?.from ?? null;
  }

  lose(): void {
    this.#lost.abort(new Error('The partition is no longer assigned to this process.'));
    this.#waiting?.answer(null);
    this.#onAsked?.();
  }

  async read(from: number, waitMs: number): Promise<Batch | null> {
    this.lost.throwIfAborted();
    try {
      if (this.#position !== from) this.#controls.seek(from);
      if (this.#paused) this.#controls.resume();
    } catch {
      this.lose(); // kafkajs refuses both once its consumer has stopped
    }
    this.lost.throwIfAborted();
    this.#position = from;
    this.#paused = false;

    const { promise, resolve } = Promise.withResolvers<Batch | null>();
    const timer = setTimeout(resolve, waitMs, null);
    this.#waiting = { from, answer: resolve };
    this.#onAsked?.();
    const batch = await promise;
    clearTimeout(timer);
    this.#waiting = null;
    this.lost.throwIfAborted();
    return batch;
  }

  /** Hands a fetched batch over and waits for the next question, so that kafkajs goes on from the right place. */
  async offer(payload: EachBatchPayload): Promise<void> {
    if (this.lost.aborted || this.#paused) return;
    if (this.#waiting === null) await this.#asked();
    // Whoever asked from elsewhere has set a seek, and this batch is of the place before it.
    if (this.lost.aborted || !payload.isRunning() || payload.isStale()) return;
    const waiting = this.#take();
    if (waiting === null) return this.#pause();

    const { batch } = payload;
    const next = Number(batch.lastOffset()) + 1;
    const first = Number(batch.firstOffset() ?? batch.lastOffset());
    payload.resolveOffset(batch.lastOffset());
    this.#position = next;
    waiting.answer({ first, next, records: batch.messages.map((message) => toRecord(batch.topic, batch.partition, message)) });
    await this.#asked();
    if (this.wanted === null && !this.lost.aborted) this.#pause();
  }

  /** A fetch brought nothing but markers or aborted records: kafkajs moved on by itself. */
  skipped(first: number, next: number): void {
    if (this.#position === null || first < this.#position) return;
    this.#position = next;
    this.#take()?.answer({ first, next, records: [] });
  }

  #take(): Waiting | null {
    const waiting = this.#waiting;
    this.#waiting = null;
    return waiting;
  }

  #pause(): void {
    this.#controls.pause();
    this.#paused = true;
    this.#position = null;
  }

  async #asked(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, patienceMs);
    this.#onAsked = resolve;
    await promise;
    clearTimeout(timer);
    this.#onAsked = null;
  }
}

function toRecord(topic: string, partition: number, message: EachBatchPayload['batch']['messages'][number]): KafkaRecord {
  const { key, value, headers = {}, offset, timestamp } = message;
  return { key, value, headers, origin: { topic, partition, offset: Number(offset), timestamp: Number(timestamp) } };
}
