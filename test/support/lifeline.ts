import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { createDevTokens } from '../../src/auth/token.ts';
import { endsWithUs } from './ends-with-us.ts';
import { eventually } from './eventually.ts';

/** The secret that processes of `startLifeline` are given unless told otherwise, for tokens and for cursors. */
export const testSecret = 'a-secret-for-tests-of-more-than-32-characters';

const root = new URL('../..', import.meta.url);
const failOnWarning = fileURLToPath(new URL('fail-on-warning.ts', import.meta.url));

/** A process of the product, as an operator starts it. */
export interface Lifeline {
  readonly url: string;
  readonly wsUrl: string;
  readonly process: ChildProcess;
  /** Its log lines so far. */
  readonly log: readonly LogLine[];
  readonly stderr: () => string;
  readyz(): Promise<{ status: number; checks: Record<string, { ok: boolean; reason?: string }> }>;
  /** Waits until /readyz is green. */
  ready(): Promise<void>;
  /** The sum over all labels, or of the series whose labels match. */
  metric(name: string, labels?: Record<string, string>): Promise<number>;
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** SIGTERM; rejects when it does not end with 0. */
  stop(): Promise<void>;
}

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** Starts `lifeline <args>` on a free port and waits for its ready line. Warnings of Node end the process with code 70. */
export async function startLifeline(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  { imports = [] }: { readonly imports?: readonly string[] } = {},
): Promise<Lifeline> {
  const preloaded = [failOnWarning, ...imports].flatMap((file) => ['--import', file]);
  const spawned = spawn(process.execPath, [...preloaded, 'src/main.ts', ...args], {
    cwd: root,
    env: { PATH: process.env['PATH'], PORT: '0', HOST: '127.0.0.1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const child = endsWithUs(spawned);
  const log: LogLine[] = [];
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  createInterface({ input: child.stdout }).on('line', (line) => log.push(JSON.parse(line) as LogLine));

  const { url } = await eventually(
    () => {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`lifeline ended with ${child.exitCode}: ${stderr}`);
      return log.find((line): line is LogLine & { url: string } => line.msg === 'ready' && typeof line['url'] === 'string');
    },
    { what: 'the ready line', withinMs: 45_000 },
  );

  const gone = async () => {
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  };
  const readyz = async () => {
    const response = await fetch(new URL('/readyz', url));
    const { checks } = (await response.json()) as { checks: Record<string, { ok: boolean; reason?: string }> };
    return { status: response.status, checks };
  };
  return {
    url,
    wsUrl: url.replace('http', 'ws'),
    process: child,
    log,
    stderr: () => stderr,
    readyz,
    async ready() {
      await eventually(
        async () => {
          const { status, checks } = await readyz();
          if (status !== 200) throw new Error(JSON.stringify(checks));
          return true;
        },
        { what: '/readyz', withinMs: 45_000 },
      );
    },
    async metric(name, labels = {}) {
      const text = await (await fetch(new URL('/metrics', url))).text();
      const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
      return text
        .split('\n')
        .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
        .filter((line) => wanted.every((label) => line.includes(label)))
        .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
    },
    async kill(signal = 'SIGKILL') {
      child.kill(signal);
      await gone();
    },
    async stop() {
      child.kill('SIGTERM');
      await gone();
      if (child.exitCode !== 0)
        throw new Error(`lifeline ended with ${child.exitCode ?? child.signalCode}: ${stderr}\n${JSON.stringify(log.slice(-5))}`);
    },
  };
}

const tokens = createDevTokens(testSecret);

export function tokenFor(
  member: string,
  { accounts = null, ttlSeconds = 3_600 }: { accounts?: string[] | null; ttlSeconds?: number } = {},
) {
  return tokens.issue({ member, accounts, ttlSeconds });
}
