import { afterAll, beforeAll, expect, test } from 'vitest';

import type { EventType } from '../../src/event/catalogue.ts';
import { eventually } from '../support/eventually.ts';
import { exampleEvent } from '../support/events.ts';
import { pending, request, type EventNode } from '../support/graphql.ts';
import { startLifeline, testSecret, tokenFor, type Lifeline } from '../support/lifeline.ts';
import { kotlinBuildMs, kotlinClassPath } from './kotlin-build.ts';
import type { KotlinProgram } from './kotlin-program.ts';
import { portOf, startPhone } from './phone.ts';

const account = 'A123';
const serve = () => startLifeline(['all'], { JWT_SECRET: testSecret, CURSOR_SECRET: testSecret });
let classPath: string;
let shared: Lifeline;
let another: Lifeline;

beforeAll(async () => {
  classPath = await kotlinClassPath();
  [shared, another] = await Promise.all([serve(), serve()]);
}, kotlinBuildMs);
afterAll(() => Promise.all([shared?.stop(), another?.stop()]));

async function happen(lifeline: Lifeline, member: string, ...types: readonly EventType[]): Promise<void> {
  for (const type of types) {
    const response = await fetch(new URL('/dev/events', lifeline.url), {
      method: 'POST',
      headers: { 'content-type': 'application/cloudevents+json' },
      body: JSON.stringify(exampleEvent(type, { member })),
    });
    if (response.status !== 202) throw new Error(`${type}: ${response.status} ${await response.text()}`);
  }
}

/** What the log holds for the member, in order. */
async function logged(lifeline: Lifeline, member: string, domain: 'rte' | 'video-visit'): Promise<string[]> {
  const query = `query ($channel: String!) { memberEvents(channel: $channel, first: 1000) { nodes { delivery { id } } } }`;
  const { data } = await request<{ memberEvents: { nodes: EventNode[] } }>(lifeline.url, await tokenFor(member), query, {
    channel: `/member/${member}/${domain}/*`,
  });
  return data?.memberEvents.nodes.map(({ delivery }) => delivery.id) ?? [];
}

async function nothingPending(lifeline: Lifeline, member: string): Promise<void> {
  await eventually(
    async () => {
      const { data } = await request<{ pendingDeliveries: { nodes: EventNode[] } }>(lifeline.url, await tokenFor(member), pending);
      return data?.pendingDeliveries.nodes.length === 0;
    },
    { what: 'every event acknowledged' },
  );
}

const handled = (apps: readonly KotlinProgram[], stream: string) =>
  apps.flatMap((app) => app.of('event', stream)).map(({ id }) => id);

test.concurrent('an app sees every event exactly once, in order, while its network comes and goes and its process is killed', async ({
  onTestFinished: cleanUp,
}) => {
  const member = 'm-kotlin';
  const issue = () => tokenFor(member, { accounts: [account] });
  const { http, socket, start } = await startPhone({ lifeline: shared, classPath, issue, cleanUp });
  const streams = { account, calls: 'all' };
  const app = start(streams);
  const apps = [app];
  const arrived = async (count: number, how: string) => {
    const [current = app] = apps.slice(-1);
    await current.until(
      `${count} events (${how})`,
      () => handled(apps, 'coverage').length + handled(apps, 'calls').length >= count,
    );
  };
  const bothPushing = () => app.until('both streams pushed', () => app.pushing('coverage') && app.pushing('calls'));

  await happen(shared, member, 'call.accepted', 'rte.failed'); // before the app is there
  await bothPushing();
  await happen(shared, member, 'rte.completed', 'call.ready');
  await arrived(4, 'pushed');

  socket.set({ do: 'refuse' }); // only the socket: polling takes over
  await happen(shared, member, 'call.join', 'rte.timeout');
  await arrived(6, 'polled');
  const later = app.of('event').slice(4);
  expect(later.map(({ via }) => via)).toEqual(['poll', 'poll']);

  http.set({ do: 'refuse' }); // nothing at all, then everything again
  await happen(shared, member, 'call.extend', 'rte.failed');
  const retries = app.of('retry').length;
  await app.until('it tries again', () => app.of('retry').length > retries);
  http.set({ do: 'pass' });
  socket.set({ do: 'pass' });
  app.wake();
  await arrived(8, 'after nothing worked');
  await bothPushing();

  socket.set({ do: 'blackhole' }); // the socket stays open and says nothing: only a heartbeat sees that
  await happen(shared, member, 'rte.completed');
  await arrived(9, 'although the socket is dead');
  socket.set({ do: 'pass' });
  await bothPushing();

  await app.kill();
  await happen(shared, member, 'call.ended', 'rte.timeout');
  apps.push(start(streams));
  await arrived(11, 'after the app was killed');

  await nothingPending(shared, member);
  expect(handled(apps, 'coverage')).toEqual(await logged(shared, member, 'rte'));
  expect(handled(apps, 'calls')).toEqual(await logged(shared, member, 'video-visit'));
});

