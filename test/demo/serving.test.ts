import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { pending, request } from '../support/graphql.ts';
import { type Lifeline, startLifeline } from '../support/lifeline.ts';

let lifeline: Lifeline;
let origin: string;
beforeAll(async () => {
  lifeline = await startLifeline([]);
  origin = new URL(lifeline.url).origin;
});
afterAll(() => lifeline?.stop());

describe('the embedded server at /', () => {
  test('answers with a page that lets in nothing from elsewhere', async () => {
    const response = await fetch(origin);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self';/);
    expect(await response.text()).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
  });

  test('sends it packed, and only once', async () => {
    const page = await fetch(origin, { headers: { 'accept-encoding': 'gzip' } });
    expect(page.headers.get('content-encoding')).toBe('gzip');
    const [, script = ''] = /src="(\/assets\/[^"]+\.js)"/.exec(await page.text()) ?? [];
    const again = await fetch(origin, { headers: { 'if-none-match': page.headers.get('etag') ?? '' } });
    expect(again.status).toBe(304);

    const head = await fetch(new URL(script, origin), { method: 'HEAD', headers: { 'accept-encoding': 'gzip' } });
    expect(head.headers.get('cache-control')).toContain('immutable');
    expect(Number(head.headers.get('content-length'))).toBeLessThan(110_000);
    const plain = await fetch(new URL(script, origin), { headers: { 'accept-encoding': 'identity' } });
    expect(plain.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    expect((await plain.bytes()).length).toBe(Number(plain.headers.get('content-length')));
  });

  test.each([
    ['GET', '/assets/nothing.js', 404],
    ['GET', '/assets/..%2f..%2fpackage.json', 404],
    ['GET', '/package.json', 404],
    ['POST', '/', 405],
  ])('answers %s %s with %i', async (method, path, status) => {
    expect((await fetch(`${origin}${path}`, { method })).status).toBe(status);
  });
});

describe('POST /dev/scenes', () => {
  const ask = (body: string, contentType = 'application/json') =>
    fetch(`${origin}/dev/scenes`, { method: 'POST', headers: { 'content-type': contentType }, body });

  test('plays a check to its end and a visit, for any member', async () => {
    const check = await ask('{"scene":"check","member":"m-1","ending":"failed"}');
    expect(check.status).toBe(202);
    expect(await check.json()).toEqual({ workflowId: expect.stringMatching(/^wf-/) });
    expect(await (await ask('{"scene":"visit"}')).json()).toEqual({ callId: expect.stringMatching(/^call-/) });
    const token = await (await fetch(`${origin}/dev/token?member=m-1`)).text();
    const ended = async () => {
      const { data } = await request<{ pendingDeliveries: { nodes: { type: string }[] } }>(lifeline.url, token, pending);
      return data?.pendingDeliveries.nodes.map(({ type }) => type);
    };
    await expect.poll(ended, { timeout: 20_000 }).toEqual(['rte.failed']);
  });

  test.each([
    ['nonsense', 400, /JSON/],
    ['null', 400, /object/],
    ['{"scene":"dance"}', 400, /scene/],
    ['{"scene":"visit","member":"a/**"}', 400, /member/],
    ['{"scene":"check","account":""}', 400, /account/],
    ['{"scene":"check","ending":"happy"}', 400, /ending/],
  ])('refuses %s', async (body, status, sentence) => {
    const response = await ask(body);
    expect(response.status).toBe(status);
    expect(((await response.json()) as { error: string }).error).toMatch(sentence);
  });

  test('refuses a form of another page', async () => {
    expect((await ask('{"scene":"visit"}', 'text/plain')).status).toBe(415);
  });

  test('does not pile up without end', async () => {
    let refused = false;
    for (let round = 0; round < 20 && !refused; round++) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => ask('{"scene":"visit","member":"m-2"}')));
      refused = answers.some(({ status }) => status === 429);
    }
    expect(refused).toBe(true);
  });
});
