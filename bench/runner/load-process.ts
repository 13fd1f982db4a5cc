/** The runner's end of the load client: lines to its stdin, one JSON object per line back. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { ended } from './children.ts';
import { share } from './cpu.ts';

export interface LoadReport {
  readonly received: number;
  readonly bytes: number;
  readonly lost: number;
  readonly repeated: number;
  readonly connections: number;
  readonly closed: number;
  /** CLOCK_MONOTONIC of the first and last event since the mark, µs */
  readonly first: number;
  readonly last: number;
  /** latency from the marker's time, µs */
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /** of the client's process since its start, µs */
  readonly cpu: number;
  readonly now: number;
  /** frames with an `"errors"` in them */
  readonly errors: number;
}

/** Latencies as result lines have them, ms. */
export function latenciesIn({ p50, p99, p999, max }: LoadReport) {
  return { p50: p50 / 1_000, p99: p99 / 1_000, p999: p999 / 1_000, max: max / 1_000 };
}

/** What became of `expected` events, and what the client itself took since `start`, as result lines have it. */
export function countsIn(report: LoadReport, start: LoadReport, expected: number) {
  return {
    lost: Math.max(report.lost, expected - report.received, 0),
    repeated: report.repeated,
    clientCpu: share(report.cpu - start.cpu, report.now - start.now),
  };
}

export interface Connected {
  readonly connected: number;
  readonly failed: number;
  readonly micros: number;
  /** why the first of them failed */
  readonly failure: string;
}

export interface Reconnected extends Connected {
  /** from the first attempt until every connection had received something again, µs; 0 where that was not seen */
  readonly allReceivedMicros: number;
}

export interface ConnectOptions {
  readonly inFlight: number;
  readonly timeoutSeconds: number;
}

export interface LoadProcess {
  readonly pid: number;
  target(server: { readonly port: number; readonly path: string; readonly subprotocol: string }): Promise<void>;
  /** When this frame comes, that one goes back. */
  ping(frame: string, reply: string): Promise<void>;
  /** One connection for each list of steps, in addition to those that are there. @throws Error when any fails */
  connect(connections: readonly (readonly string[])[], options?: Partial<ConnectOptions>): Promise<Connected>;
  /** Counters and histogram to zero. */
  mark(): Promise<void>;
  /** Which tally (0 to 7) the connections made from now on count in. */
  group(number: number): Promise<void>;
  /** Settles when that many events came since the mark, or at the timeout. */
  await(count: number, timeoutMs: number): Promise<LoadReport>;
  report(group?: number): Promise<LoadReport>;
  /** From now on each event is a line of that file: the time it carries and when it came (µs); null: no more, and all lines are in it. */
  trace(file: string | null): Promise<void>;
  /** From now on every event is acknowledged, those of one read together. */
  ack(prefix: string, suffix: string, maxBatch: number): Promise<void>;
  /** Resets the first open connections, as a network that goes away would. */
  drop(count: number): Promise<void>;
  reconnect(options?: Partial<ConnectOptions>): Promise<Reconnected>;
  close(): Promise<void>;
}

const defaults: ConnectOptions = { inFlight: 256, timeoutSeconds: 60 };
const answerMs = 15_000;