test.concurrent('a repeat is dropped and acknowledged again', async ({ onTestFinished: cleanUp }) => {
  const member = 'm-kotlin-repeats';
  const { http, start } = await startPhone({ lifeline: shared, classPath, issue: () => tokenFor(member), cleanUp });
  const app = start({ channel: `/member/${member}/**` });
  await app.until('pushed', () => app.pushing('channel'));

  http.set({ do: 'refuse' }); // acknowledgements go by HTTP: the event arrives, the answer is lost
  await happen(shared, member, 'call.ready');
  await app.until('the event comes again', () => app.of('repeat').length > 0);
  expect(app.of('acknowledged')).toEqual([]);
  http.set({ do: 'pass' });
  app.wake();

  await nothingPending(shared, member);
  expect(app.of('event').map(({ id }) => id)).toEqual([...new Set(app.of('repeat').map(({ id }) => id))]);
});

test.concurrent('a token that is refused is asked for again, and one that ends is followed by the next on the same socket', async ({
  onTestFinished: cleanUp,
}) => {
  const member = 'm-kotlin-token';
  const ttlSeconds = 6;
  const issue = (before: number) => (before === 0 ? 'nonsense' : tokenFor(member, { ttlSeconds }));
  const { tokens, start } = await startPhone({ lifeline: shared, classPath, issue, cleanUp });
  const app = start({ calls: 'all' });
  await app.until('refused', () => app.of('retry').some(({ next }) => next === 'after-refresh'));
  await app.until('pushed', () => app.pushing('calls'));
  const firstEnds = Date.now() + ttlSeconds * 1_000;
  await app.until('refreshed', () => app.of('refreshed').length > 0);
  expect(tokens.given).toBeGreaterThanOrEqual(3);

  await app.until('the first token has ended', () => Date.now() > firstEnds);
  const interruptions = app.of('retry').length;
  await happen(shared, member, 'call.join');
  await app.until('an event under the newer token', () => app.of('event').length === 1);
  expect(app.of('event')[0]?.via).toBe('push');
  expect(app.of('retry')).toHaveLength(interruptions);
  await nothingPending(shared, member);
});

test.concurrent('a lost log is asked for anew and then followed; a stream that is forbidden stops alone', async ({
  onTestFinished: cleanUp,
}) => {
  const member = 'm-kotlin-resync';
  const issue = () => tokenFor(member, { accounts: [account] });
  const { http, socket, start } = await startPhone({ lifeline: shared, classPath, issue, cleanUp });
  const app = start({ account: 'B999', calls: 'all' });
  await app.until('stopped', () => app.of('stopped').length > 0);
  expect(app.of('stopped')).toMatchObject([{ stream: 'coverage', reason: expect.stringContaining('FORBIDDEN') as string }]);
  await happen(shared, member, 'call.ready');
  await app.until('the other stream goes on', () => app.of('event', 'calls').length === 1);
  await nothingPending(shared, member);

  await happen(another, member, 'call.join', 'call.extend');
  for (const proxy of [http, socket]) proxy.retarget(portOf(another)); // another log: both are in memory
  await app.until('told to ask anew', () => app.of('retry').some(({ next }) => next === 'after-resync'));
  await app.until('what the new log holds', () => app.of('event').length === 3);
  await app.until('pushed again', () => app.pushing('calls'));
  await happen(another, member, 'call.ended');
  await app.until('what comes after', () => app.of('event').length === 4);
  await nothingPending(another, member);
  expect(handled([app], 'calls').slice(1)).toEqual(await logged(another, member, 'video-visit'));
});
