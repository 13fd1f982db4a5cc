import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { exampleEvent, structuredRecord } from '../support/events.ts';
import { type EventNode, pending, request, subscribe, subscribeSse } from '../support/graphql.ts';
import { type Lifeline, startLifeline } from '../support/lifeline.ts';

let lifeline: Lifeline;
let origin: string;

beforeAll(async () => {
  lifeline = await startLifeline([]);
  origin = new URL(lifeline.url).origin;
});
afterAll(() => lifeline?.stop());

const devToken = async (query: string) => (await fetch(`${origin}/dev/token?${query}`)).text();
const post = (contentType: string, body: string, headers: Record<string, string> = {}) =>
  fetch(`${origin}/dev/events`, { method: 'POST', headers: { 'content-type': contentType, ...headers }, body });

test('is ready at once, says loudly that nothing is kept, and shows where to look', async () => {
  expect((await lifeline.readyz()).status).toBe(200);
  expect(lifeline.log.filter(({ msg }) => msg === 'ready')).toHaveLength(1);
  expect(lifeline.log.some(({ level, msg }) => level === 'warn' && msg.includes('nothing is kept'))).toBe(true);
  expect(lifeline.stderr()).toContain('NOTHING IS KEPT');
  expect(lifeline.stderr()).toContain(lifeline.url);
  expect(lifeline.stderr()).toContain(`curl -N ${lifeline.url}`);
});

test('a port that is taken ends the start with one sentence that says what to set', async () => {
  const { port } = new URL(lifeline.url);
  const second = spawnSync(process.execPath, ['src/main.ts'], {
    cwd: new URL('../..', import.meta.url),
    env: { PATH: process.env['PATH'], PORT: port },
    encoding: 'utf8',
  });
  expect(second.status).toBe(1);
  expect(second.stderr).toMatch(new RegExp(`^Port ${port} on 127\\.0\\.0\\.1 is taken: [^\\n]* PORT [^\\n]*\\.\\n$`));
});

test('tells the story of member demo: a check that progresses and ends, and a visit', async () => {
  const token = await devToken('member=demo&accounts=A123');
  const subscribed = subscribeSse(lifeline.url, token, 'demo');
  const events = await subscribed.take(3);
  expect(events.map(({ type }) => type)).toContain('rte.completed');
  expect(events.find(({ type }) => type === 'rte.completed')).toMatchObject({ accountId: 'A123', status: 'COMPLETED' });
  subscribed.stop();
});

test('the curl line of the welcome works as it is printed', async () => {
  const line = /curl -N [^]*?'\n/.exec(lifeline.stderr())?.[0] ?? '';
  const shell = spawn('sh', ['-c', line], { stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  shell.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  await expect.poll(() => output, { timeout: 20_000 }).toMatch(/"workflowId":"wf-\d+"/);
  shell.kill();
});

test('the event of the welcome is taken as it is printed', async () => {
  const line = /curl \S+\/dev\/events [^]*?'\n/.exec(lifeline.stderr())?.[0] ?? '';
  const { stdout } = await promisify(execFile)('sh', ['-c', line]);
  expect(JSON.parse(stdout)).toEqual({ accepted: 1 });
});

describe('POST /dev/events', () => {
  test.each([
    ['structured', (event: ReturnType<typeof exampleEvent>) => post('application/cloudevents+json', JSON.stringify(event))],
    ['batch', (event: ReturnType<typeof exampleEvent>) => post('application/cloudevents-batch+json', JSON.stringify([event]))],
    [
      'binary',
      ({ data, datacontenttype, ...attributes }: ReturnType<typeof exampleEvent>) =>
        post(
          datacontenttype,
          JSON.stringify(data),
          Object.fromEntries(
            Object.entries(attributes).map(([name, value]) => [
              `ce-${name}`,
              typeof value === 'string' ? value : JSON.stringify(value),
            ]),
          ),
        ),
    ],
  ])('takes an event in the %s mode down the same path as a Kafka record', async (mode, send) => {
    const member = `m-${mode}`;
    const token = await devToken(`member=${member}`);
    const subscribed = subscribe(lifeline.wsUrl, token, member);
    const event = exampleEvent('rte.completed', { member });
    const response = await send(event);
    expect(response.status).toBe(202);
    expect((await subscribed.take(1))[0]).toMatchObject({ type: 'rte.completed', occurredAt: event['time'] });
    subscribed.stop();
  });

  test('answers 400 with the reason, and takes nothing of a batch with a bad event', async () => {
    const member = 'm-half';
    const [good, bad] = [
      exampleEvent('rte.failed', { member }),
      exampleEvent('rte.progress', { member, data: { percent: 'forty' } }),
    ];
    const response = await post('application/cloudevents-batch+json', JSON.stringify([good, bad]));
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ reason: 'invalid-payload', index: 1 });
    const answer = await request<{ pendingDeliveries: { nodes: EventNode[] } }>(
      lifeline.url,
      await devToken(`member=${member}`),
      pending,
    );
    expect(answer.data?.pendingDeliveries.nodes).toEqual([]);
  });

  test.each([
    ['application/cloudevents+json', '{', 400, 'invalid-json'],
    ['application/cloudevents-batch+json', '{}', 400, 'invalid-json'],
    ['application/cloudevents+json', JSON.stringify({ ...exampleEvent('rte.failed'), subject: 'a/b' }), 400, 'invalid-envelope'],
    ['application/cloudevents+json', JSON.stringify({ ...exampleEvent('rte.failed'), type: 'x.y' }), 400, 'unknown-type'],
    ['application/json', '{}', 400, 'invalid-envelope'],
    ['application/cloudevents+json', structuredRecord(exampleEvent('call.ready', { time: 0 })).value, 400, 'expired'],
    ['text/plain', 'hello', 415, undefined],
  ])('%s %.20s: %i %s', async (contentType, body, status, reason) => {
    const response = await post(contentType, String(body));
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject(reason === undefined ? { error: expect.any(String) } : { reason });
  });
});

test('GET /dev/token refuses what could not be a member, and other methods', async () => {
  expect((await fetch(`${origin}/dev/token?member=a%2F**`)).status).toBe(400);
  expect((await fetch(`${origin}/dev/token`, { method: 'POST' })).status).toBe(405);
});

test.each(['//', 'http://[', '/\\', '/dev/token/'])('a request for %s, which no page has, is answered with 404', async (target) => {
  const { hostname, port } = new URL(origin);
  const socket = connect(Number(port), hostname);
  socket.end(`GET ${target} HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n\r\n`);
  const [head] = (await once(socket, 'data')) as [Buffer];
  expect(String(head)).toMatch(/^HTTP\/1\.1 404 /);
  socket.destroy();
});
