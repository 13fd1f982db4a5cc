import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { createWatchdog, type Watchdog } from '../../src/graphql/watchdog.ts';
import { createLogger } from '../../src/operations/logger.ts';
import { createMetrics, type Metrics } from '../../src/operations/metrics.ts';
import { eventually } from '../support/eventually.ts';

let listener: Server;
let near: Socket;
let far: Socket;
let time = 0;
let metrics: Metrics;
let watchdog: Watchdog;
let cuts: number;
let pings: number;

beforeEach(async () => {
  // The sweep's interval only: sockets live in real time.
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  far = connect(address.port, '127.0.0.1');
  far.on('error', () => {}); // it is cut in these tests
  [near] = (await once(listener, 'connection')) as [Socket];
  near.on('error', () => {});
  time = 0;
  cuts = 0;
  pings = 0;
  metrics = createMetrics();
  watchdog = createWatchdog({ metrics, logger: createLogger('silent'), now: () => time });
});
afterEach(() => {
  watchdog.stop();
  vi.useRealTimers();
  near.destroy();
  far.destroy();
  listener.close();
});

const watch = (pinged = false) =>
  watchdog.watch({
    socket: near,
    queued: () => near.writableLength,
    cut: () => void cuts++,
    ping: pinged ? () => void pings++ : null,
  });
const pass = (seconds: number) => {
  for (let second = 0; second < seconds; second++) {
    time += 1_000;
    vi.advanceTimersByTime(1_000);
  }
};
const reasons = async () =>
  Object.fromEntries((await metrics.socketsTerminated.get()).values.map(({ labels, value }) => [labels.reason, value]));
/** Writes until the kernel takes no more, and a little beyond. */
const fill = async (more: number) => {
  while (near.write(Buffer.alloc(64 * 1024))) await new Promise((resolve) => setImmediate(resolve));
  await eventually(() => near.writableLength > 0);
  near.write(Buffer.alloc(more));
};

describe('a socket', () => {
  test('that takes nothing for 15 s although there is something to take is cut', async () => {
    far.pause();
    await fill(1_000);
    watch();
    pass(14);
    expect(cuts).toBe(0);
    pass(2);
    expect(cuts).toBe(1);
    expect(await reasons()).toEqual({ stalled: 1 });
  });

  test('is not taken for a reader because of the pings that wait behind what it does not read', async () => {
    far.pause();
    await fill(1_000);
    watchdog.watch({
      socket: near,
      queued: () => near.writableLength,
      cut: () => void cuts++,
      ping: () => void near.write('ping'),
    });
    pass(16);
    expect(await reasons()).toEqual({ stalled: 1 });
  });

  test('that takes its bytes, however slowly, is left alone', async () => {
    far.pause();
    await fill(1_000);
    watch();
    pass(14);
    const taken = near.bytesWritten - near.writableLength;
    far.resume();
    await eventually(() => near.bytesWritten - near.writableLength > taken);
    far.pause();
    near.write(Buffer.alloc(1_000));
    pass(14);
    expect(cuts).toBe(0);
  });

  test('with nothing to take is left alone for ever', () => {
    watch();
    pass(3_600);
    expect(cuts).toBe(0);
  });

  test('for which more than 1 MiB wait is cut at once', async () => {
    far.pause();
    await fill(1024 * 1024 + 1);
    watch();
    pass(1);
    expect(cuts).toBe(1);
    expect(await reasons()).toEqual({ buffer: 1 });
  });

  test('is pinged at most 12 s apart, and cut within 30 s when it does not answer', async () => {
    watch(true);
    pass(12);
    expect(pings).toBe(1);
    pass(17);
    expect(cuts).toBe(1);
    expect(await reasons()).toEqual({ silent: 1 });
  });

  test('that answers lives on', () => {
    const watched = watch(true);
    for (let minute = 0; minute < 5; minute++) {
      pass(20);
      watched.heard();
    }
    expect(cuts).toBe(0);
    expect(pings).toBeGreaterThanOrEqual(9);
  });

  test('is not blamed for the time in which this process itself stood still', () => {
    watch(true);
    pass(5);
    time += 3_600_000;
    vi.advanceTimersByTime(1_000);
    expect(cuts).toBe(0);
    pass(25);
    expect(cuts).toBe(1);
  });

  test('that comes right after a standstill is watched like any other', () => {
    time += 3_600_000;
    watch(true);
    vi.advanceTimersByTime(1_000);
    pass(29);
    expect(cuts).toBe(1);
  });

  test('is not pinged while it says something', () => {
    const watched = watch(true);
    for (let second = 0; second < 60; second += 5) {
      pass(5);
      watched.heard();
    }
    expect(pings).toBe(0);
    pass(12);
    expect(pings).toBe(1);
  });

  test('is not looked at any more once released', () => {
    watch(true).release();
    pass(60);
    expect([cuts, pings]).toEqual([0, 0]);
  });
});

describe('many sockets', () => {
  let looks: number[];
  const peer = (index: number) => ({
    socket: near,
    queued: () => {
      looks[index] = (looks[index] ?? 0) + 1;
      return 0;
    },
    cut: () => {},
    ping: null,
  });
  const turns = (count: number) => {
    for (let turn = 0; turn < count; turn++) {
      time += 50;
      vi.advanceTimersByTime(50);
    }
  };
  const looked = () => looks.reduce((sum, each) => sum + each, 0);
  beforeEach(() => {
    looks = [];
  });

  test('are looked at a few in each turn, and each of them once a second', () => {
    for (let index = 0; index < 1_000; index++) watchdog.watch(peer(index));
    turns(1);
    expect(looked()).toBe(50);
    turns(19);
    expect([looks.length, Math.min(...looks), Math.max(...looks)]).toEqual([1_000, 1, 1]);
  });

  test('are all looked at while others come and go', () => {
    const steady = Array.from({ length: 100 }, (_, index) => index);
    for (const index of steady) watchdog.watch(peer(index));
    for (let second = 0; second < 10; second++) {
      const passing = Array.from({ length: 100 }, (_, index) => watchdog.watch(peer(1_000 + index)));
      turns(10);
      for (const watched of passing) watched.release();
      turns(10);
    }
    expect(Math.min(...steady.map((index) => looks[index] ?? 0))).toBeGreaterThanOrEqual(6);
  });

  test('are all looked at in a turn that comes a second late', () => {
    for (let index = 0; index < 1_000; index++) watchdog.watch(peer(index));
    time += 1_000;
    vi.advanceTimersByTime(50);
    expect(looked()).toBe(1_000);
  });
});
