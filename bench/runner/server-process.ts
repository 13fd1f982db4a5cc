/** The runner's end of a server under test: what it says over IPC, one question at a time. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

import type { Generate, Generated } from '../servers/generator.ts';
import { ended } from './children.ts';
import { conversation } from './conversation.ts';

export interface ServerOptions {
  /** Where the server hears of events; without it they are generated inside. */
  readonly redisUrl?: string;
  /** For the child alone, e.g. `REDIS_HASH_TAGS`. */
  readonly env?: Readonly<Record<string, string>>;
  /** Lets `stats({ gc: true })` collect garbage first. */
  readonly exposeGc?: boolean;
}

export interface ServerStats {
  /** user and system time of the process under test, µs since its start */
  readonly cpuMicros: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
  readonly subscriptions: number;
}

export interface ServerProcess {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  readonly path: string;
  readonly subprotocol: string;
  stats(options?: { readonly gc?: boolean }): Promise<ServerStats>;
  generate(request: Generate): Promise<Generated>;
  /** Lets the server forget what was delivered: between rounds, outside what is measured. */
  settle(): Promise<void>;
  stop(): Promise<void>;
}

const startMs = 30_000;
const answerMs = 120_000;
const exitMs = 10_000;

/** @throws Error naming the server when it ends or says nothing in time */
export async function serverProcess(
  name: string,
  child: ChildProcess,
  options: ServerOptions,
  stop: () => Promise<void>,
): Promise<ServerProcess> {
  const { ask } = conversation(name, child);
  const { redisUrl } = options;
  const listening = await ask('listen', redisUrl === undefined ? {} : { redisUrl }, startMs);
  const { pid } = child;
  if (pid === undefined) throw new Error(`${name} was not started`);

  return {
    name,
    pid: numberIn(listening, 'pid') ?? pid,
    port: needed(name, listening, 'port'),
    path: textIn(listening, 'path') ?? '/',
    subprotocol: textIn(listening, 'subprotocol') ?? '',
    async stats(request = {}) {
      const answer = await ask('stats', { ...request }, answerMs);
      return {
        cpuMicros: needed(name, answer, 'cpuMicros'),
        rssBytes: needed(name, answer, 'rssBytes'),
        heapBytes: numberIn(answer, 'heapBytes') ?? 0,
        subscriptions: numberIn(answer, 'subscriptions') ?? 0,
      };
    },
    async generate(request) {
      const answer = await ask('generate', { ...request }, answerMs);
      return {
        sent: needed(name, answer, 'sent'),
        micros: needed(name, answer, 'micros'),
        cpuMicros: needed(name, answer, 'cpuMicros'),
        lagMicros: numberIn(answer, 'lagMicros') ?? 0,
      };
    },
    async settle() {
      await ask('settle', {}, answerMs);
    },
    async stop() {
      // It ends by itself, and writes its profile then if it has one: a signal would cut that off.
      const gone = ended(child) ? undefined : once(child, 'exit', { signal: AbortSignal.timeout(exitMs) });
      await ask('stop', {}, exitMs).catch(() => undefined);
      await gone?.catch(() => undefined);
      await stop();
    },
  };
}

type Answer = Readonly<Record<string, unknown>>;

const numberIn = (answer: Answer, key: string) => (typeof answer[key] === 'number' ? answer[key] : undefined);
const textIn = (answer: Answer, key: string) => (typeof answer[key] === 'string' ? answer[key] : undefined);

function needed(name: string, answer: Answer, key: string): number {
  const value = numberIn(answer, key);
  if (value === undefined) throw new Error(`${name} answered without ${key}: ${JSON.stringify(answer)}`);
  return value;
}
