import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

import { expect } from 'vitest';

import { endsWithUs } from '../support/ends-with-us.ts';
import { eventually } from '../support/eventually.ts';
import { request, subscribe } from '../support/graphql.ts';
import { type Lifeline, tokenFor } from '../support/lifeline.ts';
import { acknowledgeAll, fillBacklog, pendingOf } from './harness/backlog.ts';
import {
  answersAllAtOnce,
  countsNoAddresses,
  countsNoOperations,
  countsNoPages,
  ignoresSocketErrors,
  inflatesFrames,
  measuresNoMessages,
  neverDoubtsAPeer,
  readsStrangersLetters,
  resumesWithoutReplay,
  waitsForHeaders,
  waitsForStrangers,
  waitsForTheSlow,
} from './harness/mutants.ts';
import { startProxy } from './harness/proxy.ts';
import { dial, dialMember, dialWebSocket, frame, type FrameOptions, type RawPeer, upgradeRequest } from './harness/raw-peer.ts';
import { siege } from './harness/siege.ts';

const subscribeMessage = (id: string, query: string, variables: object = {}) =>
  JSON.stringify({ id, type: 'subscribe', payload: { query, variables } });
const messages = (peer: RawPeer) =>
  peer
    .frames()
    .filter(({ opcode }) => opcode === 1)
    .map(({ payload }) => payload.toString());
const connections = (gateway: Lifeline) => gateway.metric('websocket_connections_active');
/** Each of them, and how long they took to be hung up on, s. */
const allHungUp = async (peers: readonly RawPeer[], withinMs: number) => {
  const waits = await Promise.all(peers.map((peer) => peer.hungUp(withinMs)));
  return `${(Math.min(...waits) / 1_000).toFixed(1)}–${(Math.max(...waits) / 1_000).toFixed(1)} s`;
};
const dialMany = async (count: number, open: () => Promise<RawPeer>) => {
  const peers: RawPeer[] = [];
  while (peers.length < count) {
    const some = Array.from({ length: Math.min(100, count - peers.length) }, open); // the backlog of the listening socket is 511
    peers.push(...(await Promise.all(some)));
  }
  return peers;
};

/** Results of some 3 KB: ten thousand are more than any two kernels hold between them. */
const wordy = `subscription ($channel: String!, $after: String) { memberEvents(channel: $channel, after: $after) { ${Array.from({ length: 14 }, (_, n) => `d${n}: delivery { id cursor sentAt }`).join(' ')} } }`;

siege('a reader of one byte a second with ten thousand events before it is cut within 15 s, and nothing of it is lost', {
  row: 37,
  growth: 192, // pages of a thousand, ten thousand acknowledgements, and all of it once more are in it
  control: { mutants: [waitsForTheSlow, neverDoubtsAPeer], fails: /the server hanging up/ },
  async attack({ fleet, gateway, note }) {
    const token = await tokenFor('slow');
    const type = 'call.join'; // which the others' load has none of
    await fillBacklog(fleet, 'slow', token, 10_000, { type });
    const [first, ...others] = await pendingOf(fleet, token);
    // What is acknowledged and asked for again fills no window: nothing but the socket holds it back.
    await acknowledgeAll(
      gateway.url,
      token,
      others.map(({ id }) => id),
    );
    const peer = await dialMember(gateway.url, token);
    const variables = { channel: '/member/slow/**', after: first?.cursor };
    peer.send(frame(subscribeMessage('1', wordy, variables)));
    peer.socket.pause();
    const sip = setInterval(() => peer.socket.read(1), 1_000);
    try {
      let [pushed, stuckAt, cut] = [0, performance.now(), false];
      const look = async () => {
        cut = (await gateway.metric('lifeline_sockets_terminated_total')) > 0; // stalled, or silent where filling the kernels took long
        const now = await gateway.metric('websocket_events_pushed_total', { type });
        if (now > pushed) stuckAt = performance.now();
        pushed = now;
        await new Promise((resolve) => setTimeout(resolve, 250)); // to be asked is work for it
        return cut;
      };
      await eventually(look, { withinMs: 40_000, what: 'the server hanging up' });
      const seconds = (performance.now() - stuckAt) / 1_000;
      note(`cut ${seconds.toFixed(1)} s after the last copy that its socket took`);
      expect(seconds).toBeLessThan(20);
    } finally {
      clearInterval(sip);
      peer.leave();
    }
    const again = subscribe(gateway.wsUrl, token, 'slow', { after: first?.cursor ?? null });
    await again.take(10_000, 60_000); // the first is still pending, and comes before the others
    again.stop();
  },
  timeoutMs: 240_000,
});

