/**
 * Centrifugo with Redis engine, history and recovery: the peer that promises most nearly what the product does. `CENTRIFUGO_BIN` names it.
 * Events go through its API, in batches, and from the other core: who publishes is not what is measured.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, createServer, request } from 'node:http';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { cpuMicros, rssBytes } from '../runner/cpu.ts';
import { eventJson, redisChannel } from './event.ts';
import { listenOn } from './http.ts';
import { serve } from './server.ts';

const key = randomBytes(16).toString('hex');
const agent = new Agent({ keepAlive: true, maxSockets: 4 });
const [namespace = ''] = redisChannel('').split(':');

let centrifugo: { readonly child: ChildProcess; readonly pid: number; readonly port: number; readonly folder: string } | undefined;
let batch: string[] = [];

const running = () => {
  if (centrifugo === undefined) throw new Error('Centrifugo was not started.');
  return centrifugo;
};

const configuration = (port: number, redisUrl: string) => ({
  http_server: { address: '127.0.0.1', port },
  http_api: { key },
  client: { insecure: true, allowed_origins: ['*'] },
  engine: { type: 'redis', redis: { address: [redisUrl] } },
  channel: {
    namespaces: [
      {
        name: namespace,
        history_size: 100,
        history_ttl: '300s',
        force_positioning: true,
        force_recovery: true,
        allow_subscribe_for_client: true,
        allow_subscribe_for_anonymous: true,
      },
    ],
  },
  health: { enabled: true },
  usage_stats: { disabled: true },
  log: { level: 'error' },
});

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listenOn(server);
  server.close();
  await once(server, 'close');
  return port;
}

/** The answer's body, of a call to the API or of a page. */
async function call(path: string, body?: string): Promise<string> {
  const { port } = running();
  const headers =
    body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), 'x-api-key': key };
  const asking = request({ host: '127.0.0.1', port, path, method: body === undefined ? 'GET' : 'POST', headers, agent });
  const answered = once(asking, 'response');
  asking.end(body);
  const [response] = await answered;
  let text = '';
  for await (const chunk of response) text += String(chunk);
  if (response.statusCode !== 200) throw new Error(`Centrifugo answered ${response.statusCode}: ${text}`);
  return text;
}

async function start(program: string, redisUrl: string) {
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), 'lifeline-centrifugo-'));
  const config = join(folder, 'config.json');
  await writeFile(config, JSON.stringify(configuration(port, redisUrl)));
  const child = spawn(program, ['--config', config], { env: {}, stdio: ['ignore', 'inherit', 'inherit'] });
  const failed = once(child, 'error').then(([error]) => {
    throw new Error(`CENTRIFUGO_BIN does not start: ${String(error)}`);
  });
  await Promise.race([once(child, 'spawn'), failed]);
  const { pid } = child;
  if (pid === undefined) throw new Error('Centrifugo has no process id.');
  process.once('exit', () => child.kill('SIGKILL'));
  return { child, pid, port, folder };
}

/** This process, with all its threads, to the core of the clients; Centrifugo keeps the one that it was started on. */
function stepAside(): void {
  if (availableParallelism() === 1) spawnSync('taskset', ['-acp', '1', String(process.pid)]);
}

serve({
  async listen({ redisUrl }) {
    const program = process.env['CENTRIFUGO_BIN'];
    if (program === undefined || program === '') throw new Error('CENTRIFUGO_BIN must name the program.');
    if (redisUrl === undefined) throw new Error('centrifugo needs a Redis.');
    centrifugo = await start(program, redisUrl);
    const { child, pid, port } = centrifugo;
    stepAside();
    while (
      !(await call('/health').then(
        () => true,
        () => false,
      ))
    ) {
      if (child.exitCode !== null) throw new Error(`Centrifugo ended with code ${child.exitCode}.`);
      await sleep(50);
    }
    return { port, path: '/connection/websocket', subprotocol: '', pid };
  },
  async subscriptions() {
    const { result } = JSON.parse(await call('/api/info', '{}')) as { result: { nodes: { num_subs?: number }[] } }; // its documented answer
    return result.nodes.reduce((sum, { num_subs: subscriptions = 0 }) => sum + subscriptions, 0);
  },
  async stats() {
    const { pid } = running();
    return { cpuMicros: await cpuMicros(pid), rssBytes: await rssBytes(pid), heapBytes: 0 };
  },
  publish(stamp) {
    batch.push(`{"publish":{"channel":"${redisChannel(stamp.member)}","data":${eventJson(stamp)}}}`);
  },
  async flush() {
    if (batch.length === 0) return;
    const body = `{"parallel":true,"commands":[${batch.join(',')}]}`;
    batch = [];
    const answer = await call('/api/batch', body);
    if (answer.includes('"error"')) throw new Error(`Centrifugo did not publish: ${answer.slice(0, 300)}`);
  },
  async close() {
    if (centrifugo === undefined) return;
    const { child, folder } = centrifugo;
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    }
    agent.destroy();
    await rm(folder, { recursive: true, force: true });
  },
});
