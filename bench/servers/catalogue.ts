/** Every server under test, and how a client of it connects: all that the runner knows of them without starting one. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { accountId, redisChannel } from './event.ts';

export interface StepOptions {
  /** The product's token for the member (`tokenFor`); others take none. */
  readonly token?: string;
  /** Ask for what an acknowledgement needs. Only the product has it. */
  readonly acks?: boolean;
  /** Ask for cursors, and resume behind the last one after a reconnect. Only the product has them. */
  readonly cursor?: boolean;
}

/** How events get to the server's process. */
export type Source =
  /** `generate` publishes in the process. */
  | 'inside'
  /** `redisMessage` is published in Redis: the event as JSON on the member's channel. */
  | 'redis-channel'
  /** The same, as the adapter of Socket.IO encodes it. */
  | 'redis-socket-io'
  /** The product's log in Redis is appended to. */
  | 'redis-log'
  /** `generate` calls the server's API. */
  | 'api';

export interface Entry {
  readonly title: string;
  readonly source: Source;
  /** Of the peer, for the line with the versions. */
  readonly packages: readonly string[];
  /** Frames that the client has to answer, with their answers. */
  readonly pings: readonly (readonly [frame: string, reply: string])[];
  /** What a subscriber of the member does, as the load client's file has it (`broadcastMember`: of the broadcast). */
  steps(member: string, options?: StepOptions): string[];
}

const uuid = '7d9f4a52-0c1e-4b6a-9f3d-8e2c5b7a1d40'; // as long as the ids that clients make

const fields = 'workflowId accountId status coverage { id active payer plan effectiveFrom effectiveTo copay { amount currency } }';
const peersQuery = `subscription Updates($memberId: ID!) { coverageUpdates(memberId: $memberId) { ${fields} } }`;

const conversation = (query: string, variables: object, init: object) => [
  `>${JSON.stringify({ type: 'connection_init', payload: init })}`,
  '<"connection_ack"',
  `>${JSON.stringify({ id: uuid, type: 'subscribe', payload: { query, variables } })}`,
];

const address = (member: string) => `@/?member=${member}`;
const bareSteps = (member: string) => [address(member), '<"ready"'];
const peersSteps = (member: string) => conversation(peersQuery, { memberId: member }, {});

function lifelineSteps(_member: string, { token = '', acks = false, cursor = false }: StepOptions = {}): string[] {
  const wanted = [...(acks ? ['id'] : []), ...(cursor ? ['cursor'] : [])];
  const delivery = wanted.length === 0 ? '' : ` delivery { ${wanted.join(' ')} }`;
  const [declared, passed] = cursor ? [', $after: String', ', after: $after'] : ['', ''];
  const query = `subscription Updates($accountId: ID!${declared}) { coverageUpdates(accountId: $accountId${passed}) { ${fields}${delivery} } }`;
  // The load client puts the last cursor in, or null.
  return conversation(query, { accountId, ...(cursor ? { after: '%CURSOR%' } : {}) }, { token });
}

/** What the load client's `ack` takes: the frame before and behind the ids. */
export const lifelineAck = {
  prefix:
    '{"id":"ack-%N%","type":"subscribe","payload":{"query":"mutation Acknowledge($ids: [ID!]!) { acknowledgeDeliveries(ids: $ids) { acknowledged alreadyAcknowledged unknown } }","variables":{"ids":[',
  suffix: ']}}}',
} as const;

const socketIoSteps = (member: string) => [`@/socket.io/?EIO=4&transport=websocket&member=${member}`, '<0{', '>40', '<42["ready"'];
const centrifugoSteps = (member: string) => [
  '>{"id":1,"connect":{}}',
  '<"connect":',
  `>{"id":2,"subscribe":{"channel":"${redisChannel(member)}"}}`,
  '<"subscribe":',
];

const inside = { source: 'inside', pings: [] } as const;

export const catalogue = {
  'net-floor': { ...inside, title: 'sockets alone', packages: [], steps: (member) => [address(member)] },
  'raw-epoll': {
    ...inside,
    title: 'raw epoll server in C',
    packages: [],
    steps: (member) => [address(member), ...peersSteps(member)],
  },
  'ws-send': { ...inside, title: 'ws.send(JSON.stringify(…))', packages: ['ws'], steps: bareSteps },
  'ws-shared': { ...inside, title: 'one ready-made frame', packages: ['ws'], steps: bareSteps },
  'ws-redis': {
    source: 'redis-channel',
    pings: [],
    title: 'bare forwarder: ioredis → ws.send',
    packages: ['ioredis', 'ws'],
    steps: bareSteps,
  },
  'graphql-ws': {
    ...inside,
    title: 'graphql-ws + graphql-js',
    packages: ['graphql-ws', 'graphql', 'graphql-subscriptions', 'ws'],
    steps: peersSteps,
  },
  'graphql-ws-redis': {
    source: 'redis-channel',
    pings: [],
    title: 'graphql-ws + RedisPubSub',
    packages: ['graphql-ws', 'graphql', 'graphql-redis-subscriptions', 'ioredis', 'ws'],
    steps: peersSteps,
  },
  yoga: {
    ...inside,
    title: 'GraphQL Yoga, enveloped graphql-ws recipe',
    packages: ['graphql-yoga', 'graphql-ws'],
    steps: peersSteps,
  },
  apollo: { ...inside, title: 'Apollo Server + graphql-ws', packages: ['@apollo/server', 'graphql-ws'], steps: peersSteps },
  mercurius: { ...inside, title: 'Mercurius', packages: ['mercurius', 'fastify'], steps: peersSteps },
  'socket-io': { ...inside, pings: [['2', '3']], title: 'Socket.IO', packages: ['socket.io'], steps: socketIoSteps },
  'socket-io-redis': {
    source: 'redis-socket-io',
    pings: [['2', '3']],
    title: 'Socket.IO + Redis adapter',
    packages: ['socket.io', '@socket.io/redis-adapter', 'ioredis'],
    steps: socketIoSteps,
  },
  centrifugo: {
    source: 'api',
    pings: [['{}', '{}']],
    title: 'Centrifugo, Redis engine, history and recovery',
    packages: [],
    steps: centrifugoSteps,
  },
  lifeline: { ...inside, title: 'Lifeline, log in memory', packages: [], steps: lifelineSteps },
  'lifeline-redis': { source: 'redis-log', pings: [], title: 'Lifeline, log in Redis', packages: [], steps: lifelineSteps },
} as const satisfies Record<string, Entry>;

export type ServerName = keyof typeof catalogue;

export function entryOf(name: string): Entry {
  const entry: Entry | undefined = new Map<string, Entry>(Object.entries(catalogue)).get(name);
  if (entry === undefined) throw new Error(`There is no server ${name}: ${Object.keys(catalogue).join(', ')}`);
  return entry;
}

/** `ws 8.23.0, …`: what is installed of a peer. */
export function versionsOf(name: string): string {
  const { resolve } = createRequire(import.meta.url);
  const version = (wanted: string) => {
    const folder = resolve.paths(wanted)?.[1] ?? ''; // beside this one: bench/node_modules
    const text = readFileSync(`${folder}/${wanted}/package.json`, 'utf8');
    return `${wanted} ${(JSON.parse(text) as { version: string }).version}`; // npm made sure of it
  };
  return entryOf(name).packages.map(version).join(', ');
}
