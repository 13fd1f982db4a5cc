import { fork } from 'node:child_process';
import { once } from 'node:events';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';

import { hasCompiler } from '../../bench/native/build.ts';
import { eventJson } from '../../bench/servers/event.ts';
import { eventually } from '../support/eventually.ts';
import { nowMicros, startLoadClient } from './load-client.ts';

interface Next {
  readonly id: string;
  readonly type: string;
  readonly payload: { readonly data: { readonly coverageUpdates: { readonly workflowId: string } } };
}

describe.skipIf(!hasCompiler())('the raw epoll server (needs a C compiler named cc)', () => {
  let stack: AsyncDisposableStack;
  let ask: (question: object) => Promise<Readonly<Record<string, number | string>>>;
  let port: number;
  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    const child = fork(new URL('../../bench/servers/raw-epoll.ts', import.meta.url), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const gone = once(child, 'exit');
    stack.defer(async () => {
      if (child.connected) child.disconnect(); // how a runner that died would look to it
      await gone;
    });
    ask = async (question) => {
      const answered = once(child, 'message');
      child.send(question);
      const [answer] = (await answered) as [Record<string, number | string>]; // JSON over IPC
      return answer;
    };
    const listening = await ask({ do: 'listen' });
    port = Number(listening['port']);
  });
  afterEach(() => stack.disposeAsync());

  const subscriptions = (count: number) => eventually(async () => (await ask({ do: 'stats' }))['subscriptions'] === count);

  /** A stock client that checks what the handshake answers. */
  async function subscriber(member: string, id: string) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/?member=${member}`, 'graphql-transport-ws');
    stack.defer(() => socket.terminate());
    const texts: string[] = [];
    socket.on('message', (data: Buffer) => texts.push(data.toString()));
    await once(socket, 'open');
    socket.send('{"type":"connection_init"}');
    await eventually(() => texts.shift() === '{"type":"connection_ack"}');
    socket.send(JSON.stringify({ id, type: 'subscribe', payload: { query: 'subscription { x }' } }));
    return { socket, texts, sequences: () => texts.map((text) => workflowOf(text).slice(-10)).map(Number) };
  }
  const workflowOf = (text: string) => (JSON.parse(text) as Next).payload.data.coverageUpdates.workflowId;

  it('sends each member its own numbered events, in whole messages with the id of who subscribed', async () => {
    const before = nowMicros();
    const [first, second] = [await subscriber('m0', 'one'), await subscriber('m1', 'a-longer-id')];
    await subscriptions(2);
    expect(await ask({ do: 'generate', kind: 'unicast', members: 2, count: 6, perTurn: 4 })).toMatchObject({
      did: 'generate',
      sent: 6,
    });
    expect(await ask({ do: 'generate', kind: 'unicast', members: 2, count: 2, perTurn: 1, rate: 1_000 })).toMatchObject({
      sent: 2,
    });
    await eventually(() => first.texts.length === 4 && second.texts.length === 4);
    expect([first.sequences(), second.sequences()]).toEqual([
      [1, 2, 3, 4],
      [1, 2, 3, 4],
    ]);
    for (const [{ texts }, id] of [
      [first, 'one'],
      [second, 'a-longer-id'],
    ] as const) {
      for (const [index, text] of texts.entries()) {
        const timeMicros = Number(workflowOf(text).slice('wf-T'.length, 'wf-T'.length + 16));
        expect(timeMicros).toBeGreaterThan(before);
        expect(timeMicros).toBeLessThan(nowMicros());
        const event = eventJson({ member: '', timeMicros, sequence: index + 1 });
        expect(text).toBe(`{"id":"${id}","type":"next","payload":{"data":{"coverageUpdates":${event}}}}`);
      }
    }
  });

  it('sends a broadcast to everyone who subscribed to it, and to nobody else', async () => {
    const crowd = [await subscriber('broadcast', '1'), await subscriber('broadcast', '2'), await subscriber('broadcast', '3')];
    const other = await subscriber('m0', '1');
    await subscriptions(4);
    await ask({ do: 'generate', kind: 'broadcast', members: 1, count: 3, perTurn: 1 });
    await eventually(() => crowd.every(({ texts }) => texts.length === 3));
    for (const { sequences } of crowd) expect(sequences()).toEqual([1, 2, 3]);
    expect(other.texts).toEqual([]);
  });

  it('forgets who completed and who went', async () => {
    const [completes, goes, stays] = [await subscriber('m0', '1'), await subscriber('m1', '1'), await subscriber('m2', '1')];
    await subscriptions(3);
    completes.socket.send('{"id":"1","type":"complete"}');
    goes.socket.terminate();
    await subscriptions(1);
    await ask({ do: 'generate', kind: 'unicast', members: 3, count: 9, perTurn: 9 });
    await eventually(() => stays.texts.length === 3);
    expect(completes.texts).toEqual([]);
  });

  it('loses nothing to a client that reads slowly', async () => {
    const slow = await subscriber('m0', '1');
    await subscriptions(1);
    slow.socket.pause();
    const count = 40_000; // some 18 MB: more than both kernels' buffers take
    const generated = ask({ do: 'generate', kind: 'unicast', members: 1, count, perTurn: 1_000 });
    const early = await Promise.race([generated, new Promise((resolve) => setTimeout(resolve, 500, 'still waiting'))]);
    expect(early).toBe('still waiting');
    slow.socket.resume();
    await generated;
    await eventually(() => slow.texts.length === count);
    expect(slow.sequences()).toEqual(Array.from({ length: count }, (_, index) => index + 1));
  });

  it('is measured by the load client without a loss, with a thousand sockets of both kinds', async () => {
    const load = await startLoadClient(stack);
    await load.ask(`target 127.0.0.1 ${port} / graphql-transport-ws`);
    const steps = (member: string, id: number) => [
      `@/?member=${member}`,
      '>{"type":"connection_init"}',
      '<connection_ack',
      `>{"id":"${id}","type":"subscribe","payload":{}}`,
    ];
    const members = 500;
    const connections = Array.from({ length: members }, (_, i) => [steps(`m${i}`, i), steps('broadcast', i)]).flat();
    expect(await load.connect(connections)).toMatchObject({ connected: 2 * members, failed: 0 });
    await subscriptions(2 * members);
    await ask({ do: 'generate', kind: 'unicast', members, count: 20 * members, perTurn: 64 });
    await ask({ do: 'generate', kind: 'broadcast', members, count: 20, perTurn: 1 });
    expect(await load.ask(`await ${40 * members} 20000`)).toMatchObject({
      received: 40 * members,
      lost: 0,
      repeated: 0,
      errors: 0,
      closed: 0,
    });
  });
});