/** @param stop ends the process when it does not end by itself */
export function loadProcess(child: ChildProcess, stop: () => Promise<void>): LoadProcess {
  const { stdin, stdout, pid } = child;
  if (stdin === null || stdout === null || pid === undefined) throw new Error('The load client was not started with pipes.');
  stdin.on('error', () => undefined); // it ended: the question that waits says so
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  let last: Promise<unknown> = Promise.resolve();

  const askNow = async (question: string, timeoutMs: number): Promise<Answer> => {
    stdin.write(`${question}\n`);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`The load client did not answer "${shorten(question)}".`)), timeoutMs);
    });
    const answer = await Promise.race([lines.next(), late]).finally(() => clearTimeout(timer));
    if (answer.done) throw new Error(`The load client ended at "${shorten(question)}".`);
    const parsed: unknown = JSON.parse(answer.value);
    if (typeof parsed !== 'object' || parsed === null) throw new Error(`The load client said ${answer.value}.`);
    if ('error' in parsed) throw new Error(`The load client on "${shorten(question)}": ${String(parsed.error)}`);
    return { ...parsed };
  };
  const ask = (question: string, timeoutMs = answerMs) => {
    const answer = last.then(() => askNow(question, timeoutMs));
    last = answer.catch(() => undefined);
    return answer;
  };

  return {
    pid,
    async target({ port, path, subprotocol }) {
      await ask(`target 127.0.0.1 ${port} ${path} ${subprotocol === '' ? '-' : subprotocol}`);
    },
    async ping(frame, reply) {
      await ask(`ping ${frame}\t${reply}`);
    },
    async connect(connections, options) {
      const { inFlight, timeoutSeconds } = { ...defaults, ...options };
      const folder = await mkdtemp(join(tmpdir(), 'lifeline-bench-'));
      try {
        const file = join(folder, 'connections');
        await writeFile(file, connections.map((steps) => `${steps.join('\t')}\n`).join(''));
        const answer = await ask(`connect ${file} ${inFlight} ${timeoutSeconds}`, (timeoutSeconds + 10) * 1_000);
        return complete(connected(answer));
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
    async mark() {
      await ask('mark');
    },
    await: async (count, timeoutMs) => reportOf(await ask(`await ${count} ${timeoutMs}`, timeoutMs + answerMs)),
    report: async (group) => reportOf(await ask(group === undefined ? 'report' : `report ${group}`)),
    async group(number) {
      await ask(`group ${number}`);
    },
    async trace(file) {
      await ask(file === null ? 'trace' : `trace ${file}`);
    },
    async ack(prefix, suffix, maxBatch) {
      await ask(`ack ${prefix}\t${suffix}\t${maxBatch}`);
    },
    async drop(count) {
      await ask(`drop ${count}`);
    },
    async reconnect(options) {
      const { inFlight, timeoutSeconds } = { ...defaults, ...options };
      const answer = await ask(`reconnect ${inFlight} ${timeoutSeconds}`, (timeoutSeconds + 10) * 1_000);
      return { ...complete(connected(answer)), allReceivedMicros: numberOf(answer, 'allReceived') };
    },
    async close() {
      if (ended(child)) return;
      const gone = once(child, 'exit');
      stdin.end('close\n');
      const timer = setTimeout(() => void stop(), 3_000);
      await gone;
      clearTimeout(timer);
    },
  };
}

type Answer = Readonly<Record<string, unknown>>;

const shorten = (text: string) => (text.length > 80 ? `${text.slice(0, 80)}…` : text);
const numberOf = (answer: Answer, key: string) => (typeof answer[key] === 'number' ? answer[key] : 0);
const connected = (answer: Answer): Connected => ({
  connected: numberOf(answer, 'connected'),
  failed: numberOf(answer, 'failed'),
  micros: numberOf(answer, 'microsTotal'),
  failure: typeof answer['failure'] === 'string' ? answer['failure'] : '',
});

function complete(result: Connected): Connected {
  if (result.failed > 0)
    throw new Error(`${result.failed} of ${result.connected + result.failed} connections failed: ${result.failure}`);
  return result;
}

function reportOf(answer: Answer): LoadReport {
  const at = (key: string) => numberOf(answer, key);
  return {
    received: at('received'),
    bytes: at('bytes'),
    lost: at('lost'),
    repeated: at('repeated'),
    connections: at('connections'),
    closed: at('closed'),
    first: at('first'),
    last: at('last'),
    p50: at('p50'),
    p90: at('p90'),
    p99: at('p99'),
    p999: at('p999'),
    max: at('max'),
    cpu: at('cpu'),
    now: at('now'),
    errors: at('errors'),
  };
}
