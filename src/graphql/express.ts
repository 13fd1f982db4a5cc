import type { ExecutionResult } from 'graphql';

import type { OpenStream } from './engine.ts';

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
  return {
    async next() {
      try {
        for (;;) {
          const item = items.take();
          if (item !== undefined) {
            const data = write(item);
            if (data === undefined) return { done: false, value: await run(item) };
            const taken = push(`${head}${data}}}`);
            if (taken !== undefined) await taken;
          } else if (!(await items.more())) {
            return { done: true, value: undefined };
          }
        }
      } catch (error) {
        items.close(); // whoever iterates does not, after a `next` that threw
        throw error;
      }
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
