/**
 * A source that is asked in two steps, and answers by calling back: an event that is there costs no promise, and one that comes wakes whoever
 * waits for it in the same turn. Asking `take` says that the item before is dealt with: that is the back-pressure of every stream.
 */
export interface Pull<Item> {
  /** The next item if it is there; undefined: see `more`. */
  take(): Item | undefined;
  /** Asked only after `take` had nothing, by one at a time. The asker is answered once, and never before this returns. */
  more(asker: Asker): void;
  /** Answers a waiting `more` at once, releases everything. Idempotent. */
  close(): void;
}

/** Who waits: an object and not a callback, because every idle subscription would hold one of its own. */
export interface Asker {
  /** With `more` when `take` is worth another look, with anything else when there will be none. */
  answer(outcome: Outcome): void;
}

/** A failure is told once; the source is closed after it. */
export type Outcome = 'more' | 'end' | { readonly failure: unknown };

export type PullIterator<Item> = AsyncIterableIterator<Item> & Pull<Item>;

const done = { done: true, value: undefined } as const;

/**
 * A source that is an async iterator too. Its `return` settles at once, whatever `next` waits for: an async generator's would wait
 * behind it.
 */
export abstract class PullSource<Item> implements PullIterator<Item> {
  #turn: Promise<unknown> | undefined;

  abstract take(): Item | undefined;
  abstract more(asker: Asker): void;
  abstract close(): void;

  next(): Promise<IteratorResult<Item>> {
    const result = (this.#turn ?? Promise.resolve()).then(() => this.#pull());
    this.#turn = result.catch(() => undefined); // whoever asked has the error; the next in line gets `done`
    return result;
  }

  return(): Promise<IteratorResult<Item>> {
    this.close();
    return Promise.resolve(done);
  }

  throw(error: unknown): Promise<IteratorResult<Item>> {
    this.close();
    return Promise.reject(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #pull(): Promise<IteratorResult<Item>> {
    for (;;) {
      const value = this.take();
      if (value !== undefined) return { done: false, value };
      const outcome = await new Promise<Outcome>((resolve) => this.more({ answer: resolve }));
      if (outcome === 'end') return done;
      if (outcome !== 'more') throw outcome.failure;
    }
  }
}
