import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { eventually } from '../support/eventually.ts';
import { findChromium } from '../support/chromium.ts';
import { eventOf, startEdge, tokenFor, type Edge, type EdgeOptions } from './support.ts';

let edge: Edge;
const start = async (options?: EdgeOptions) => {
  edge = await startEdge({ graphiql: true, ...options });
  return edge;
};
afterEach(() => edge.stop());

const visit = (headers: Record<string, string> = {}, method = 'GET') =>
  fetch(edge.url, { method, headers: { accept: 'text/html', ...headers } });
const subscription = 'subscription Calls {\n  videoVisitEvents {\n    kind\n    callId\n  }\n}\n';

describe('the GraphiQL page', () => {
  test('needs no external address', async () => {
    await start();
    const response = await visit();
    const html = await response.text();
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(html).not.toMatch(/<(?:script|link|img|iframe)[^>]+(?:src|href)="(?:https?:)?\/\//);
  });

  test('is sent once: packed, then 304', async () => {
    await start();
    const first = await visit({ 'accept-encoding': 'gzip' });
    await first.arrayBuffer();
    expect(first.headers.get('content-encoding')).toBe('gzip');
    expect(Number(first.headers.get('content-length'))).toBeLessThan(4_000_000);
    const again = await visit({ 'if-none-match': first.headers.get('etag') ?? '' });
    expect(again.status).toBe(304);
    const plain = await visit({ 'accept-encoding': 'identity' });
    expect((await plain.text()).trimStart().slice(0, 15)).toBe('<!doctype html>');
    expect((await visit({}, 'HEAD')).status).toBe(200);
  });

  test('is where the root leads, and only while it is on', async () => {
    await start();
    expect(await fetch(edge.origin, { redirect: 'manual' })).toMatchObject({ status: 302 });
    await edge.stop();
    await start({ graphiql: false });
    expect((await fetch(edge.origin, { redirect: 'manual' })).status).toBe(404);
    expect((await visit()).headers.get('content-type')).not.toContain('text/html');
  });

  test('what is put into it cannot break out of its script', async () => {
    await start({ graphiql: { defaultQuery: '# </script><script>alert(1)</script>' } });
    expect(await (await visit()).text()).not.toContain('</script><script>alert(1)');
  });
});

const executable = await findChromium();
if (executable === null)
  process.stderr.write('No Chromium here and none to be had from apt: GraphiQL is not tried in a real browser.\n');

describe.skipIf(executable === null)('in a real Chromium', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: executable ?? '',
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run'],
    });
  });
  afterAll(() => browser.close());

  const open = async (page: Page, address: string) => {
    const problems: string[] = [];
    const elsewhere: string[] = [];
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => {
      if (/Content Security Policy/i.test(message.text())) problems.push(message.text());
    });
    page.on('request', (request) => {
      const url = new URL(request.url());
      if (/^https?:$/.test(url.protocol) && url.origin !== edge.origin) elsewhere.push(request.url());
    });
    await page.goto(address);
    await page.waitForSelector('.graphiql-execute-button');
    return { problems, elsewhere };
  };
  // The editor that shows results writes non-breaking spaces.
  const shown = async (page: Page) => (await page.locator('.graphiql-response').innerText()).replaceAll('\u00a0', ' ');

  test('a subscription runs over WebSocket with the token of the headers pane, and shows events as they come', async () => {
    await start({ graphiql: { defaultQuery: subscription, headers: { Authorization: `Bearer ${await tokenFor('m-1')}` } } });
    const page = await (await browser.newContext()).newPage();
    const seen = await open(page, `${edge.url}#run`);
    await eventually(async () => (await edge.metric('lifeline_subscriptions_active')) === 1, { what: 'subscribed by itself' });
    await edge.append(eventOf('call.accepted'));
    await eventually(async () => (await shown(page)).includes('ACCEPTED'), { what: 'the first event' });
    await edge.append(eventOf('call.ready'));
    await eventually(async () => (await shown(page)).includes('READY'), { what: 'the second event' });
    expect(seen).toEqual({ problems: [], elsewhere: [] });
    await page.locator('.graphiql-execute-button').click();
    await eventually(async () => (await edge.metric('lifeline_listeners')) === 0, { what: 'stopped from the page' });
    await page.context().close();
  });

  test('a second visit uses the token of today, not one that an earlier page left behind', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await start({ graphiql: { defaultQuery: subscription, headers: { Authorization: 'Bearer of-yesterday' } } });
    const { port } = edge;
    await open(page, `${edge.url}#run`);
    await eventually(async () => (await shown(page)).includes('4403'), { what: 'refused' });
    await edge.stop();
    await start({ port, graphiql: { defaultQuery: subscription, headers: { Authorization: `Bearer ${await tokenFor('m-1')}` } } });
    await page.goto('about:blank');
    await open(page, `${edge.url}#run`);
    await eventually(async () => (await edge.metric('lifeline_subscriptions_active')) === 1, { what: 'subscribed' });
    await context.close();
  });

  test('of several operations the first runs by itself', async () => {
    const several = `${subscription}query Session {\n  session {\n    memberId\n  }\n}\n`;
    await start({ graphiql: { defaultQuery: several, headers: { authorization: `Bearer ${await tokenFor('m-1')}` } } });
    const page = await (await browser.newContext()).newPage();
    await open(page, `${edge.url}#run`);
    await eventually(async () => (await edge.metric('lifeline_subscriptions_active')) === 1, { what: 'subscribed by itself' });
    await edge.append(eventOf('call.accepted'));
    await eventually(async () => (await shown(page)).includes('ACCEPTED'), { what: 'the event' });
    await page.context().close();
  });

  test('without the fragment nothing runs until the visitor says so', async () => {
    await start({ graphiql: { defaultQuery: subscription, headers: { authorization: `Bearer ${await tokenFor('m-1')}` } } });
    const page = await (await browser.newContext()).newPage();
    await open(page, edge.url);
    await page.locator('.graphiql-query-editor .view-line').first().waitFor();
    expect(await edge.metric('websocket_connections_total')).toBe(0);
    await page.locator('.graphiql-execute-button').click();
    await eventually(async () => (await edge.metric('websocket_connections_total')) === 1, { what: 'subscribed by hand' });
    await page.context().close();
  });

  test('queries run over HTTP', async () => {
    await start({
      graphiql: { defaultQuery: '{ session { memberId } }', headers: { Authorization: `Bearer ${await tokenFor('m-1')}` } },
    });
    const page = await (await browser.newContext()).newPage();
    await open(page, `${edge.url}#run`);
    await eventually(async () => (await shown(page)).includes('"memberId": "m-1"'), { what: 'answered' });
    await page.context().close();
  });
});
