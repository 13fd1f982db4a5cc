import { readFileSync } from 'node:fs';

import fc from 'fast-check';
import { buildSchema } from 'graphql';
import { expect } from 'vitest';

import { errorTable } from '../../src/errors.ts';
import { eventually } from '../support/eventually.ts';
import { type Lifeline, tokenFor } from '../support/lifeline.ts';
import { fillBacklog } from './harness/backlog.ts';
import { documents } from './harness/document-grammar.ts';
import { closesOnBadDocuments, ignoresSocketErrors, trustsRequestLines, saysNothingOfBadMessages } from './harness/mutants.ts';
import { seed } from './harness/random.ts';
import { dial, dialMember, dialWebSocket, frame, type RawPeer } from './harness/raw-peer.ts';
import { siege } from './harness/siege.ts';

/** As many as the quick campaign has time for, and four times as many in the full one. */
const share = (process.env['FAULTS_FULL'] === '1' ? 4 : 1) * Number(process.env['FAULT_SCALE'] ?? 1);
// With the error in its message: by that a control knows that what was noticed is what was broken.
const runs = (count: number) => ({ seed, numRuns: Math.round(count * share), endOnFailure: true, includeErrorInReport: true });

interface Problem {
  readonly message: string;
  readonly extensions: { readonly code: string; readonly retry: string };
}

/** Every error has a sentence and a code of the table, and none is our mistake. */
function expectProblems(problems: readonly Problem[] | undefined): void {
  for (const { message, extensions } of problems ?? []) {
    expect(message, 'a sentence').toMatch(/\S/);
    expect(Object.keys(errorTable), message).toContain(extensions.code);
    expect(extensions.code, message).not.toBe('INTERNAL');
  }
}

/** It is up, it serves, and it has nothing to reproach itself with. */
async function expectSound(gateway: Lifeline): Promise<void> {
  expect((await fetch(new URL('/healthz', gateway.url))).status).toBe(200);
  expect(gateway.log.filter(({ level }) => level === 'error')).toEqual([]);
  expect(await gateway.metric('lifeline_operation_errors_total', { code: 'INTERNAL' })).toBe(0);
}

const sdl = readFileSync(new URL('../../schema/schema.graphql', import.meta.url), 'utf8');
const words = [
  '/member/fuzz/**',
  '/member/*/rte/*',
  '/member/other/**',
  '',
  '/',
  'A123',
  'w-1',
  'fuzz',
  'a'.repeat(300),
  '\u0000',
  '💥',
];

/** The operation's `error`, or the errors of its results, once it has ended. */
async function outcome(peer: RawPeer, id: string): Promise<Problem[]> {
  const mine = () =>
    peer
      .frames()
      .filter(({ opcode }) => opcode === 1)
      .map(({ payload }) => JSON.parse(payload.toString()) as { id?: string; type: string; payload?: unknown })
      .filter((message) => message.id === id);
  await eventually(() => mine().some(({ type }) => type === 'error' || type === 'complete'), { what: 'the end of the operation' });
  return mine().flatMap(
    ({ type, payload }) =>
      (type === 'error' ? payload : ((payload as { errors?: Problem[] } | undefined)?.errors ?? [])) as Problem[],
  ); // as the protocol says
}

