import { afterEach, expect, test } from 'vitest';

import { createDoorbell } from '../../src/log/doorbell.ts';
import type { Ring } from '../../src/log/log.ts';
import { createRedisNodes } from '../../src/log/redis-nodes.ts';
import { createSingleTopology } from '../../src/log/redis-topology.ts';
import { startRedis } from '../support/redis.ts';
import { recordingLogger, until } from './fixtures.ts';

// A name or a virtual address that leads to another primary: the two connections need not move at the same time.
const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

async function topology() {
  const redis = await startRedis();
  cleanUps.push(() => redis.stop());
  const single = createSingleTopology({ kind: 'single', url: redis.url, tls: false }, undefined);
  cleanUps.push(() => single.close());
  return single;
}

test('another server behind the connection for commands is told of, once, and the first one is not', async () => {
  let runId = 'a';
  const told: string[] = [];
  const nodes = createRedisNodes({
    topology: await topology(),
    first: 'k',
    log: recordingLogger(),
    inspect: async () => runId,
    inspectFirst: async () => undefined,
    prepare: async () => undefined,
    onOtherServer: (address) => told.push(address),
  });
  cleanUps.push(() => nodes.close());
  await nodes.ready;
  expect(told).toEqual([]);
  runId = 'b';
  await until(() => told.length > 0, 'the other server');
  runId = 'c';
  await until(() => told.length > 1, 'the one after it');
  expect(told).toEqual(['redis', 'redis']);
});

test('who listens where another server answers is told that rings may have been of another log', async () => {
  const doorbell = createDoorbell(await topology(), recordingLogger(), () => null);
  cleanUps.push(() => doorbell.close());
  const rings: Ring[] = [];
  await doorbell.listen('lifeline:bell', (ring) => rings.push(ring));
  doorbell.doubt('another');
  expect(rings).toEqual([]);
  doorbell.doubt('redis');
  expect(rings).toEqual([{ kind: 'interrupted' }]);
});
