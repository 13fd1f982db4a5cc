import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { createClient } from '../../src/bridge/kafkajs.ts';
import { endsWithUs } from './ends-with-us.ts';
import { freePort } from './free-port.ts';
import { kafkaJars } from './kafka-jars.ts';

/** One broker process, which is a controller too. */
export interface KafkaNode {
  readonly id: number;
  /** Of the plain listener. */
  readonly address: string;
  /** Where one of the further listeners is. */
  addressOf(listener: string): string;
  readonly alive: boolean;
  /** SIGKILL unless told otherwise (SIGTERM hands its leaderships over first); settles when the process is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** The same ports and data again; after a `kill`, or instead of one. Settles when it answers and is listed. */
  restart(): Promise<void>;
  /** Freezes the process (SIGSTOP): connections stay open and nothing answers. */
  pause(): void;
  resume(): void;
  /** Settles when it answers and is listed. */
  up(): Promise<void>;
  /** Ends the process and removes its folder. */
  stop(): Promise<void>;
}

export interface NodeOptions {
  /** Lines of server.properties that win over the defaults. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Besides the plain one, by name: what stands in the protocol map. The properties of each are the test's. */
  readonly listeners?: Readonly<Record<string, 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL'>>;
  /** Where clients of a further listener are sent, by its name, if that is not the listener itself. */
  readonly advertised?: Readonly<Record<string, string>>;
  /** As StorageTool's `--add-scram` wants them. */
  readonly scramUsers?: readonly string[];
}

export interface Quorum {
  readonly clusterId: string;
  /** Of the controllers, by broker: the first has id 1. */
  readonly ports: readonly number[];
}

const startTimeoutMs = 60_000;
export const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

export async function createQuorum(nodes: number): Promise<Quorum> {
  const ports: number[] = [];
  while (ports.length < nodes) ports.push(await freePort());
  return { clusterId: clusterId(), ports };
}

/** Started, but not waited for: a controller answers nobody before most of them are there. */
export async function createNode(
  id: number,
  quorum: Quorum,
  { properties = {}, listeners = {}, advertised = {}, scramUsers = [] }: NodeOptions,
): Promise<KafkaNode> {
  const jars = await kafkaJars();
  const folder = await mkdtemp(join(tmpdir(), 'lifeline-kafka-'));
  const config = join(folder, 'server.properties');
  const port = await freePort();
  const addresses = new Map<string, string>();
  for (const name of Object.keys(listeners)) addresses.set(name, `127.0.0.1:${await freePort()}`);
  const further = (at: (name: string, address: string) => string) =>
    [...addresses].map(([name, address]) => `,${name}://${at(name, address)}`).join('');
  const controller = quorum.ports[id - 1] ?? 0;
  const all = {
    'node.id': String(id),
    'controller.quorum.voters': quorum.ports.map((voter, index) => `${index + 1}@127.0.0.1:${voter}`).join(','),
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}${further((_, address) => address)}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}${further((name, address) => advertised[name] ?? address)}`,
    'listener.security.protocol.map': `PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT${Object.entries(listeners)
      .map(([name, protocol]) => `,${name}:${protocol}`)
      .join('')}`,
    ...properties,
  };
  await writeFile(config, serverProperties(join(folder, 'data'), all));
  const users = scramUsers.flatMap((user) => ['--add-scram', user]);
  await java(jars, ['kafka.tools.StorageTool', 'format', '-t', quorum.clusterId, '-c', config, ...users]);

  let broker = spawnBroker(jars, config);
  const up = () => answering(id, `127.0.0.1:${port}`, broker);
  const alive = () => broker.child.exitCode === null && broker.child.signalCode === null;
  const kill = async (signal: NodeJS.Signals = 'SIGKILL') => {
    if (!alive()) return;
    const gone = once(broker.child, 'exit');
    broker.child.kill(signal);
    await gone;
  };
  return {
    id,
    address: `127.0.0.1:${port}`,
    addressOf(listener) {
      const address = addresses.get(listener);
      if (address === undefined) throw new Error(`There is no listener ${listener}.`);
      return address;
    },
    get alive() {
      return alive();
    },
    kill,
    restart: async () => {
      await kill();
      broker = spawnBroker(jars, config);
      await up();
    },
    up,
    pause: () => void broker.child.kill('SIGSTOP'),
    resume: () => void broker.child.kill('SIGCONT'),
    stop: async () => {
      await kill();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

interface Broker {
  readonly child: ChildProcess;
  readonly output: () => string;
}

function spawnBroker(jars: string, config: string): Broker {
  const memory = ['-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
  const args = [...memory, '-cp', join(jars, '*'), 'kafka.Kafka', config];
  const child = endsWithUs(spawn('java', args, { stdio: ['ignore', 'pipe', 'pipe'] }));
  let output = '';
  const keep = (chunk: Buffer) => (output = (output + chunk.toString()).slice(-4_000));
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  return { child, output: () => output };
}

async function answering(id: number, address: string, { child, output }: Broker): Promise<void> {
  const client = createClient({ brokers: [address], ssl: null, sasl: null, clientId: 'test' }, silent);
  const deadline = Date.now() + startTimeoutMs;
  for (;;) {
    const admin = client.admin({ retry: { retries: 0 } });
    try {
      await admin.connect();
      const { brokers } = await admin.describeCluster();
      if (brokers.some(({ nodeId }) => nodeId === id)) return; // a restarted broker is fenced, and not listed, for the first moments
    } catch {
      // not listening yet
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
    if (child.exitCode !== null) throw new Error(`Kafka ended with code ${child.exitCode}. ${output()}`);
    if (Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`Kafka did not answer on ${address} within ${startTimeoutMs / 1000} s. ${output()}`);
    }
    await sleep(100);
  }
}

function serverProperties(data: string, more: Readonly<Record<string, string>>): string {
  const properties = {
    'process.roles': 'broker,controller',
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': data,
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.num.partitions': '1',
    'transaction.state.log.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    'auto.create.topics.enable': 'false',
    'log.cleaner.enable': 'false',
    // A killed broker may come back once its session is over: 9 s by default.
    'broker.session.timeout.ms': '2000',
    'broker.heartbeat.interval.ms': '500',
    // Deleted topics give their name free at once.
    'log.segment.delete.delay.ms': '1000',
    'num.network.threads': '2',
    'num.io.threads': '2',
    ...more,
  };
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

/** 16 bytes as Kafka writes them; the first bit is off, because an id that begins with `-` is taken for an option. */
function clusterId(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0] ?? 0) & 0x7f;
  return bytes.toString('base64url');
}

async function java(jars: string, args: readonly string[]): Promise<void> {
  const child = spawn('java', ['-cp', join(jars, '*'), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const keep = (chunk: Buffer) => (output = (output + chunk.toString()).slice(-4_000));
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  await once(child, 'close');
  if (child.exitCode !== 0) throw new Error(`java ${args[0]} ended with code ${child.exitCode}. ${output}`);
}
