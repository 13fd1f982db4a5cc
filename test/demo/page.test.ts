import axe, { type AxeResults } from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { eventually } from '../support/eventually.ts';
import { type Lifeline, startLifeline } from '../support/lifeline.ts';
import { executable, launch, openTab, send, sendAll, type Tab } from './support.ts';

// At the same time, because most of each is waiting: every test has a member and a browser profile of its own.
describe.skipIf(executable === null).concurrent('the page', () => {
  let browser: Browser;
  let lifeline: Lifeline;
  beforeAll(async () => {
    [browser, lifeline] = await Promise.all([launch(), startLifeline([])]);
  });
  afterAll(async () => {
    await browser?.close();
    await lifeline?.stop();
  });

  const withTab = async (member: string, options: BrowserContextOptions, use: (tab: Tab, page: Page) => Promise<void>) => {
    const context = await browser.newContext(options);
    try {
      const tab = await openTab(context, lifeline, member);
      await tab.reaches('push');
      await use(tab, tab.page);
      expect(tab.problems).toEqual([]);
    } finally {
      await context.close();
    }
  };
  /** Everything that the page can show at once: a plan, a ringing call with an offer, every kind of line, a fault that is on. */
  const fill = async (tab: Tab, page: Page) => {
    await tab.press('Freeze the tab');
    const ids = await sendAll(lifeline, tab.member, ['rte.completed', 'call.accepted', 'call.extend'], {
      data: { offerExpiresAt: new Date(Date.now() + 600_000).toISOString() },
    });
    await page.getByText('This tab is frozen').waitFor();
    await tab.press('Wake it now');
    await eventually(async () => new Set((await tab.rows()).map(({ id }) => id)).size === ids.length, { what: 'everything shown' });
    await tab.press('Fail the next handler');
    await send(lifeline, tab.member, 'rte.timeout');
    await page.getByText('Handler failed').waitFor();
    await tab.press('Cut the socket');
    await tab.press('Freeze the tab');
  };
  const violations = async (page: Page) => {
    await page.evaluate(axe.source); // not as a script element: the page's policy lets none in
    const { violations } = await page.evaluate<AxeResults>('axe.run()');
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  };

  for (const colorScheme of ['light', 'dark'] as const) {
    test(`has no accessibility violation that axe finds, empty and full, in the ${colorScheme} theme`, async () => {
      await withTab(`axe-${colorScheme}`, { colorScheme, reducedMotion: 'reduce' }, async (tab, page) => {
        expect(await violations(page)).toEqual([]);
        await fill(tab, page);
        expect(await violations(page)).toEqual([]);
        await page.setViewportSize({ width: 360, height: 740 });
        expect(await page.evaluate('document.documentElement.scrollWidth'), 'nothing sticks out').toBe(360);
        expect(await violations(page)).toEqual([]);
      });
    });
  }

  test('is used by keyboard alone: a check is started, its end is announced, the focus is always to be seen', async () => {
    await withTab('keys', {}, async (_tab, page) => {
      const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim() ?? '');
      const passed: string[] = [];
      const tabTo = async (label: string) => {
        do {
          await page.keyboard.press('Tab');
          passed.push(await focused());
          const outline = await page.evaluate(() => {
            const element = document.activeElement;
            const drawn = element instanceof HTMLInputElement ? element.nextElementSibling : element; // radios are drawn by their labels
            return drawn === null ? 'none' : getComputedStyle(drawn).outlineStyle;
          });
          expect(outline, passed.at(-1)).toBe('solid');
        } while (passed.at(-1) !== label && passed.length < 30);
        expect(passed.at(-1)).toBe(label);
      };
      await tabTo('Check coverage');
      await page.keyboard.press('Enter');
      await page.locator('.pane [role=status]', { hasText: 'Covered: PPO Gold 1500' }).waitFor({ state: 'attached' });
      for (const label of [
        'Ask for a visit',
        'Cut the socket',
        'Slow the network',
        'Freeze the tab',
        'Expire the token',
        'Fail the next handler',
      ])
        await tabTo(label);
      await page.keyboard.press('Space');
      await page.getByText('will throw').waitFor();
    });
  });

  test('starts a check whose payer is down, and a visit that rings and can be joined', async () => {
    await withTab('wishes', {}, async (tab, page) => {
      await page.getByText('is down', { exact: true }).click();
      await tab.press('Check coverage');
      await tab.press('Ask for a visit');
      await page.locator('.stage', { hasText: 'We could not find out' }).waitFor();
      await page.locator('.call[data-ringing=true]').waitFor();
      await tab.press('Join the call');
      await page.getByText('You are in the call.').waitFor();
      expect(await page.locator('.call').getAttribute('data-ringing')).toBe('false');
    });
  });

  test('rings without motion for who asked for none, and with it for everybody else', async () => {
    for (const [reducedMotion, moves] of [
      ['reduce', false],
      ['no-preference', true],
    ] as const) {
      await withTab(`ring-${reducedMotion}`, { reducedMotion }, async (tab, page) => {
        await send(lifeline, tab.member, 'call.join');
        await page.locator('.call[data-ringing=true]').waitFor();
        const animations = await page.evaluate(
          () => document.getAnimations().filter((animation) => animation instanceof CSSAnimation).length,
        );
        expect(animations > 0, reducedMotion).toBe(moves);
        const opacity = await page
          .locator('.ring')
          .first()
          .evaluate((ring) => Number(getComputedStyle(ring).opacity));
        if (!moves) expect(opacity).toBeGreaterThan(0.2);
      });
    }
  });

  test('keeps the theme that was chosen', async () => {
    await withTab('theme', { colorScheme: 'light' }, async (tab, page) => {
      const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const light = await paper();
      await tab.press('Dark theme');
      const dark = await paper();
      expect(dark).not.toBe(light);
      await page.reload();
      await page.getByRole('button', { name: 'Light theme' }).waitFor();
      expect(await paper()).toBe(dark);
    });
  });
});
