/**
 * Whether every server under test still does what it is measured for: `node bench/check-servers.ts [names]`. Each is started as the runner does
 * it, a few clients of `ws` go through the steps of its catalogue entry, events are published, and everything has to come once and in order.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import { WebSocket } from 'ws';

import { startRedis } from '../test/support/redis.ts';
import { conversation } from './runner/conversation.ts';
import { catalogue, entryOf, versionsOf } from './servers/catalogue.ts';
import { broadcastMember } from './servers/event.ts';
import { tokenFor } from './servers/tokens.ts';

const members = 4;
const listeners = 3;
const marker = /wf-T\d{16}-S(\d{10})/g;

interface Client {
  readonly socket: WebSocket;
  readonly sequences: number[];
}

/** Goes through the steps as the load client does. */
async function connect(url: URL, subprotocol: string, steps: readonly string[], pings: readonly (readonly [string, string])[]) {
  const [first = ''] = steps;
  const target = first.startsWith('@') ? new URL(first.slice(1), url) : url;
  const rest = first.startsWith('@') ? steps.slice(1) : [...steps];
  const socket = new WebSocket(target, subprotocol === '' ? [] : [subprotocol], { perMessageDeflate: false });
  const client: Client = { socket, sequences: [] };
  const { promise, resolve, reject } = Promise.withResolvers<Client>();
  const advance = () => {
    while (rest[0]?.startsWith('>') === true) socket.send((rest.shift() ?? '').slice(1).replace('"%CURSOR%"', 'null'));
    if (rest.length === 0) resolve(client);
  };
  socket.on('open', advance);
  socket.on('error', reject);
  socket.on('close', (code, reason) => reject(new Error(`closed ${code} ${String(reason)}`)));
  socket.on('message', (data: Buffer) => {
    const text = data.toString();
    const reply = pings.find(([frame]) => frame === text)?.[1];
    if (reply !== undefined) return socket.send(reply);
    if (text.includes('"errors"') || text.includes('"error"')) reject(new Error(text));
    for (const [, sequence] of text.matchAll(marker)) client.sequences.push(Number(sequence));
    const wanted = rest[0];
    if (wanted?.startsWith('<') === true && text.includes(wanted.slice(1))) {
      rest.shift();
      advance();
    }
  });
  return promise;
}

async function until(what: string, reached: () => boolean | Promise<boolean>): Promise<void> {
  for (const began = performance.now(); performance.now() - began < 10_000; await sleep(20)) if (await reached()) return;
  throw new Error(`not within 10 s: ${what}`);
}

/** The runner's publisher: for the servers that hear of events from Redis. */
async function startPublisher(server: string, redisUrl: string) {
  const child = fork(new URL('load/publisher.ts', import.meta.url), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const publisher = conversation('publisher', child);
  await publisher.ask('open', { server, redisUrl }, 10_000);
  return {
    publish: async (whom: number | string, count: number) => void (await publisher.ask('send', { members: whom, count }, 30_000)),
    stop: () => child.disconnect(),
  };
}

async function check(name: string, redisUrl: string): Promise<string> {
  const entry = entryOf(name);
  const needsRedis = entry.source !== 'inside';
  const child: ChildProcess = fork(new URL(`servers/${name}.ts`, import.meta.url), {
    env: { ...process.env, NODE_ENV: 'production' },
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const gone = once(child, 'exit');
  const runner = conversation(name, child);
  const clients: Client[] = [];
  try {
    const { port, path, subprotocol } = await runner.ask('listen', needsRedis ? { redisUrl } : {}, 30_000);
    const url = new URL(`ws://127.0.0.1:${String(port)}${String(path)}`);
    const join = async (member: string) => {
      const client = await connect(url, String(subprotocol), entry.steps(member, { token: await tokenFor(member) }), entry.pings);
      clients.push(client);
      return client;
    };
    for (let index = 0; index < members; index++) await join(`m${index}`);
    for (let index = 0; index < listeners; index++) await join(broadcastMember);
    let stats: Readonly<Record<string, unknown>> = {};
    await until(
      'every subscription',
      async () => (stats = await runner.ask('stats', { gc: true }, 5_000))['subscriptions'] === clients.length,
    );
    if (name === 'net-floor') return `every socket there, RSS ${(Number(stats['rssBytes']) / 2 ** 20).toFixed(0)} MiB`;

    const outside = entry.source.startsWith('redis-') ? await startPublisher(name, redisUrl) : undefined;
    const publish = async (kind: 'unicast' | 'broadcast', count: number) => {
      if (outside === undefined) await runner.ask('generate', { kind, members, count, perTurn: 8 }, 30_000);
      else await outside.publish(kind === 'unicast' ? members : broadcastMember, count);
    };
    try {
      await publish('unicast', 8 * members);
      await until('8 events each', () => clients.slice(0, members).every(({ sequences }) => sequences.length >= 8));
      await publish('unicast', 8 * members);
      await publish('broadcast', 5);
      await until('16 events each', () => clients.slice(0, members).every(({ sequences }) => sequences.length >= 16));
      await until('5 broadcasts each', () => clients.slice(members).every(({ sequences }) => sequences.length >= 5));
    } finally {
      outside?.stop();
    }
    await sleep(100); // what comes twice comes now
    for (const [index, { sequences }] of clients.entries()) {
      const wanted = Array.from({ length: index < members ? 16 : 5 }, (_, at) => at + 1);
      const got = entry.source === 'api' ? sequences.toSorted((a, b) => a - b) : sequences; // a batch of its API has no order
      if (got.join() !== wanted.join()) throw new Error(`client ${index} got ${sequences.join()}`);
    }
    return [
      entry.source === 'api' ? 'all once' : 'all once and in order',
      `RSS ${(Number(stats['rssBytes']) / 2 ** 20).toFixed(0)} MiB`,
      versionsOf(name),
    ]
      .filter(Boolean)
      .join(', ');
  } catch (error) {
    const got = clients.map(({ sequences }) => sequences.length).join();
    throw new Error(`${name} (received ${got})`, { cause: error });
  } finally {
    for (const { socket } of clients) socket.removeAllListeners('close').terminate();
    await runner.ask('stop', {}, 10_000).catch(() => child.kill('SIGKILL'));
    const timer = setTimeout(() => child.kill('SIGKILL'), 3_000);
    await gone;
    clearTimeout(timer);
  }
}

const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(catalogue);
const redis = await startRedis({ own: true });
try {
  for (const name of wanted) {
    if (name === 'centrifugo' && process.env['CENTRIFUGO_BIN'] === undefined) {
      process.stdout.write(`${name}: left out, CENTRIFUGO_BIN names none\n`);
      continue;
    }
    try {
      process.stdout.write(`${name}: ${await check(name, redis.url)}\n`);
    } catch (error) {
      process.exitCode = 1;
      console.error(error);
    }
  }
} finally {
  await redis.stop();
}
