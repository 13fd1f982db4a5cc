import { afterEach, expect, test } from 'vitest';

import { createClient, type LifelineClient } from '../../src/client/index.ts';
import { startProxy, type Proxy } from '../faults/harness/proxy.ts';
import { eventually } from '../support/eventually.ts';
import { exampleEvent } from '../support/events.ts';
import { startLifeline, type Lifeline } from '../support/lifeline.ts';

let server: Lifeline | undefined;
let client: LifelineClient | undefined;
let proxy: Proxy | undefined;
afterEach(async () => {
  await client?.close();
  await proxy?.stop();
  await server?.kill();
});

test('a program that is killed and started again, with another log and another secret, is come back to in real time', async () => {
  server = await startLifeline([]);
  proxy = await startProxy(Number(new URL(server.url).port));
  const send = async (callId: string) => {
    const response = await fetch(new URL('/dev/events', server?.url), {
      method: 'POST',
      headers: { 'content-type': 'application/cloudevents+json' },
      body: JSON.stringify(exampleEvent('call.join', { channelId: callId })),
    });
    expect(response.status).toBe(202);
  };
  const calls: string[] = [];
  client = createClient({
    url: `http://127.0.0.1:${String(proxy.port)}/graphql`,
    token: async () => (await fetch(new URL('/dev/token?member=m-1', server?.url))).text(),
  });
  client.videoVisitEvents({}, { onEvent: ({ callId }) => calls.push(callId) });
  await eventually(() => client?.status.get().state === 'push', { what: 'push' });
  await send('before');
  await eventually(() => calls.length === 1, { what: 'the first event' });

  await server.kill();
  await eventually(() => client?.status.get().state !== 'push', { what: 'seen to be gone' });
  server = await startLifeline([]);
  proxy.retarget(Number(new URL(server.url).port));
  await send('after');
  await eventually(() => calls.length === 2, { what: 'the event of the new program', withinMs: 30_000 });
  await eventually(() => client?.status.get().state === 'push', { what: 'push again' });
  expect(calls).toEqual(['before', 'after']);
});
