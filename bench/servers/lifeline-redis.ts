/** The product's `serve` role, a process as operators start it, over a Redis that somebody else writes to. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { type BenchServer, serve, type Stats } from './server.ts';
import { benchSecret } from './tokens.ts';

const program = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const preloaded = new URL('report-stats.ts', import.meta.url).href;

let gateway: { readonly child: ChildProcess; readonly url: string } | undefined;

const running = () => {
  if (gateway === undefined) throw new Error('Lifeline was not started.');
  return gateway;
};

/** CPU that went into its metrics because we asked, µs: the runner asks before and after every round, when nothing else happens. */
let asking = 0;

async function statsOf(gc: boolean): Promise<Stats> {
  const { child } = running();
  const answered = once(child, 'message');
  child.send({ gc });
  const [stats] = (await answered) as [Stats]; // what report-stats.ts sends
  return stats;
}

/** The address from its ready line. */
async function readyLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('Lifeline was started without a pipe.');
  for await (const line of createInterface({ input: child.stdout })) {
    const entry = JSON.parse(line) as { msg: string; url?: string }; // its log: JSON lines with a message
    if (entry.msg !== 'ready' || entry.url === undefined) continue;
    child.stdout.resume();
    return entry.url;
  }
  throw new Error(`Lifeline ended (${child.exitCode ?? child.signalCode}) before it was ready.`);
}

serve({
  async listen({ redisUrl }) {
    if (redisUrl === undefined) throw new Error('lifeline-redis needs a Redis.');
    const child = fork(program, ['serve'], {
      execArgv: [...process.execArgv, '--import', preloaded],
      env: {
        ...process.env,
        REDIS_URL: redisUrl,
        JWT_SECRET: benchSecret,
        CURSOR_SECRET: benchSecret,
        HOST: '127.0.0.1',
        PORT: '0',
        LOG_LEVEL: 'info',
      },
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    const url = await readyLine(child);
    gateway = { child, url };
    while (!(await fetch(new URL('/readyz', url))).ok) await sleep(20);
    return {
      port: Number(new URL(url).port),
      path: '/graphql',
      subprotocol: 'graphql-transport-ws',
      ...(child.pid === undefined ? {} : { pid: child.pid }),
    };
  },
  async subscriptions() {
    const before = await statsOf(false);
    const metrics = await (await fetch(new URL('/metrics', running().url))).text();
    const values = metrics.matchAll(/^lifeline_subscriptions_active\{.*\} (\d+)$/gm);
    const after = await statsOf(false);
    asking += after.cpuMicros - before.cpuMicros;
    return values.reduce((sum, [, value]) => sum + Number(value), 0);
  },
  async stats(gc) {
    const stats = await statsOf(gc);
    return { ...stats, cpuMicros: stats.cpuMicros - asking };
  },
  async close() {
    if (gateway === undefined || gateway.child.exitCode !== null || gateway.child.signalCode !== null) return;
    const gone = once(gateway.child, 'exit');
    gateway.child.kill('SIGTERM');
    await gone;
  },
} satisfies BenchServer);
