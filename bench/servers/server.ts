/**
 * What a server under test is, and the loop that lets the runner talk to it: `{ do: x, … }` over IPC is answered by `{ did: x, … }`, or by
 * `{ failed: text }`; one question at a time. Every file beside this one that ends in `serve(…)` is such a process.
 */
import { setImmediate as turn } from 'node:timers/promises';

import type { Stamp } from './event.ts';
import { createGenerator, type Generate, type Generated } from './generator.ts';

export interface ListenOptions {
  /** Events come from there; without it they are generated in the process. */
  readonly redisUrl?: string;
}

export interface Listening {
  readonly port: number;
  readonly path: string;
  /** '' for none */
  readonly subprotocol: string;
  /** Of the process that serves, where that is another one. */
  readonly pid?: number;
}

export interface Stats {
  /** user and system time since the start, µs */
  readonly cpuMicros: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
}

export interface BenchServer {
  /** @throws Error when it cannot do with, or without, a Redis */
  listen(options: ListenOptions): Promise<Listening>;
  /** Those that an event published now would reach. */
  subscriptions(): number | Promise<number>;
  /** Hands one event to whom it is for. Missing where events can only come from outside. */
  publish?(stamp: Stamp): void;
  /** The turn's events are published; settles when the server takes more. */
  flush?(): void | Promise<void>;
  /** Generates by itself, where the process that serves is another one. */
  generate?(request: Generate): Promise<Generated>;
  /** Forgets what was delivered, where a server remembers it. Outside what is measured. */
  settle?(): Promise<void>;
  /** Of the process that serves, where that is another one. */
  stats?(gc: boolean): Promise<Stats>;
  close(): Promise<void>;
}

type Question =
  | ({ readonly do: 'listen' } & ListenOptions)
  | { readonly do: 'stats'; readonly gc?: boolean }
  | ({ readonly do: 'generate' } & Generate)
  | { readonly do: 'settle' }
  | { readonly do: 'stop' };

/** Answers the runner until it says stop, or is gone. */
export function serve(server: BenchServer): void {
  const generate = createGenerator(server);

  const answer = async (question: Question): Promise<object> => {
    switch (question.do) {
      case 'listen':
        return server.listen(question);
      case 'stats': {
        const gc = question.gc === true;
        const stats = server.stats === undefined ? await ownStats(gc) : await server.stats(gc);
        return { ...stats, subscriptions: await server.subscriptions() };
      }
      case 'generate':
        return server.generate === undefined ? generate(question) : server.generate(question);
      case 'settle':
        await server.settle?.();
        return {};
      case 'stop':
        await server.close();
        return {};
    }
  };
  const handle = async (question: Question) => {
    try {
      const details = await answer(question);
      process.send?.({ did: question.do, ...details }, () => {
        if (question.do === 'stop') process.exit(0); // what a library left behind (a timer, a pooled connection) must not keep it
      });
    } catch (error) {
      process.send?.({ failed: error instanceof Error ? `${question.do}: ${error.stack ?? error.message}` : String(error) });
    }
  };

  let last: Promise<void> = Promise.resolve();
  process.on('message', (question: Question) => {
    last = last.then(() => handle(question));
  });
  process.once('disconnect', () => {
    const hurry = setTimeout(() => process.exit(1), 3_000);
    server
      .close()
      .catch(() => undefined)
      .finally(() => {
        clearTimeout(hurry);
        process.exit(0);
      });
  });
}

export async function ownStats(gc: boolean): Promise<Stats> {
  if (gc) {
    // Twice: what a finalizer lets go only falls to the second.
    for (let round = 0; round < 2; round++) {
      globalThis.gc?.();
      await turn();
    }
  }
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  return { cpuMicros: user + system, rssBytes: rss, heapBytes: heapUsed };
}
