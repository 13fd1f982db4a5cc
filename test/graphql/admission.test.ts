import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { createConnection } from 'node:net';

import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';

import { addressOf } from '../../src/graphql/client-address.ts';
import { eventually } from '../support/eventually.ts';
import { startEdge, tokenFor, type Edge } from './support.ts';

let edge: Edge;
afterEach(() => edge?.stop());

const limited = async (admission: { maxConnections?: number; maxConnectionsPerAddress?: number; trustedProxies?: number }) => {
  const { maxConnections = null, maxConnectionsPerAddress = null, trustedProxies = 0 } = admission;
  edge = await startEdge({ admission: { maxConnections, maxConnectionsPerAddress, trustedProxies } });
};

interface Knock {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly socket: WebSocket;
}

/** Asks for a WebSocket: 101, or what it is refused with. */
const knock = (headers: Record<string, string> = {}) =>
  new Promise<Knock>((resolve, reject) => {
    const socket = new WebSocket(edge.url.replace('http', 'ws'), 'graphql-transport-ws', { headers });
    socket.on('open', () => resolve({ status: 101, retryAfter: undefined, socket }));
    socket.on('unexpected-response', (request, response) => {
      request.destroy();
      resolve({ status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'], socket });
    });
    socket.on('error', reject);
  });

const givenBack = () =>
  eventually(
    async () => {
      const { status, socket } = await knock();
      socket.terminate();
      return status === 101;
    },
    { what: 'the place given back' },
  );

const calls = 'subscription { videoVisitEvents { kind } }';

describe('MAX_CONNECTIONS', () => {
  test('refuses the WebSocket above it with 503 and a time to wait, and counts it', async () => {
    await limited({ maxConnections: 1 });
    const first = await knock();
    expect(first.status).toBe(101);
    expect(await knock()).toMatchObject({ status: 503, retryAfter: '5' });
    expect(await edge.metric('websocket_connections_total')).toBe(1);
    expect(await edge.metric('lifeline_connections_refused_total')).toBe(1);
    first.socket.terminate();
    await givenBack();
  });

  test('counts event streams too, and refuses them before their token is looked at', async () => {
    await limited({ maxConnections: 1 });
    const stream = await edge.sse(calls, await tokenFor('m-1'));
    expect(stream.status).toBe(200);
    const refused = await edge.post(calls, { token: 'no token at all', headers: { accept: 'text/event-stream' } });
    expect(refused.status).toBe(503);
    expect(refused.response.headers.get('retry-after')).toBe('5');
    expect(refused.errors?.[0]?.extensions).toEqual({ code: 'UNAVAILABLE', retry: 'backoff' });
    expect((await knock()).status).toBe(503);
    // What is no stream is served all the same: polling is what is left to a client that is refused.
    expect((await edge.post('{ session { memberId } }', { token: await tokenFor('m-1') })).status).toBe(200);
    stream.close();
    await givenBack();
  });

  test('gives the place of a broken handshake back', async () => {
    await limited({ maxConnections: 1 });
    const headers = { connection: 'upgrade', upgrade: 'websocket' };
    const refused = get(edge.url, { headers });
    const [response] = (await once(refused, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(400);
    refused.destroy();
    await givenBack();
  });

  test('a stream that was sent behind another one, over the same connection, holds no place when that is gone', async () => {
    await limited({ maxConnections: 2 });
    const { hostname, port } = new URL(edge.url);
    const body = JSON.stringify({ query: calls });
    const head = `POST /graphql HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: Bearer ${await tokenFor('m-1')}\r\naccept: text/event-stream`;
    const request = `${head}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    const client = createConnection(Number(port), hostname).on('error', () => undefined);
    client.write(request.repeat(2));
    const [answer] = (await once(client, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1.1 200/);
    client.destroy();
    await eventually(
      async () => {
        const both = await Promise.all([knock(), knock()]);
        for (const { socket } of both) socket.terminate();
        return both.every(({ status }) => status === 101);
      },
      { what: 'both places given back', withinMs: 8_000 },
    );
  });

  test('off, it refuses nobody', async () => {
    await limited({});
    const knocks = await Promise.all(Array.from({ length: 200 }, () => knock()));
    expect(knocks.map(({ status }) => status)).toEqual(Array.from({ length: 200 }, () => 101));
    for (const { socket } of knocks) socket.terminate();
  });
});

describe('MAX_CONNECTIONS_PER_ADDRESS', () => {
  test('refuses the WebSocket above it with 429 and a time to wait', async () => {
    await limited({ maxConnectionsPerAddress: 2 });
    const open = [await knock(), await knock()];
    expect(await knock()).toMatchObject({ status: 429, retryAfter: '5' });
    // Nobody trusted has written this header: it changes nothing.
    expect((await knock({ 'x-forwarded-for': '192.0.2.1' })).status).toBe(429);
    for (const { socket } of open) socket.terminate();
    await givenBack();
  });

  test('counts clients behind a trusted proxy one by one', async () => {
    await limited({ maxConnectionsPerAddress: 1, trustedProxies: 1 });
    const from = (address: string) => knock({ 'x-forwarded-for': address });
    const open = [await from('192.0.2.1'), await from('192.0.2.2')];
    expect(open.map(({ status }) => status)).toEqual([101, 101]);
    expect((await from('192.0.2.1')).status).toBe(429);
    expect((await from('203.0.113.9, 192.0.2.1')).status).toBe(429); // what the client put in front of it is not believed
    for (const { socket } of open) socket.terminate();
  });

  test('refuses event streams with 429', async () => {
    await limited({ maxConnectionsPerAddress: 1 });
    const { socket } = await knock();
    const refused = await edge.post(calls, { token: await tokenFor('m-1'), headers: { accept: 'text/event-stream' } });
    expect(refused.status).toBe(429);
    expect(refused.errors?.[0]?.extensions).toEqual({ code: 'RATE_LIMITED', retry: 'backoff' });
    socket.terminate();
  });
});

describe('the address of a client', () => {
  const request = (remoteAddress: string, forwarded?: string) =>
    ({ socket: { remoteAddress }, headers: { 'x-forwarded-for': forwarded } }) as unknown as IncomingMessage; // all of it that is read

  test.each([
    ['10.0.0.1', undefined, 0, '10.0.0.1'],
    ['10.0.0.1', '192.0.2.1', 0, '10.0.0.1'],
    ['10.0.0.1', '192.0.2.1', 1, '192.0.2.1'],
    ['10.0.0.1', 'forged, 192.0.2.1', 1, '192.0.2.1'],
    ['10.0.0.1', '192.0.2.1, 10.0.0.2', 2, '192.0.2.1'],
    ['10.0.0.1', '192.0.2.1', 5, '192.0.2.1'],
    ['10.0.0.1', undefined, 2, '10.0.0.1'],
    ['10.0.0.1', 'unknown', 1, '10.0.0.1'],
    ['10.0.0.1', '192.0.2.1:4711', 1, '192.0.2.1'],
    ['10.0.0.1', '[2001:db8:1:2::9]:4711', 1, '2001:db8:1:2::/64'],
    ['::ffff:192.0.2.1', undefined, 0, '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', undefined, 0, '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002::1', undefined, 0, '2001:db8:1:2::/64'],
    ['::1', undefined, 0, '0:0:0:0::/64'],
    ['2001:db8::1', undefined, 0, '2001:db8:0:0::/64'],
  ])('%s with X-Forwarded-For %s behind %i proxies is %s', (peer, forwarded, proxies, address) => {
    expect(addressOf(request(peer, forwarded), proxies)).toBe(address);
  });
});
