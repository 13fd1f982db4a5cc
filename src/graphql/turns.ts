import type { ExecutionArgs, ExecutionResult } from 'graphql';

import { limits } from './limits.ts';

export interface TurnsParts {
  readonly execute: (args: ExecutionArgs) => Promise<ExecutionResult>;
  /** The client takes what it is sent. */
  readonly hasRoom: () => boolean;
}

/** Queries and mutations of one connection: a few at a time, and none for a client that does not take the answers it has. */
export interface Turns {
  /** Never rejects. */
  execute(args: ExecutionArgs): Promise<ExecutionResult>;
  /** There may be room again. */
  readonly taken: () => void;
  /** The connection is gone: what waits is not run. */
  close(): void;
}

/** Nobody gets it: the connection is gone. */
const unheard: ExecutionResult = { data: null };

/** A hundred pages that are asked for in one breath would all be in memory before the first is sent. */
export function createTurns({ execute, hasRoom }: TurnsParts): Turns {
  const waiting: (() => void)[] = []; // bounded by the operations a connection may have
  let running = 0;
  let closed = false;

  const begin = () => {
    while (waiting.length > 0 && (closed || (running < limits.answersAtOnce && hasRoom()))) {
      running += 1;
      waiting.shift()?.();
    }
  };
  return {
    async execute(args) {
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        begin();
      });
      try {
        return closed ? unheard : await execute(args);
      } finally {
        running -= 1;
        // Not before this answer has been handed to the socket: until then there seems to be room.
        if (waiting.length > 0) setImmediate(begin);
      }
    },
    taken: begin,
    close() {
      closed = true;
      begin();
    },
  };
}
