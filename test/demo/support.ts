import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { expect } from 'vitest';

import { deliveryId } from '../../src/event/event.ts';
import type { EventType } from '../../src/event/catalogue.ts';
import { findChromium } from '../support/chromium.ts';
import { exampleEvent, type ExampleOptions } from '../support/events.ts';
import { eventually } from '../support/eventually.ts';
import type { Lifeline } from '../support/lifeline.ts';

export const executable = await findChromium();
if (executable === null)
  process.stderr.write('No Chromium here and none to be had from apt: the page is not tried in a real browser.\n');

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: executable ?? '',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run'],
  });
}

/** One line of the page's timeline. */
export interface ShownRow {
  readonly id: string;
  readonly how: 'pushed' | 'polled' | 'repeated';
  /** How often the library handed this copy to the page. */
  readonly shown: number;
  readonly receipt: string;
  readonly text: string;
}

/** A tab on the page, as a member of its own. */
export interface Tab {
  readonly page: Page;
  readonly member: string;
  /** What went wrong in the page, and addresses on other servers that it asked. */
  readonly problems: readonly string[];
  state(): Promise<string | null>;
  reaches(state: string, withinMs?: number): Promise<void>;
  press(button: string): Promise<void>;
  /** Newest first. */
  rows(): Promise<ShownRow[]>;
  notes(): Promise<string[]>;
  /** Waits until each of these events was handed to the page, and holds that none was handed over twice, and that their order is kept. */
  showsOnce(ids: readonly string[], withinMs?: number): Promise<void>;
  /** Waits until the page says so of each. */
  acknowledged(ids: readonly string[]): Promise<void>;
}

export async function openTab(context: BrowserContext, lifeline: Lifeline, member: string): Promise<Tab> {
  const page = await context.newPage();
  const problems: string[] = [];
  const { origin } = new URL(lifeline.url);
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) problems.push(message.text());
  });
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (/^https?:$/.test(url.protocol) && url.origin !== origin) problems.push(`asked ${request.url()}`);
  });
  await page.goto(`${origin}/?member=${member}`);

  const rows = () =>
    page.locator('.timeline li[data-delivery-id]').evaluateAll((items) =>
      items.map((item) => ({
        id: item.getAttribute('data-delivery-id') ?? '',
        how: item.getAttribute('data-how') as ShownRow['how'], // written by the page from the same three words
        shown: Number(item.getAttribute('data-shown')),
        receipt: item.getAttribute('data-receipt') ?? '',
        text: item.textContent ?? '',
      })),
    );
  const state = () => page.locator('.status').getAttribute('data-state');
  return {
    page,
    member,
    problems,
    state,
    rows,
    async reaches(wanted, withinMs = 30_000) {
      await eventually(async () => (await state()) === wanted, { what: `the state ${wanted}`, withinMs });
    },
    press: (button) => page.getByRole('button', { name: button }).click(),
    notes: () => page.locator('.timeline li[data-how="note"] .what').allInnerTexts(),
    async acknowledged(ids) {
      const said = async () => new Set((await rows()).filter(({ receipt }) => receipt === 'acknowledged').map(({ id }) => id));
      await eventually(async () => said().then((known) => ids.every((id) => known.has(id))), {
        what: 'acknowledged',
        withinMs: 30_000,
      });
    },
    async showsOnce(ids, withinMs = 30_000) {
      const handedOver = async () => {
        const handed = (await rows()).reverse().flatMap(({ id, shown }) => Array.from({ length: shown }, () => id));
        return handed.filter((id) => ids.includes(id));
      };
      await eventually(async () => new Set(await handedOver()).size === ids.length, { what: 'every event shown', withinMs });
      expect(await handedOver()).toEqual(ids);
    },
  };
}

/** Sends an event as a service would, and tells its delivery id. */
export async function send(lifeline: Lifeline, member: string, type: EventType, options: ExampleOptions = {}): Promise<string> {
  const event = exampleEvent(type, { ...options, member });
  const response = await fetch(new URL('/dev/events', lifeline.url), {
    method: 'POST',
    headers: { 'content-type': 'application/cloudevents+json' },
    body: JSON.stringify(event),
  });
  expect(response.status, await response.text()).toBe(202);
  return deliveryId(event.source, event.id);
}

/** The steps of one check or call, one after the other. */
export async function sendAll(
  lifeline: Lifeline,
  member: string,
  types: readonly EventType[],
  options: ExampleOptions = {},
): Promise<string[]> {
  const ids: string[] = [];
  for (const type of types) ids.push(await send(lifeline, member, type, options));
  return ids;
}
