/**
 * First figures of the whole path, real Kafka → bridge → real Redis → gateway → sockets, one process per role:
 *   1. latency from the producer's call to the client at a steady rate, every event acknowledged;
 *   2. events/s through the whole path under overload, every event acknowledged;
 *   3. memory of a gateway with idle subscriptions.
 *
 * `npm run bench` (about two minutes). Absolute figures are this machine's, on this day.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import kafkajs from 'kafkajs';

import { createDevTokens } from '../src/auth/token.ts';
import { startKafka } from '../test/support/kafka.ts';
import { startRedis } from '../test/support/redis.ts';
import type { Command, Report } from './clients.ts';

const { values: options } = parseArgs({
  options: {
    sockets: { type: 'string', default: '1000' },
    rate: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '15' },
    burst: { type: 'string', default: '30000' },
    idle: { type: 'string', default: '5000' },
  },
});
const sockets = Number(options.sockets);
const rate = Number(options.rate);
const seconds = Number(options.seconds);
const burst = Number(options.burst);
const idle = Number(options.idle);

const secret = 'bench-secret-of-more-than-32-characters';
const now = () => performance.timeOrigin + performance.now();
const print = (line: string) => process.stdout.write(`${line}\n`);

const redis = await startRedis({ aof: true });
const kafka = await startKafka();
await kafka.createTopic('rte-completion', 4);
await kafka.createTopic('call-notifications', 4);
await kafka.createTopic('lifeline-dead-letters', 1);

const env = {
  ...process.env,
  REDIS_URL: redis.url,
  KAFKA_BROKERS: kafka.brokers.join(','),
  JWT_SECRET: secret,
  CURSOR_SECRET: secret,
  PORT: '0',
  HOST: '127.0.0.1',
  LOG_LEVEL: 'info',
};
const children: ChildProcess[] = [];

async function startRole(role: 'serve' | 'bridge'): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, ['src/main.ts', role], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  for await (const line of createInterface({ input: child.stdout })) {
    const entry = JSON.parse(line) as { msg: string; url?: string; level: string };
    if (entry.msg === 'ready' && entry.url !== undefined) {
      child.stdout.resume();
      return { child, url: entry.url };
    }
  }
  throw new Error(`${role} ended before it was ready`);
}

const readyz = async (url: string) => {
  for (;;) {
    const response = await fetch(new URL('/readyz', url)).catch(() => undefined);
    if (response?.ok === true) return;
    await sleep(100);
  }
};

/** utime + stime of a process, s (proc(5): fields 14 and 15, ticks of 10 ms). */
const cpuSeconds = async (pid: number | undefined) => {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
};
const rssBytes = async (pid: number | undefined) =>
  Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;

class Clients {
  readonly #child = fork(new URL('./clients.ts', import.meta.url));

