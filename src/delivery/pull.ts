/**
 * A source that is asked in two steps, and answers by calling back: an event that is there costs no promise, and one that comes wakes whoever
 * waits for it in the same turn. Asking `take` says that the item before is dealt with: that is the back-pressure of every stream.
 */
export interface Pull<Item> {
  /** The next item if it is there; undefined: see `more`. */
  take(): Item | undefined;
  /**
   * Asked only after `take` had nothing, by one at a time. `answer` is called once, and never before this returns: with `more` when `take` is
   * worth another look, with anything else when there will be none.
   */
  more(answer: (outcome: Outcome) => void): void;
  /** Answers a waiting `more` at once, releases everything. Idempotent. */
  close(): void;
}

/** A failure is told once; the source is closed after it. */
export type Outcome = 'more' | 'end' | { readonly failure: unknown };

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
      const outcome = await new Promise<Outcome>((resolve) => source.more(resolve));
      if (outcome === 'end') return done;
      if (outcome !== 'more') throw outcome.failure;
    }
  };

  return {
    take: () => source.take(),
    more: (answer) => source.more(answer),
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
