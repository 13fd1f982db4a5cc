import type { ExecutionResult } from 'graphql';

import type { Outcome } from '../delivery/pull.ts';
import type { OpenStream } from './engine.ts';

type Step = IteratorResult<ExecutionResult>;

/**
 * Sends what a projection can write as `next` messages of the operation, and leaves everything else to graphql-ws, which would parse, check and
 * write each of them. Like graphql-ws it asks for the next item when the socket took the last one; a client's `complete` ends it through
 * `return`, as it does any stream.
 *
 * @param push settles when the kernel took the message; undefined when it has done so already
 */
export function express(
  { items, write, run }: OpenStream,
  id: string,
  push: (text: string) => Promise<void> | undefined,
): AsyncIterableIterator<ExecutionResult> {
  const head = `{"id":${JSON.stringify(id)},"type":"next","payload":{"data":`;
  let asked: PromiseWithResolvers<Step> | undefined; // graphql-ws asks for one at a time

  const answer = (step: Step) => {
    asked?.resolve(step);
    asked = undefined;
  };
  const fail = (error: unknown) => {
    items.close(); // whoever iterates does not, after a `next` that threw
    asked?.reject(error);
    asked = undefined;
  };
  const onOutcome = (outcome: Outcome) => {
    if (outcome === 'more') pump();
    else if (outcome === 'end') answer({ done: true, value: undefined });
    else fail(outcome.failure);
  };
  const pump = () => {
    try {
      for (;;) {
        const item = items.take();
        if (item === undefined) {
          items.more(onOutcome);
          return;
        }
        const data = write(item);
        if (data === undefined) {
          run(item).then((value) => answer({ done: false, value }), fail);
          return;
        }
        const taken = push(`${head}${data}}}`);
        if (taken !== undefined) {
          taken.then(pump, fail);
          return;
        }
      }
    } catch (error) {
      fail(error);
    }
  };
  return {
    next() {
      asked = Promise.withResolvers<Step>();
      const { promise } = asked;
      pump();
      return promise;
    },
    return() {
      items.close();
      return Promise.resolve({ done: true, value: undefined });
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
