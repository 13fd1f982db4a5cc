import type { ExecutionResult } from 'graphql';

import type { Asker, Outcome } from '../delivery/pull.ts';
import type { OpenStream } from './engine.ts';
import type { Written } from './projection.ts';

/** Where a stream's messages go. */
export interface Outlet {
  /**
   * Settles when the kernel took the message; undefined when it has done so already.
   *
   * @param bytes of the text in UTF-8
   */
  push(text: string, bytes: number): Promise<void> | undefined;
  /** As `push`, for what may be large. */
  send(text: string): Promise<void>;
  /** Told once, when nothing more will come: by itself, by the client or by the end of the connection. */
  ended(id: string, stream: Express, failure: unknown): void;
}

/**
 * Sends what a projection can write as `next` messages of the operation, and what it cannot as graphql-js answers it. Asks for the next item
 * when the socket took the last one; a client's `complete` ends it through `return`, which is all that graphql-ws sees of it: its own loop
 * would parse, check and write each message, and keep a good two kilobytes for each stream that waits.
 */
export class Express implements Asker, AsyncIterable<never> {
  readonly #stream: OpenStream;
  readonly #id: string;
  readonly #outlet: Outlet;
  #over = false;

  constructor(stream: OpenStream, id: string, outlet: Outlet) {
    this.#stream = stream;
    this.#id = id;
    this.#outlet = outlet;
  }

  begin(): void {
    this.#pump();
  }

  answer(outcome: Outcome): void {
    if (outcome === 'more') this.#pump();
    else this.#end(outcome === 'end' ? null : outcome.failure);
  }

  return(): Promise<IteratorResult<never>> {
    this.#end(null);
    return Promise.resolve({ done: true, value: undefined });
  }

  next(): Promise<IteratorResult<never>> {
    return this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #pump(): void {
    const stream = this.#stream;
    const { items } = stream;
    try {
      while (!this.#over) {
        const item = items.take();
        if (item === undefined) {
          items.more(this);
          return;
        }
        const data = stream.write(item);
        const taken = data === undefined ? this.#run(item) : this.#push(data);
        if (taken !== undefined) {
          taken.then(
            () => this.#pump(),
            (error: unknown) => this.#end(error),
          );
          return;
        }
      }
    } catch (error) {
      this.#end(error);
    }
  }

  #push({ text, bytes }: Written): Promise<void> | undefined {
    const before = `{"id":${JSON.stringify(this.#id)},"type":"next","payload":{"data":`;
    const after = '}}';
    return this.#outlet.push(before + text + after, Buffer.byteLength(before) + bytes + after.length);
  }

  async #run(item: unknown): Promise<void> {
    await this.#outlet.send(nextMessage(this.#id, await this.#stream.run(item)));
  }

  #end(failure: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#stream.items.close();
    this.#outlet.ended(this.#id, this, failure);
  }
}

/** Keys in the order of graphql-ws. */
export function nextMessage(id: string, { errors, ...rest }: ExecutionResult): string {
  return JSON.stringify({ id, type: 'next', payload: errors === undefined ? rest : { ...rest, errors } });
}

export function completeMessage(id: string): string {
  return `{"id":${JSON.stringify(id)},"type":"complete"}`;
}