siege('a frozen client is cut, keeps everything pending, and has it all when it goes on', {
  row: 38,
  control: { mutants: [resumesWithoutReplay], fails: /everything that came while it was frozen/ },
  async attack({ fleet, gateway, note }) {
    const token = await tokenFor('frozen');
    await fillBacklog(fleet, 'frozen', token, 20);
    const script = fileURLToPath(new URL('harness/frozen-client.ts', import.meta.url));
    const client: ChildProcess = spawn(process.execPath, [script, gateway.wsUrl, token, 'frozen'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    endsWithUs(client);
    try {
      const ids = new Set<string>();
      if (client.stdout !== null) createInterface({ input: client.stdout }).on('line', (id) => ids.add(id));
      await eventually(() => ids.size === 20, { what: 'the backlog at the client' });
      client.kill('SIGSTOP');
      const began = performance.now();
      const cut = () => gateway.metric('lifeline_sockets_terminated_total', { reason: 'silent' });
      await eventually(async () => (await cut()) === 1, { withinMs: 40_000, what: 'the frozen client cut' });
      note(`cut after ${((performance.now() - began) / 1_000).toFixed(1)} s`);
      expect(await pendingOf(fleet, token)).toHaveLength(20);
      // More than the window: what a client that never acknowledges is sent at once.
      await acknowledgeAll(gateway.url, token, [...ids]);
      await fillBacklog(fleet, 'frozen', token, 30, { prefix: 'later' });
      client.kill('SIGCONT');
      await eventually(() => ids.size >= 20 + 30, { withinMs: 20_000, what: 'everything that came while it was frozen' });
      expect(await pendingOf(fleet, token)).toHaveLength(30);
    } finally {
      client.kill('SIGKILL');
      await once(client, 'exit');
    }
  },
});

siege('a half-open connection is found by pings within 24 s; what was sent into it is still pending', {
  row: 36,
  control: { mutants: [neverDoubtsAPeer], fails: /the dead peer gone/ },
  async attack({ fleet, gateway, note }) {
    const token = await tokenFor('away');
    const link = await startProxy(Number(new URL(gateway.url).port));
    try {
      const device = subscribe(`ws://127.0.0.1:${link.port}/graphql`, token, 'away');
      await eventually(async () => (await gateway.metric('lifeline_listeners')) === 5, { what: 'the subscription' });
      link.set({ do: 'half-open' });
      const began = performance.now();
      await fillBacklog(fleet, 'away', token, 20);
      await eventually(async () => (await gateway.metric('lifeline_listeners')) === 4, {
        withinMs: 40_000,
        what: 'the dead peer gone',
      });
      const seconds = (performance.now() - began) / 1_000;
      note(`found after ${seconds.toFixed(1)} s`);
      expect(seconds).toBeLessThan(30);
      expect(device.events).toEqual([]);
      expect(await pendingOf(fleet, token)).toHaveLength(20);
      device.stop();
    } finally {
      await link.stop();
    }
  },
});

siege('ten thousand subscriptions on one socket: a hundred run, the others are told why not, and the socket lives', {
  row: 37,
  quick: true,
  control: { mutants: [countsNoOperations], fails: /refused/ },
  async attack({ gateway, note }) {
    const peer = await dialMember(gateway.url, await tokenFor('many'));
    let refused = 0;
    let served = 0;
    let left = '';
    peer.socket.on('data', (chunk: Buffer) => {
      const text = left + chunk.toString('latin1');
      const found = text.match(/At most 100 operations at once run over one connection/g) ?? [];
      refused += found.length;
      left = text.slice(-50); // shorter than what is looked for
    });
    const count = 10_000;
    for (let id = 0; id < count; id++) peer.send(frame(subscribeMessage(String(id), 'subscription { videoVisitEvents { kind } }')));
    await eventually(() => refused === count - 100, { withinMs: 30_000, what: 'the others refused' });
    served = await gateway.metric('lifeline_subscriptions_active');
    note(`${served - 4} served, ${refused} refused`);
    expect(served).toBe(100 + 4); // the load's
    peer.send(frame(JSON.stringify({ type: 'ping' })));
    await eventually(() => peer.answer().includes('"pong"'), { what: 'a pong' });
    peer.leave();
    await eventually(async () => (await gateway.metric('lifeline_subscriptions_active')) === 4, { what: 'their end' });
  },
});

siege('a document of a million characters is refused with a sentence, over WebSocket and over HTTP', {
  row: 37,
  quick: true,
  control: { mutants: [measuresNoMessages], fails: /the sentence/ },
  async attack({ gateway }) {
    const token = await tokenFor('wordy');
    const document = `{ session { memberId } } # ${'x'.repeat(1_000_000)}`;
    const peer = await dialMember(gateway.url, token);
    peer.send(frame(subscribeMessage('1', document)));
    await eventually(() => messages(peer).some((text) => text.includes('A message may hold at most 64 KiB')), {
      what: 'the sentence',
      withinMs: 5_000,
    });
    peer.send(frame(subscribeMessage('2', '{ session { memberId } }')));
    await eventually(() => messages(peer).some((text) => text.includes('"wordy"')), { what: 'the answer to the next one' });
    peer.leave();
    const { status } = await fetch(gateway.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query: document }),
    });
    expect(status).toBe(413);
  },
});