  async ask(command: Command, answer: string): Promise<{ report?: Report }> {
    const answered = this.next(answer);
    this.#child.send(command);
    return answered;
  }
  async next(did: string): Promise<{ report?: Report }> {
    for (;;) {
      const [message] = (await once(this.#child, 'message')) as [{ did: string; report?: Report }];
      if (message.did === did) return message;
    }
  }
  close() {
    this.#child.send({ do: 'close' } satisfies Command);
  }
}

const percentile = (values: readonly number[], share: number) =>
  values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN;

const producer = new kafkajs.Kafka({ brokers: kafka.brokers, logLevel: kafkajs.logLevel.NOTHING }).producer();
await producer.connect();
let serial = 0;
const event = (member: string) => ({
  key: member,
  headers: { 'content-type': 'application/cloudevents+json' },
  value: JSON.stringify({
    specversion: '1.0',
    id: `bench-${serial++}`,
    source: '/bench',
    type: 'rte.failed',
    subject: member,
    time: new Date().toISOString(),
    data: {
      workflowId: `wf_${now().toFixed(3)}_${serial}`,
      accountId: 'A1',
      failure: {
        code: 'PAYER_UNAVAILABLE',
        message: 'The payer did not answer; the check can be tried again later today.',
        retryable: true,
      },
    },
  }),
});
const produce = (members: readonly string[]) => producer.send({ topic: 'rte-completion', acks: -1, messages: members.map(event) });

const tokens = createDevTokens(secret);
const tokenOf = (member: string) => tokens.issue({ member, accounts: null, ttlSeconds: 3_600 });
const member = (index: number) => `bench-${index % sockets}`;

try {
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, Node ${process.version}, everything (Kafka, Redis with AOF, both roles, producer, clients) on it`;
  print(`machine: ${machine}`);
  const bridge = await startRole('bridge');
  const gateway = await startRole('serve');
  await Promise.all([readyz(bridge.url), readyz(gateway.url)]);

  const clients = new Clients();
  const ws = gateway.url.replace('http', 'ws');
  await clients.ask(
    {
      do: 'connect',
      url: ws,
      tokens: await Promise.all(Array.from({ length: sockets }, (_, i) => tokenOf(member(i)))),
      acknowledge: true,
    },
    'connect',
  );

  const run = async (name: string, total: number, send: () => Promise<void>) => {
    await clients.ask({ do: 'expect', count: total }, 'expect');
    const before = await Promise.all([bridge, gateway].map(({ child }) => cpuSeconds(child.pid)));
    const began = now();
    const received = clients.next('received');
    await send();
    await Promise.race([received, sleep(120_000, undefined, { ref: false })]);
    const took = (now() - began) / 1_000;
    const after = await Promise.all([bridge, gateway].map(({ child }) => cpuSeconds(child.pid)));
    const { report } = await clients.ask({ do: 'report' }, 'report');
    if (report === undefined) throw new Error('the clients said nothing');
    const latencies = report.latencies.toSorted((a, b) => a - b);
    const [bridgeCpu, gatewayCpu] = after.map((cpu, index) => ((cpu - (before[index] ?? 0)) / total) * 1e6);
    print(
      `${name}: ${report.received}/${total} received, ${total - report.received} lost, ${report.repeats} repeats, ` +
        `${(total / took).toFixed(0)} events/s, p50 ${percentile(latencies, 0.5).toFixed(1)} ms, p99 ${percentile(latencies, 0.99).toFixed(1)} ms, ` +
        `CPU/event bridge ${bridgeCpu?.toFixed(0)} µs, gateway ${gatewayCpu?.toFixed(0)} µs`,
    );
  };

  const steady = (perSecond: number, forSeconds: number) => async () => {
    const began = now();
    const pending: Promise<unknown>[] = [];
    for (let sent = 0; sent < perSecond * forSeconds;) {
      const due = Math.min(perSecond * forSeconds, Math.floor(((now() - began) / 1_000) * perSecond));
      if (due > sent) {
        pending.push(produce(Array.from({ length: due - sent }, (_, i) => member(sent + i))));
        sent = due;
      }
      await sleep(5);
    }
    await Promise.all(pending);
  };

  await run('warm-up', rate * 5, steady(rate, 5));
  await run(`steady ${rate}/s, ${sockets} sockets`, rate * seconds, steady(rate, seconds));
  await run(`overload, ${sockets} sockets`, burst, async () => {
    for (let sent = 0; sent < burst; sent += 500)
      await produce(Array.from({ length: Math.min(500, burst - sent) }, (_, i) => member(sent + i)));
  });
  clients.close();

  const fresh = await startRole('serve');
  await readyz(fresh.url);
  const crowd = new Clients();
  const sample: number[] = [];
  sample.push(await rssBytes(fresh.child.pid));
  await crowd.ask(
    {
      do: 'connect',
      url: fresh.url.replace('http', 'ws'),
      tokens: await Promise.all(Array.from({ length: idle }, (_, i) => tokenOf(`idle-${i}`))),
      acknowledge: true,
    },
    'connect',
  );
  await sleep(10_000);
  sample.push(await rssBytes(fresh.child.pid));
  const [empty = Number.NaN, full = Number.NaN] = sample;
  print(
    `idle: ${idle} subscriptions, RSS ${(full / 2 ** 20).toFixed(0)} MiB (${(empty / 2 ** 20).toFixed(0)} MiB empty, ${((full - empty) / idle / 1024).toFixed(1)} KiB each)`,
  );
  crowd.close();
} finally {
  await producer.disconnect();
  for (const child of children) {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
  }
  await kafka.stop();
  await redis.stop();
}
