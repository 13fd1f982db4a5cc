import { afterEach, beforeEach, expect, test } from 'vitest';

import { CoverageTimeout } from '../../src/client/index.ts';
import { startWorld, type World } from './world.ts';

let world: World;
beforeEach(async () => {
  world = await startWorld();
});
afterEach(() => world.stop());

test('a wait ends with the result that is pushed, and closes it', async () => {
  const device = world.device();
  const wait = device.client.waitForCoverage('wf-1');
  await world.until(() => device.client.status.get().state === 'push', 'push');
  await world.pass(1_000);
  await world.send('rte.progress', { workflowId: 'wf-1', percent: 40 });
  await world.send('rte.completed', { workflowId: 'wf-2' }); // another check
  const { id } = await world.send('rte.completed', { workflowId: 'wf-1' });
  expect(await world.during(wait)).toMatchObject({ status: 'COMPLETED', workflowId: 'wf-1', delivery: { id } });
  await world.until(async () => (await world.pending()) === 1, 'only the other check is pending');
});

test('a result that was there before is found at once', async () => {
  await world.send('rte.failed', { workflowId: 'wf-1' });
  const device = world.device();
  expect(await world.during(device.client.waitForCoverage('wf-1'))).toMatchObject({ status: 'FAILED' });
});

test('a wait ends by asking where nothing is pushed', async () => {
  const device = world.device({ transports: ['POLLING'] });
  const wait = device.client.waitForCoverage('wf-1');
  await world.pass(3_000);
  await world.send('rte.completed', { workflowId: 'wf-1' });
  expect(await world.during(wait)).toMatchObject({ status: 'COMPLETED' });
});

test('out of time it says what it knew last, and stops asking', async () => {
  const device = world.device();
  await world.send('rte.progress', { workflowId: 'wf-1', percent: 40 });
  const wait = device.client.waitForCoverage('wf-1', { timeoutMs: 10_000 });
  const startedAt = Date.now();
  const error = await world.during(wait.catch((thrown: unknown) => thrown));
  expect(error).toBeInstanceOf(CoverageTimeout);
  expect(error).toMatchObject({ workflowId: 'wf-1', lastKnown: { status: 'PROCESSING', percent: 40 } });
  expect(Date.now() - startedAt).toBeLessThanOrEqual(10_500);
  await world.pass(1_000);
  const asked = world.requests.length;
  await world.pass(60_000);
  expect(world.requests).toHaveLength(asked);
  expect(device.client.status.get().state).toBe('idle');
});

test('a wait can be aborted, before and after its start, and ends with its client', async () => {
  const device = world.device();
  const reason = new Error('the member left the page');
  await expect(device.client.waitForCoverage('wf-1', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  const abort = new AbortController();
  const aborted = device.client.waitForCoverage('wf-1', { signal: abort.signal });
  const closed = device.client.waitForCoverage('wf-1');
  const settled = Promise.allSettled([aborted, closed]);
  await world.pass(500);
  abort.abort(reason);
  await device.leave();
  expect(await world.during(settled)).toMatchObject([
    { status: 'rejected', reason },
    { status: 'rejected', reason: { code: 'CLOSED' } },
  ]);
  expect(await world.metric('lifeline_subscriptions_active')).toBe(0);
});

test('a wait and a stream of the same account both learn of the result', async () => {
  const device = world.device();
  const statuses: string[] = [];
  device.client.coverageUpdates({ accountId: 'A123' }, { onEvent: ({ status }) => statuses.push(status) });
  const wait = device.client.waitForCoverage('wf-1');
  await world.pass(2_000);
  await world.send('rte.completed', { workflowId: 'wf-1' });
  await world.during(wait);
  await world.until(() => statuses.length === 1, 'the stream, too');
});

test('a wait that may not be answered says so at once', async () => {
  const device = world.device();
  await expect(world.during(device.client.waitForCoverage(''))).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
});