const broken: readonly (readonly [string, Buffer | string, FrameOptions?])[] = [
  ['an opcode that does not exist', 'x', { opcode: 5 }],
  ['a control opcode that does not exist', 'x', { opcode: 12 }],
  ['reserved bits', 'x', { reserved: 2 }],
  ['the bit of a compression nobody agreed on', 'x', { reserved: 4 }],
  ['no mask', '{"type":"ping"}', { masked: false }],
  ['text that is no UTF-8', Buffer.from([0xc3, 0x28, 0xff])],
  ['a ping that is too long', 'x'.repeat(126), { opcode: 9 }],
  ['a ping in parts', 'x', { opcode: 9, fin: false }],
  ['a part of nothing', 'x', { opcode: 0 }],
  ['a length of 2^63', 'x', { length: 2n ** 63n }],
  ['a length above what is read', 'x', { length: 1024 * 1024 + 1 }],
  ['a close with half a code', Buffer.from([3]), { opcode: 8 }],
  ['a close with a code that must not be sent', Buffer.from([3, 237]), { opcode: 8 }],
  ['a message that is no JSON', 'not JSON'],
  ['a message that is no object', '[1, 2]'],
  ['a message of no known type', '{"type":"__proto__"}'],
  ['a subscribe without an id', '{"type":"subscribe","payload":{"query":"{ __typename }"}}'],
  ['a subscribe without a query', '{"id":"1","type":"subscribe","payload":{"query":1}}'],
  ['a second connection_init', '{"type":"connection_init"}'],
  ["a server's message", '{"id":"1","type":"next","payload":{}}'],
  ['a nest of brackets', `{"type":"ping","payload":{"a":${'['.repeat(30_000)}${']'.repeat(30_000)}}}`],
];

