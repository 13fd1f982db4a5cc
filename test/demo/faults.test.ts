import type { Browser, BrowserContext } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, type onTestFinished, test } from 'vitest';

import { eventually } from '../support/eventually.ts';
import { type Lifeline, startLifeline } from '../support/lifeline.ts';
import { executable, launch, openTab, send, sendAll } from './support.ts';

// At the same time, because most of each is waiting: every test has a member and a browser profile of its own.
describe.skipIf(executable === null).concurrent('the page shows every event exactly once', () => {
  let browser: Browser;
  let lifeline: Lifeline;
  beforeAll(async () => {
    [browser, lifeline] = await Promise.all([launch(), startLifeline([])]);
  });
  afterAll(async () => {
    await browser?.close();
    await lifeline?.stop();
  });

  type Finished = typeof onTestFinished;
  const newContext = async (onTestFinished: Finished): Promise<BrowserContext> => {
    const context = await browser.newContext();
    onTestFinished(() => context.close());
    return context;
  };
  const open = async (member: string, onTestFinished: Finished) => {
    const tab = await openTab(await newContext(onTestFinished), lifeline, member);
    await tab.reaches('push');
    return tab;
  };

  test('when the socket is cut in the middle of a stream: the rest is polled, then pushed again', async ({ onTestFinished }) => {
    const tab = await open('cut', onTestFinished);
    await tab.press('Slow the network'); // so that acknowledgements are under way when it breaks, and what was pushed is polled again
    const pushed = await sendAll(lifeline, tab.member, ['call.accepted', 'call.ready']);
    await tab.showsOnce(pushed);
    await tab.press('Cut the socket');
    await tab.press('Let the network run');
    const meanwhile = await sendAll(lifeline, tab.member, ['call.join', 'call.extend']);
    await tab.reaches('poll');
    await tab.showsOnce([...pushed, ...meanwhile]);
    const ways = new Map((await tab.rows()).filter(({ shown }) => shown > 0).map(({ id, how }) => [id, how]));
    expect(pushed.map((id) => ways.get(id))).toEqual(['pushed', 'pushed']);
    expect(meanwhile.map((id) => ways.get(id))).toEqual(['polled', 'polled']);
    await tab.press('Mend the socket');
    await tab.reaches('push');
    await tab.showsOnce([...pushed, ...meanwhile, await send(lifeline, tab.member, 'call.ended')]);
    expect(tab.problems).toEqual([]);
  });

  test('when the device is offline for a while', async ({ onTestFinished }) => {
    const tab = await open('offline', onTestFinished);
    const before = await sendAll(lifeline, tab.member, ['call.accepted']);
    await tab.showsOnce(before);
    await tab.page.context().setOffline(true);
    await tab.reaches('offline');
    const meanwhile = await sendAll(lifeline, tab.member, ['call.ready', 'call.join']);
    await tab.page.context().setOffline(false);
    await tab.reaches('push');
    const after = await sendAll(lifeline, tab.member, ['call.extend', 'call.ended']);
    await tab.showsOnce([...before, ...meanwhile, ...after]);
    expect(tab.problems).toEqual([]);
  });

  test('when it is left and reloaded: those of before, and those that came while it was away', async ({ onTestFinished }) => {
    const tab = await open('reload', onTestFinished);
    await tab.press('Slow the network'); // so that acknowledgements are under way when it is left
    const before = await sendAll(lifeline, tab.member, ['call.accepted', 'call.ready']);
    await tab.showsOnce(before);
    await tab.page.goto('about:blank');
    const meanwhile = await sendAll(lifeline, tab.member, ['call.join']);
    await tab.page.goBack();
    await tab.reaches('push');
    const after = await sendAll(lifeline, tab.member, ['call.extend']);
    await tab.showsOnce([...before, ...meanwhile, ...after]);
    await tab.page.reload();
    await tab.reaches('push');
    await tab.showsOnce([...before, ...meanwhile, ...after, await send(lifeline, tab.member, 'call.ended')]);
    expect(tab.problems).toEqual([]);
  });

  test('when its token runs out: the server refuses it, and the page gives another', async ({ onTestFinished }) => {
    const tab = await open('expired', onTestFinished);
    const refusals = await lifeline.metric('websocket_auth_failures_total');
    const before = await sendAll(lifeline, tab.member, ['call.accepted', 'call.ready']);
    await tab.press('Expire the token');
    await eventually(async () => (await lifeline.metric('websocket_auth_failures_total')) > refusals, { what: 'refused' });
    const meanwhile = await sendAll(lifeline, tab.member, ['call.join']);
    await eventually(async () => (await tab.notes()).includes('A new token, for 20 s'), { what: 'another token' });
    await tab.reaches('push');
    const after = await sendAll(lifeline, tab.member, ['call.extend', 'call.ended']);
    await tab.showsOnce([...before, ...meanwhile, ...after]);
    expect(tab.problems).toEqual([]);
  });

  test('in each of two tabs, where one acknowledgement is enough', async ({ onTestFinished }) => {
    const context = await newContext(onTestFinished);
    const tabs = [await openTab(context, lifeline, 'two-tabs'), await openTab(context, lifeline, 'two-tabs')];
    for (const tab of tabs) await tab.reaches('push');
    const ids = await sendAll(lifeline, 'two-tabs', ['call.accepted', 'call.ready', 'call.join', 'call.ended']);
    for (const tab of tabs) {
      await tab.showsOnce(ids);
      await tab.acknowledged(ids);
      expect(tab.problems).toEqual([]);
    }
  });

  test('when the tab was frozen: copies that piled up are dropped, and said to be', async ({ onTestFinished }) => {
    const context = await newContext(onTestFinished);
    let copies = 0;
    context.on('page', (page) =>
      page.on('websocket', (socket) =>
        socket.on('framereceived', ({ payload }) => {
          if (String(payload).includes('"attempt":2')) copies++;
        }),
      ),
    );
    const tab = await openTab(context, lifeline, 'frozen');
    await tab.reaches('push');
    await tab.press('Freeze the tab');
    const meanwhile = await sendAll(lifeline, tab.member, ['call.accepted', 'call.ready']);
    await eventually(() => copies === meanwhile.length, { what: 'copies on the wire' });
    expect(await tab.rows()).toEqual([]);
    await tab.press('Wake it now');
    await tab.showsOnce(meanwhile);
    await eventually(async () => (await tab.rows()).some(({ text }) => text.includes('Repeated, dropped')), {
      what: 'a dropped copy',
    });
    await tab.showsOnce([...meanwhile, await send(lifeline, tab.member, 'call.ended')]);
    expect(tab.problems).toEqual([]);
  });

  test('when the network is slow and the handler fails at first', async ({ onTestFinished }) => {
    const tab = await open('slow', onTestFinished);
    await tab.press('Slow the network');
    await tab.press('Fail the next handler');
    const first = await send(lifeline, tab.member, 'call.accepted');
    await eventually(async () => (await tab.rows()).some(({ receipt }) => receipt === 'failed'), { what: 'the failure, told' });
    const second = await send(lifeline, tab.member, 'call.ready');
    await tab.acknowledged([first, second]);
    // The second one does not wait for the first one's next try.
    await tab.showsOnce([first]);
    await tab.showsOnce([second]);
    expect(tab.problems).toEqual([]);
  });

  test('when the server is killed and another one, which knows nothing, takes its place', async ({ onTestFinished }) => {
    let own = await startLifeline([]);
    onTestFinished(() => own.stop());
    const tab = await openTab(await newContext(onTestFinished), own, 'restart');
    await tab.reaches('push');
    const before = await sendAll(own, tab.member, ['call.accepted', 'call.ready']);
    await tab.showsOnce(before);
    await own.kill();
    await eventually(async () => (await tab.state()) !== 'push', { what: 'noticed' });
    own = await startLifeline([], { PORT: new URL(own.url).port });
    const meanwhile = await sendAll(own, tab.member, ['call.join']);
    await tab.reaches('push');
    await tab.showsOnce([...before, ...meanwhile, await send(own, tab.member, 'call.ended')]);
    expect(tab.problems).toEqual([]);
  });
});