siege(
  'documents of all kinds, valid, nearly valid and hostile, are answered with data or a sentence, over HTTP and over WebSocket',
  {
    row: 37,
    quick: true,
    control: { mutants: [closesOnBadDocuments], fails: /the end of the operation/ },
    async attack({ fleet, gateway, note }) {
      const token = await tokenFor('fuzz');
      await fillBacklog(fleet, 'fuzz', token, 40);
      let [count, good] = [0, 0];
      const overHttp = async (query: string) => {
        const response = await fetch(gateway.url, {
          method: 'POST',
          headers: { 'content-type': 'application/json', accept: 'application/json', authorization: `Bearer ${token}` },
          body: JSON.stringify({ query, variables: { v: true } }),
        });
        expect(response.status, query).toBeLessThan(500);
        const { errors } = (await response.json()) as { errors?: Problem[] };
        expectProblems(errors);
        count += 1;
        if (errors === undefined) good += 1;
      };
      const overWebSocket = async (query: string) => {
        const peer = await dialMember(gateway.url, token);
        peer.send(frame(JSON.stringify({ id: '1', type: 'subscribe', payload: { query, variables: { v: true } } })));
        // What subscribes does not end by itself.
        if (/^\s*subscription/.test(query)) {
          peer.send(frame(JSON.stringify({ id: '2', type: 'subscribe', payload: { query: '{ __typename }' } })));
          await outcome(peer, '2');
        } else expectProblems(await outcome(peer, '1'));
        expect(peer.closeCode()).toBe(null);
        peer.leave();
      };
      const property = fc.asyncProperty(documents(buildSchema(sdl), words), async (query) => {
        await overHttp(query);
        await overWebSocket(query);
      });
      await fc.assert(property, runs(60));
      note(`${count} documents, ${good} of them answered without any error`);
      expect(good, 'documents that are valid').toBeGreaterThan(count / 20);
      await expectSound(gateway);
    },
  },
);

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const anyFrame = fc
  .record({
    payload: fc.oneof(
      bytes,
      fc.json().map((text) => Buffer.from(text)),
    ),
    opcode: fc.integer({ min: 0, max: 15 }),
    fin: fc.boolean(),
    masked: fc.oneof({ arbitrary: fc.constant(true), weight: 5 }, fc.constant(false)),
    reserved: fc.oneof({ arbitrary: fc.constant(0), weight: 5 }, fc.integer({ min: 1, max: 7 })),
    length: fc.oneof({ arbitrary: fc.constant(null), weight: 5 }, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
  })
  .map(({ payload, length, ...options }) => frame(payload, length === null ? options : { ...options, length }));

siege('random bytes as frames end at most their own connection', {
  row: 37,
  quick: true,
  control: { mutants: [ignoresSocketErrors], fails: /fetch failed|ECONNREFUSED|ECONNRESET|an HTTP status/ },
  async attack({ gateway, note }) {
    const token = await tokenFor('fuzz');
    const codes = new Map<number | null, number>();
    const property = fc.asyncProperty(
      fc.array(fc.oneof(anyFrame, bytes), { minLength: 1, maxLength: 6 }),
      fc.boolean(),
      async (frames, known) => {
        const peer = known ? await dialMember(gateway.url, token) : await dialWebSocket(gateway.url);
        for (const each of frames) peer.send(each);
        await new Promise((resolve) => setImmediate(resolve));
        expect((await fetch(new URL('/healthz', gateway.url))).status).toBe(200);
        const code = peer.closeCode();
        codes.set(code, (codes.get(code) ?? 0) + 1);
        expect([1011, 4500]).not.toContain(code);
        peer.leave();
      },
    );
    await fc.assert(property, runs(80));
    note(`close codes ${[...codes].map(([code, times]) => `${code ?? 'none yet'} × ${times}`).join(', ')}`);
    await expectSound(gateway);
  },
});

const id = fc.constantFrom('1', '2', '', '__proto__', 'x'.repeat(1_000));
const payload = fc.oneof(
  fc.constantFrom<unknown>(
    { query: '{ __typename }' },
    { query: 'subscription { videoVisitEvents { kind } }' },
    { query: '{' },
    { token: 'forged' },
  ),
  fc.record(
    { query: fc.jsonValue(), variables: fc.jsonValue(), operationName: fc.jsonValue(), extensions: fc.jsonValue() },
    { requiredKeys: [] },
  ),
  fc.jsonValue(),
);
const type = fc.constantFrom(
  'connection_init',
  'subscribe',
  'complete',
  'ping',
  'pong',
  'next',
  'error',
  'connection_ack',
  'start',
  'stop',
  '',
  'constructor',
);
const anyMessage = fc.oneof(
  { arbitrary: fc.record({ id, type, payload }, { requiredKeys: ['type'] }), weight: 6 },
  { arbitrary: fc.jsonValue(), weight: 1 },
);
/** What the protocol has for a client that does not keep to it, and for one whose token does not hold. */
const reproaches = [null, 4400, 4401, 4403, 4409, 4429];

siege('messages of any content in any order are answered, or end their own connection with a code that says why', {
  row: 37,
  quick: true,
  control: { mutants: [saysNothingOfBadMessages], fails: /4500|to include|to contain/ },
  async attack({ gateway, note }) {
    const token = await tokenFor('fuzz');
    const codes = new Map<number | null, number>();
    const property = fc.asyncProperty(
      fc.array(anyMessage, { minLength: 1, maxLength: 8 }),
      fc.boolean(),
      async (messages, known) => {
        const peer = known ? await dialMember(gateway.url, token) : await dialWebSocket(gateway.url);
        for (const each of messages) peer.send(frame(JSON.stringify(each) ?? 'undefined'));
        // Its pong is behind everything else, where anything comes at all.
        peer.send(frame('last', { opcode: 9 }));
        await eventually(() => peer.gone || peer.closeCode() !== null || peer.frames().some(({ opcode }) => opcode === 10), {
          what: 'an answer',
        });
        const code = peer.closeCode();
        codes.set(code, (codes.get(code) ?? 0) + 1);
        expect(reproaches).toContain(code);
        peer.leave();
      },
    );
    await fc.assert(property, runs(100));
    note(`close codes ${[...codes].map(([code, times]) => `${code ?? 'none'} × ${times}`).join(', ')}`);
    await expectSound(gateway);
  },
});

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const header = fc.tuple(
  fc.oneof(
    fc.constantFrom(
      'authorization',
      'accept',
      'content-type',
      'origin',
      'host',
      'x-forwarded-for',
      'content-encoding',
      'cookie',
      'upgrade',
      'connection',
    ),
    fc.stringMatching(token),
  ),
  fc.oneof(
    fc.constantFrom(
      'Bearer ',
      'Bearer a.b.c',
      'text/event-stream',
      'application/json',
      'multipart/form-data; boundary=x',
      '*/*',
      'null',
      'a, b',
      'upgrade',
      'websocket',
    ),
    fc.string({ maxLength: 60 }),
  ),
);
const anyRequest = fc
  .record({
    method: fc.constantFrom('GET', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE', 'PATCH', 'TRACE', 'CONNECT', 'get', ''),
    path: fc.oneof(
      fc.constantFrom(
        '/graphql',
        '/graphql?query={__typename}',
        '/graphql?query=%',
        '/metrics',
        '/readyz',
        '//',
        '*',
        'http://[',
        '/%00',
        '/../..',
        '/dev/token',
        '/graphql?variables={&query=a',
      ),
      fc.string({ maxLength: 60 }).map((text) => `/${text}`),
    ),
    headers: fc.array(header, { maxLength: 8 }),
    body: fc.oneof(
      fc.json(),
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.constant('{"query":"{ __typename }"}'),
      fc.constant('[{"query":"{ __typename }"}]'),
      fc.constant('{"query":{"a":1}}'),
    ),
  })
  .map(({ method, path, headers, body }) => {
    const lines = headers.map(([field, value]) => `${field}: ${value.replaceAll(/[\r\n]/g, ' ')}\r\n`).join('');
    return Buffer.from(
      `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${lines}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  });

siege('random bytes as requests, headers and bodies are refused politely, and never with 500', {
  row: 37,
  quick: true,
  control: { mutants: [trustsRequestLines], fails: /500/ },
  async attack({ gateway, note }) {
    const statuses = new Map<string, number>();
    const property = fc.asyncProperty(fc.oneof({ arbitrary: anyRequest, weight: 5 }, bytes), async (request) => {
      const peer = await dial(gateway.url);
      peer.send(request);
      peer.socket.end();
      // A stream, and a request whose head never ends, have no end of their own: what came until now is looked at.
      await eventually(() => peer.gone || peer.answer() !== '', { withinMs: 2_000 }).catch(() => undefined);
      const status = /^HTTP\/1\.1 (\d{3})/.exec(peer.answer())?.[1] ?? 'none';
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      expect(['500', '502'], request.toString('latin1')).not.toContain(status);
      peer.leave();
    });
    await fc.assert(property, runs(100));
    note(`answers ${[...statuses].map(([status, times]) => `${status} × ${times}`).join(', ')}`);
    await expectSound(gateway);
  },
});