siege('malformed frames and messages end their own connection and nothing else', {
  row: 37,
  quick: true,
  control: { mutants: [ignoresSocketErrors], fails: /hanging up|an HTTP status|fetch failed|ECONNREFUSED|ECONNRESET/ },
  async attack({ gateway, note }) {
    const token = await tokenFor('malformed');
    const codes = new Set<number | string>();
    for (const [what, payload, options] of broken) {
      for (const authenticated of [true, false]) {
        const peer = authenticated ? await dialMember(gateway.url, token) : await dialWebSocket(gateway.url);
        peer.send(frame(payload, options));
        await eventually(() => peer.gone || peer.closeCode() !== null, {
          withinMs: 15_000,
          what: `the server hanging up on ${what}`,
        });
        codes.add(peer.closeCode() ?? 'none');
        peer.leave();
      }
    }
    expect(
      gateway.log.filter(({ level }) => level === 'error'),
      'taken for a mistake of its own',
    ).toEqual([]);
    note(`close codes ${[...codes].join(', ')}`);
    // A message that never ends, in parts of one byte: each costs more than it brings.
    const peer = await dialMember(gateway.url, token);
    const part = frame('x', { opcode: 0, fin: false });
    peer.send(frame('x', { fin: false }));
    peer.send(Buffer.concat(Array.from({ length: 100_000 }, () => part)));
    await eventually(() => peer.gone || peer.closeCode() !== null, { what: 'the server hanging up on endless parts' });
    peer.leave();
    await eventually(async () => (await connections(gateway)) === 4, { what: 'their connections gone' });
  },
});

siege('compression is not agreed to: no bomb is inflated, in frames or in bodies', {
  row: 37,
  quick: true,
  control: { mutants: [inflatesFrames], fails: /compression nobody offered/ },
  async attack({ gateway, note }) {
    const token = await tokenFor('bomber');
    const peer = await dialWebSocket(gateway.url, { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' });
    expect(peer.answer(), 'compression nobody offered').not.toMatch(/sec-websocket-extensions/i);
    const bomb = gzipSync(Buffer.alloc(40 * 1024 * 1024, ' '));
    peer.send(frame(bomb, { reserved: 4 }));
    await eventually(() => peer.closeCode() === 1002, { what: 'a close with 1002' });
    peer.leave();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        fetch(gateway.url, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'content-encoding': 'gzip', authorization: `Bearer ${token}` },
          body: bomb,
        }),
      ),
    );
    for (const answer of answers) {
      expect(await answer.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] });
    }
    note(`${answers.length} bodies of ${bomb.length} bytes for 40 MiB refused`);
  },
});

siege('strangers that send all but the end of a large frame are cut at 64 KiB', {
  row: 37,
  quick: true,
  growth: 160,
  control: { mutants: [readsStrangersLetters], fails: /a close with 4400/ },
  async attack({ gateway, note }) {
    const half = frame(Buffer.alloc(1_000_000, 'x'), { length: 1024 * 1024 - 1 });
    const peers = await dialMany(150, () => dialWebSocket(gateway.url));
    for (const peer of peers) peer.send(half);
    await eventually(() => peers.every((peer) => peer.closeCode() === 4400), { withinMs: 20_000, what: 'a close with 4400' });
    note(`hung up after ${await allHungUp(peers, 20_000)}`);
  },
});

siege('half a frame and then silence is waited for as long as for any dead peer', {
  row: 37,
  control: { mutants: [neverDoubtsAPeer], fails: /the server hanging up/ },
  async attack({ gateway, note }) {
    const token = await tokenFor('half');
    const peers = await dialMany(20, () => dialMember(gateway.url, token));
    for (const peer of peers) peer.send(frame('{"id":"1","type":"subs', { length: 60_000 }));
    note(`hung up after ${await allHungUp(peers, 40_000)}`);
  },
});

siege('two thousand connections that never send connection_init are closed after 10 s', {
  row: 37,
  control: { mutants: [waitsForStrangers], fails: /the server hanging up/ },
  async attack({ gateway, note }) {
    const peers = await dialMany(2_000, () => dialWebSocket(gateway.url));
    note(`hung up after ${await allHungUp(peers, 20_000)}`); // before they are found dead
    expect(new Set(peers.map((peer) => peer.closeCode()))).toEqual(new Set([4408]));
  },
});

