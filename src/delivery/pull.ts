/**
 * A source that is asked in two steps, so that what is there already costs no promise. Asking `take` says that the item before is dealt
 * with: that is the back-pressure of every stream.
 */
export interface Pull<Item> {
  /** The next item if it is there; undefined: see `more`. */
  take(): Item | undefined;
  /** Settles when `take` is worth another look; false once the source is closed. May reject, once; it is closed after that. */
  more(): Promise<boolean>;
  /** Settles a waiting `more` at once, releases everything. Idempotent. */
  close(): void;
}

export type PullIterator<Item> = AsyncIterableIterator<Item> & Pull<Item>;

const done = { done: true, value: undefined } as const;

/**
 * A source for whoever wants an async iterator. Its `return` settles at once, whatever `next` waits for: an async generator's would wait
 * behind it.
 */
export function iterate<Item>(source: Pull<Item>): PullIterator<Item> {
  let turn: Promise<unknown> = Promise.resolve();

  const pull = async (): Promise<IteratorResult<Item>> => {
    for (;;) {
      const value = source.take();
      if (value !== undefined) return { done: false, value };
      if (!(await source.more())) return done;
    }
  };

  return {
    take: () => source.take(),
    more: () => source.more(),
    close: () => source.close(),
    next() {
      const result = turn.then(pull);
      turn = result.catch(() => undefined); // whoever asked has the error; the next in line gets `done`
      return result;
    },
    return() {
      source.close();
      return Promise.resolve(done);
    },
    throw(error) {
      source.close();
      return Promise.reject(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
