import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { hasCompiler } from '../../bench/native/build.ts';
import { eventually } from '../support/eventually.ts';
import { event, frameOf, type LoadClient, marker, nowMicros, type Peer, startLoadClient, startServer } from './load-client.ts';

const hour = 3_600_000_000; // µs

describe.skipIf(!hasCompiler())('the load client (needs a C compiler named cc)', () => {
  let stack: AsyncDisposableStack;
  let client: LoadClient;
  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    client = await startLoadClient(stack);
  });
  afterEach(() => stack.disposeAsync());

  const target = (port: number, path = '/', subprotocol = '-') => client.ask(`target 127.0.0.1 ${port} ${path} ${subprotocol}`);
  /** So many connections without steps, in the order in which the client made them. */
  const connected = async (count = 1, onText?: (text: string, peer: Peer) => void) => {
    const server = await startServer(stack, onText);
    await target(server.port);
    for (let i = 0; i < count; i++) expect(await client.connect([[]])).toMatchObject({ connected: 1, failed: 0 });
    await eventually(() => server.peers.length === count);
    return server;
  };
  const onlyPeer = async (onText?: (text: string) => void): Promise<Peer> => {
    const [peer] = (await connected(1, onText)).peers;
    if (peer === undefined) throw new Error('nobody connected');
    return peer;
  };
  const awaited = (count: number) => client.ask(`await ${count} 20000`);

  describe('counting', () => {
    it('counts events, and other messages apart from them', async () => {
      const { socket } = await onlyPeer();
      socket.send('{"type":"hello"}');
      for (const sequence of [1, 2, 3]) socket.send(event({ sequence }));
      expect(await awaited(3)).toMatchObject({ received: 3, lost: 0, repeated: 0, other: 1, errors: 0, connections: 1, closed: 0 });
    });

    it('takes nothing for an event that only looks like one', async () => {
      const { socket } = await onlyPeer();
      const real = marker({ sequence: 1 });
      const alike = [
        real.slice(0, -1),
        real.replace('-S', '-X'),
        real.replace('wf-', 'xf-'),
        real.replace('T0', 'T?'),
        'wf-T',
        'T',
        '',
      ];
      for (const text of alike) socket.send(text);
      socket.send(`To T wf-T0 wf-${real}`); // and does not overlook one that stands close behind
      expect(await awaited(1)).toMatchObject({ received: 1, other: alike.length });
    });

    it('counts every event of a message that holds several', async () => {
      const { socket } = await onlyPeer();
      socket.send([1, 2, 3, 5].map((sequence) => event({ sequence })).join('\n'));
      expect(await awaited(4)).toMatchObject({ received: 4, lost: 1, other: 0 });
    });

    it('calls a skipped sequence lost until it comes after all', async () => {
      const { socket } = await onlyPeer();
      for (const sequence of [1, 2, 5]) socket.send(event({ sequence }));
      expect(await awaited(3)).toMatchObject({ received: 3, lost: 2, repeated: 0 });
      socket.send(event({ sequence: 4 }));
      expect(await awaited(4)).toMatchObject({ received: 4, lost: 1, repeated: 0 });
      socket.send(event({ sequence: 3 }));
      expect(await awaited(5)).toMatchObject({ received: 5, lost: 0, repeated: 0 });
    });

    it('does not take a loss back that is more than 64 events old', async () => {
      const { socket } = await onlyPeer();
      socket.send(event({ sequence: 1 }));
      for (let sequence = 3; sequence <= 67; sequence++) socket.send(event({ sequence }));
      socket.send(event({ sequence: 2 }));
      socket.send(event({ sequence: 68 }));
      expect(await awaited(67)).toMatchObject({ received: 67, lost: 1, repeated: 1 });
    });

    it('takes the oldest loss back that it can', async () => {
      const { socket } = await onlyPeer();
      for (let sequence = 1; sequence <= 66; sequence++) if (sequence !== 2) socket.send(event({ sequence }));
      socket.send(event({ sequence: 2 }));
      expect(await awaited(66)).toMatchObject({ received: 66, lost: 0, repeated: 0 });
    });

    it('counts what was there before as repeated, not as received', async () => {
      const { socket } = await onlyPeer();
      for (const sequence of [1, 2, 2, 1, 4, 3, 3, 5]) socket.send(event({ sequence }));
      expect(await awaited(5)).toMatchObject({ received: 5, lost: 0, repeated: 3 });
    });

    it('knows each connection by itself, and joins a stream where it is', async () => {
      const { peers } = await connected(2);
      for (const sequence of [1, 2, 3]) peers[0]?.socket.send(event({ sequence }));
      for (const sequence of [70, 71]) peers[1]?.socket.send(event({ sequence }));
      expect(await awaited(5)).toMatchObject({ received: 5, lost: 0, repeated: 0, connections: 2 });
    });

    it('begins at zero after a mark, but knows which sequence is next', async () => {
      const { socket } = await onlyPeer();
      for (const sequence of [1, 2, 5]) socket.send(event({ sequence }));
      await awaited(3);
      await client.ask('mark');
      expect(await client.ask('report')).toMatchObject({ received: 0, bytes: 0, lost: 0, first: 0, last: 0, max: 0 });
      socket.send(event({ sequence: 7 }));
      expect(await awaited(1)).toMatchObject({ received: 1, lost: 1 });
      socket.send(event({ sequence: 4 })); // lost before the mark: no loss of now is taken back
      expect(await awaited(2)).toMatchObject({ received: 2, lost: 1, repeated: 0 });
    });

    it('answers an await at the timeout with what there is', async () => {
      const { socket } = await onlyPeer();
      socket.send(event({ sequence: 1 }));
      await awaited(1);
      expect(await client.ask('await 2 100')).toMatchObject({ received: 1 });
    });

    it('counts errors, of an operation and beside an event', async () => {
      const { socket } = await onlyPeer();
      socket.send('{"id":"1","type":"error","payload":[{"message":"no"}]}');
      socket.send('{"id":"1","type":"next","payload":{"errors":[{"message":"no"}]}}');
      socket.send(event({ sequence: 1 }, ',"errors":[]'));
      expect(await awaited(1)).toMatchObject({ received: 1, errors: 3, other: 2 });
    });

    it('reports a group of connections apart from the others', async () => {
      const server = await connected(1);
      await client.ask('group 3');
      await client.connect([[]]);
      await eventually(() => server.peers.length === 2);
      server.peers[0]?.socket.send(event({ sequence: 1 }));
      for (const sequence of [1, 2]) server.peers[1]?.socket.send(event({ sequence, micros: 0 }));
      expect(await awaited(3)).toMatchObject({ received: 3, max: expect.any(Number) });
      const first = await client.ask('report 0');
      expect(first).toMatchObject({ received: 1 });
      const third = await client.ask('report 3');
      expect(third).toMatchObject({ received: 2 });
      expect(first['max']).toBeLessThan(Number(third['max']));
    });
  });

  describe('latency', () => {
    it('is counted from the marked time, within 1 %', async () => {
      const { socket } = await onlyPeer();
      // The clock began when the machine did, so nothing can have been sent longer ago than that.
      const from = nowMicros();
      const latencies = { p50: from / 100, p99: from / 2, p999: from };
      for (let sequence = 1; sequence <= 1_000; sequence++) {
        const latency = sequence <= 950 ? latencies.p50 : sequence <= 998 ? latencies.p99 : latencies.p999;
        socket.send(event({ sequence, micros: Math.floor(from - latency) }));
      }
      const report = await awaited(1_000);
      const elapsed = nowMicros() - from; // what this machine added
      const within = (name: string, latency: number) => {
        expect(report[name], name).toBeGreaterThan(latency * 0.99);
        expect(report[name], name).toBeLessThan((latency + elapsed) * 1.01);
      };
      within('p50', latencies.p50);
      within('p90', latencies.p50);
      within('p99', latencies.p99);
      within('p999', latencies.p999);
      expect(report['max']).toBeGreaterThanOrEqual(from);
      expect(report['max']).toBeLessThanOrEqual(from + elapsed);
      expect(report['first']).toBeGreaterThanOrEqual(from);
      expect(report['last']).toBeGreaterThanOrEqual(Number(report['first']));
      expect(report['now']).toBeGreaterThanOrEqual(Number(report['last']));
      expect(report['cpu']).toBeGreaterThan(0);
    });

    it('can be traced event by event, repeats too', async () => {
      const { socket } = await onlyPeer();
      const folder = await mkdtemp(join(tmpdir(), 'load-trace-'));
      stack.defer(() => rm(folder, { recursive: true }));
      const file = join(folder, 'trace');
      const from = nowMicros();
      await client.ask(`trace ${file}`);
      for (const sequence of [1, 1, 2]) socket.send(event({ sequence, micros: 1_000 + sequence }));
      await awaited(2);
      await client.ask('trace');
      socket.send(event({ sequence: 3 }));
      await awaited(3);
      const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
      expect(lines.map((line) => Number(line.split(' ')[0]))).toEqual([1_001, 1_001, 1_002]);
      for (const line of lines) expect(Number(line.split(' ')[1])).toBeGreaterThanOrEqual(from);
    });

    it('is 0 for what comes from the future', async () => {
      const { socket } = await onlyPeer();
      socket.send(event({ sequence: 1, micros: nowMicros() + hour }));
      expect(await awaited(1)).toMatchObject({ received: 1, p50: 0, max: 0 });
    });
  });

  describe('frames', () => {
    it('puts one together that comes in pieces, and goes on behind it', async () => {
      const [peer, other] = (await connected(2)).peers;
      const first = frameOf(event({ sequence: 1 }));
      const bytes = Buffer.concat([first, frameOf('{"type":"x"}'), frameOf(event({ sequence: 2 }))]);
      // In the header, in the payload, and in the header of the next one.
      const cuts = [0, 1, 3, 60, first.length + 1, bytes.length];
      const between = frameOf('{"type":"from the other connection"}');
      let sent = Number((await client.ask('report'))['bytes']);
      const isRead = () => eventually(async () => (await client.ask('report'))['bytes'] === sent);
      for (const [index, end] of cuts.slice(1).entries()) {
        const piece = bytes.subarray(cuts[index], end);
        for (const [to, part] of [
          [peer, piece],
          [other, between],
        ] as const) {
          to?.transport.write(part);
          sent += part.length;
          await isRead();
        }
      }
      expect(await client.ask('report')).toMatchObject({ received: 2, lost: 0, other: 6 });
    });

    it('takes one of 1 MiB, and hangs up on a larger one', async () => {
      const { socket } = await onlyPeer();
      const largest = event({ sequence: 1 }).padStart(2 ** 20, ' ');
      socket.send(largest);
      expect(await awaited(1)).toMatchObject({ received: 1 });
      socket.send(`${largest} `);
      await eventually(async () => (await client.ask('report'))['closed'] === 1);
      expect(await client.ask('report')).toMatchObject({ connections: 0, failure: 'a frame that is too large' });
    });

    it('answers ping frames, and the messages that were named as pings', async () => {
      const { socket, texts } = await onlyPeer();
      await client.ask('ping {"type":"ping"}\t{"type":"pong"}');
      await client.ask('ping 2\t3');
      const pong = once(socket, 'pong');
      socket.ping('are you there');
      expect(String((await pong)[0])).toBe('are you there');
      socket.send('{"type":"ping"}');
      socket.send('{"type":"ping","payload":1}');
      socket.send('2');
      await eventually(() => texts.length === 2);
      expect(texts).toEqual(['{"type":"pong"}', '3']);
      expect(await client.ask('report')).toMatchObject({ other: 1 });
    });

    it('notes who closed, and why', async () => {
      const { socket } = await onlyPeer();
      socket.close(4403, 'Token "expired"');
      await eventually(async () => (await client.ask('report'))['closed'] === 1);
      expect(await client.ask('report')).toMatchObject({ connections: 0, failure: 'closed 4403 Token "expired"' });
    });
  });

  describe('connecting', () => {
    const init = '{"type":"connection_init"}';

    it('goes through the steps of each line, waiting where they say so', async () => {
      const server = await startServer(stack, (text, { socket }) => {
        if (text !== init) return;
        socket.send('{"type":"something else"}');
        socket.send('{"type":"connection_ack"}');
      });
      await target(server.port, '/path', 'graphql-transport-ws');
      const steps = [`>${init}`, '<"connection_ack"', '>{"type":"subscribe"}', '>{"type":"more"}'];
      expect(await client.connect([steps, ['@/?member=m1', ...steps]])).toMatchObject({ connected: 2, failed: 0 });
      await eventually(() => server.peers.every(({ texts }) => texts.length === 3) && server.peers.length === 2);
      for (const { texts } of server.peers) expect(texts).toEqual([init, '{"type":"subscribe"}', '{"type":"more"}']);
      expect(new Set(server.peers.map(({ request }) => request.url))).toEqual(new Set(['/?member=m1', '/path']));
      expect(server.peers.map(({ socket }) => socket.protocol)).toEqual(['graphql-transport-ws', 'graphql-transport-ws']);
      expect(new Set(server.peers.map(({ request }) => request.socket.remoteAddress)).size).toBe(2);
    });

    it('counts events that come while it still waits', async () => {
      const server = await startServer(stack, (_, { socket }) => {
        socket.send(event({ sequence: 1 }));
        socket.send('{"type":"connection_ack"}');
      });
      await target(server.port);
      await client.connect([[`>${init}`, '<connection_ack']]);
      expect(await client.ask('report')).toMatchObject({ received: 1 });
    });

    it('has no more connections on their way than it is told', async () => {
      const server = await startServer(stack);
      await target(server.port);
      const answer = client.connect(
        Array.from({ length: 7 }, () => [`>${init}`, '<ack']),
        { inFlight: 3 },
      );
      for (const wave of [3, 6, 7]) {
        await eventually(() => server.peers.filter(({ texts }) => texts.length === 1).length === wave);
        expect(server.peers).toHaveLength(wave);
        for (const { socket } of server.peers.slice(wave === 7 ? 6 : wave - 3)) socket.send('ack');
      }
      expect(await answer).toMatchObject({ connected: 7, failed: 0 });
    });

    it('gives up at the timeout on who waits in vain, and on who had no turn', async () => {
      const server = await startServer(stack, (text, { socket }) => socket.send(text));
      await target(server.port);
      const answer = await client.connect(
        [
          ['>a', '<a'],
          ['>b', '<c'],
          ['>d', '<d'],
        ],
        { inFlight: 1, seconds: 1 },
      );
      expect(answer).toMatchObject({ connected: 1, failed: 2, failure: 'not connected in time' });
      expect(await client.ask('report')).toMatchObject({ connections: 1 });
    });

    it('counts as failed who is refused, and says why', async () => {
      const server = await startServer(stack);
      await target(server.port);
      expect(await client.connect([['@not-a-path']])).toMatchObject({
        connected: 0,
        failed: 1,
        failure: expect.stringMatching(/^HTTP\/1\.1 400/),
      });
      await client.ask('target 127.0.0.1 1 / -');
      expect(await client.connect([[]])).toMatchObject({ connected: 0, failed: 1, failure: 'connect: Connection refused' });
    });
  });

  describe('acknowledging', () => {
    const withDelivery = (sequence: number) => event({ sequence }, `,"delivery":{"attempt":1,"id":"d${sequence}"}`);
    const idsOf = (text: string) => (JSON.parse(text) as { ids: string[] }).ids; // as the tests' prefix has it

    it('sends the delivery ids of one read together, at most as many as allowed, each frame with its number', async () => {
      const { transport, texts } = await onlyPeer();
      await client.ask('ack {"id":"a%N%","ids":[\t]}\t3');
      const sequences = [1, 2, 3, 4, 5, 6, 7];
      transport.write(Buffer.concat(sequences.map((sequence) => frameOf(withDelivery(sequence))))); // one write, one read
      await eventually(() => texts.flatMap(idsOf).length === 7);
      expect(texts.map(idsOf)).toEqual([['d1', 'd2', 'd3'], ['d4', 'd5', 'd6'], ['d7']]);
      expect(texts.map((text) => (JSON.parse(text) as { id: string }).id)).toEqual(['a0', 'a1', 'a2']);
      expect(await client.ask('report')).toMatchObject({ received: 7, other: 0 });
    });

    it('acknowledges repeats, but neither answers nor anything before it was told or after it was told no more', async () => {
      const { socket, texts } = await onlyPeer();
      socket.send(withDelivery(1));
      await awaited(1);
      await client.ask('ack {"ids":[\t]}\t10');
      socket.send('{"id":"a0","type":"next","payload":{"data":{"delivery":{"id":"answer"}}}}');
      socket.send(withDelivery(1));
      socket.send(withDelivery(2));
      expect(await awaited(2)).toMatchObject({ received: 2, repeated: 1, other: 1 });
      await client.ask('ack');
      socket.send(withDelivery(3));
      await awaited(3);
      socket.ping();
      await once(socket, 'pong'); // all that it had to say is here
      expect(texts.flatMap(idsOf)).toEqual(['d1', 'd2']);
    });

    it('goes on when the server reads slowly', async () => {
      const peer = await onlyPeer();
      const suffix = ' '.repeat(64 * 1024);
      await client.ask(`ack {"ids":[\t]${suffix}}\t1`);
      peer.socket.pause();
      const count = 300; // 19 MB: more than both kernels' buffers take
      for (let sequence = 1; sequence <= count; sequence++) peer.socket.send(withDelivery(sequence));
      await awaited(count);
      peer.socket.resume();
      await eventually(() => peer.texts.length === count);
      expect(peer.texts.flatMap(idsOf)).toEqual(Array.from({ length: count }, (_, index) => `d${index + 1}`));
      expect(await client.ask('report')).toMatchObject({ connections: 1, closed: 0 });
    });
  });

  describe('dropping', () => {
    const steps = ['>{"after":"%CURSOR%"}', '<ready'];
    const withCursor = (sequence: number, cursor: string) => event({ sequence }, `,"delivery":{"cursor":"${cursor}"}`);

    it('resets the first connections, and comes back with the last cursor that each had seen', async () => {
      const server = await startServer(stack, (text, { socket }) => {
        socket.send('ready');
        if (text.includes('c-')) socket.send(withCursor(text.includes('c-2') ? 4 : 3, 'c-9'));
      });
      await target(server.port);
      for (let i = 0; i < 3; i++) await client.connect([steps]);
      expect(server.peers.map(({ texts }) => texts)).toEqual([['{"after":null}'], ['{"after":null}'], ['{"after":null}']]);
      for (const { socket } of server.peers) {
        socket.send(withCursor(1, 'c-1'));
        socket.send(withCursor(2, 'c-2'));
      }
      await awaited(6);
      const resets = Promise.all(server.peers.slice(0, 2).map(({ transport }) => once(transport, 'error')));
      expect(await client.ask('drop 2')).toEqual({ dropped: 2 });
      expect((await resets).map(([error]) => (error as NodeJS.ErrnoException).code)).toEqual(['ECONNRESET', 'ECONNRESET']);
      expect(await client.ask('report')).toMatchObject({ connections: 1, closed: 0 });

      const answer = await client.ask('reconnect 10 20');
      expect(answer).toMatchObject({ connected: 2, failed: 0, resumed: 2 });
      expect(answer['allReceived']).toBeGreaterThan(0);
      expect(server.peers.slice(3).map(({ texts }) => texts)).toEqual([['{"after":"c-2"}'], ['{"after":"c-2"}']]);
      // The third event was not sent to them: that is what this must be able to see.
      expect(await client.ask('report')).toMatchObject({ received: 8, lost: 2, repeated: 0, connections: 3 });
    });

    it('says so when one of them receives nothing any more', async () => {
      const server = await connected(2);
      await client.ask('drop 2');
      const answer = client.ask('reconnect 10 1');
      await eventually(() => server.peers.length === 4);
      server.peers[2]?.socket.send(event({ sequence: 1 }));
      expect(await answer).toMatchObject({ connected: 2, failed: 0, resumed: 1, allReceived: 0 });
    });
  });

  describe('commands', () => {
    it('answers what it does not understand with an error, and goes on', async () => {
      for (const command of [
        'nonsense',
        'reports',
        'connect',
        'connect nowhere 1 1',
        'await x',
        'ack x',
        'drop',
        'group 8',
        'trace /nowhere/at/all',
        'target a 1 / -',
        '',
      ])
        expect(await client.ask(command), command).toEqual({ error: expect.any(String) });
      expect(await client.ask('report')).toMatchObject({ received: 0 });
    });

    it('ends with its stdin, whatever it waits for', async () => {
      await onlyPeer();
      const answer = client.ask('await 1 600000').catch((error: Error) => error.message);
      expect(await client.end()).toBe(0);
      expect(await answer).toBe('It ended at await 1 600000');
    });
  });
});