siege('two thousand connections from one address, where fifty are allowed, take nobody else’s place', {
  row: 37,
  quick: true,
  fleet: { env: { MAX_CONNECTIONS: '200', MAX_CONNECTIONS_PER_ADDRESS: '50', TRUSTED_PROXIES: '1' } },
  control: { mutants: [countsNoAddresses], fails: /refused/ },
  async attack({ gateway, note }) {
    const peers = await dialMany(2_000, () => dialWebSocket(gateway.url, { 'X-Forwarded-For': '192.0.2.66' }));
    const statuses = await Promise.all(peers.map((peer) => peer.status()));
    expect(
      statuses.filter((status) => status === 429),
      'refused',
    ).toHaveLength(1_950);
    const neighbour = await dialWebSocket(gateway.url, { 'X-Forwarded-For': '192.0.2.67' });
    expect(await neighbour.status()).toBe(101);
    neighbour.leave();
    note(`50 let in, ${await gateway.metric('lifeline_connections_refused_total', { reason: 'address' })} refused`);
    for (const peer of peers) peer.leave();
  },
});

siege('requests that come byte by byte are hung up on: heads after 10 s, bodies after 30 s', {
  row: 37,
  control: { mutants: [waitsForHeaders], fails: /the server hanging up/ },
  async attack({ gateway, note }) {
    const head = `POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n`;
    const heads = await dialMany(150, () => dial(gateway.url));
    const bodies = await dialMany(150, () => dial(gateway.url));
    const silent = await dialMany(150, () => dial(gateway.url));
    const halves = await dialMany(150, () => dial(gateway.url));
    for (const peer of heads) peer.send(head);
    for (const peer of bodies) peer.send(`${head}\r\n`);
    for (const peer of halves) peer.send(upgradeRequest().slice(0, 100));
    const drip = setInterval(() => {
      for (const peer of heads) peer.send('X');
      for (const peer of bodies) peer.send(' ');
    }, 1_000);
    try {
      note(`heads hung up on after ${await allHungUp(heads, 20_000)}, bodies after ${await allHungUp(bodies, 45_000)}`);
      note(`silent ones after ${await allHungUp([...silent, ...halves], 45_000)}`);
    } finally {
      clearInterval(drip);
    }
  },
});

const shape =
  'nodes { type channel occurredAt delivery { id cursor sequence attempt replayed sentAt } ... on CoverageUpdate { workflowId status failure { code } } }';

siege('pages by the hundred over one socket that does not read them are made as they are taken', {
  row: 37,
  growth: 250,
  control: { mutants: [answersAllAtOnce], fails: /MiB of growth|verdict|cut off/ },
  async attack({ fleet, gateway, note }) {
    const token = await tokenFor('greedy');
    await fillBacklog(fleet, 'greedy', token, 1_000);
    const peer = await dialMember(gateway.url, token);
    peer.socket.pause();
    const began = performance.now();
    const query = `{ memberEvents(channel: "/member/greedy/**", first: 1000) { ${shape} } }`;
    peer.send(Buffer.concat(Array.from({ length: 99 }, (_, n) => frame(subscribeMessage(String(n), query)))));
    await eventually(async () => (await connections(gateway)) === 4, { withinMs: 40_000, what: 'the socket cut' });
    note(`cut after ${((performance.now() - began) / 1_000).toFixed(1)} s`);
    peer.leave();
  },
});

siege('fifteen aliases are not fifteen pages', {
  row: 37,
  quick: true,
  control: { mutants: [countsNoPages], fails: /may ask for at most 2000 events/ },
  async attack({ fleet, gateway }) {
    const token = await tokenFor('greedy');
    await fillBacklog(fleet, 'greedy', token, 1_000);
    const aliases = Array.from(
      { length: 15 },
      (_, n) => `a${n}: memberEvents(channel: "/member/greedy/**", first: 1000) { ${shape} }`,
    );
    const answer = await request(gateway.url, token, `{ ${aliases.join(' ')} }`);
    expect(JSON.stringify(answer)).toContain('may ask for at most 2000 events');
    const two = await request<Record<string, unknown>>(gateway.url, token, `{ ${aliases.slice(0, 2).join(' ')} }`);
    expect(two.errors).toBeUndefined();
  },
});
