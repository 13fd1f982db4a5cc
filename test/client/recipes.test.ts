import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { endsWithUs } from '../support/ends-with-us.ts';
import { eventually } from '../support/eventually.ts';
import { type Lifeline, startLifeline } from '../support/lifeline.ts';
import { type Member, newMember } from '../support/member.ts';
import { type Door, startDoor } from './stock/door.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
let lifeline: Lifeline;
let door: Door;
let member: Member;
const running: { kill(): boolean }[] = [];
beforeAll(async () => {
  lifeline = await startLifeline([]);
});
afterAll(() => lifeline.stop());
beforeEach(async () => {
  door = await startDoor(lifeline.url);
  member = newMember(lifeline);
});
afterEach(async () => {
  for (const app of running.splice(0)) app.kill();
  await door.stop();
});

/** Runs the page's first block of TypeScript as it stands there, but for the address and the member. */
function start(page: string, more = '') {
  const text = readFileSync(new URL(`../../docs/${page}`, import.meta.url), 'utf8');
  const [, snippet = ''] = /^```ts\n([^]*?)^```$/m.exec(text) ?? [];
  const app = spawn(
    process.execPath,
    [
      '--input-type=module-typescript',
      '--eval',
      (snippet + more)
        .replaceAll('127.0.0.1:4000', new URL(door.url).host)
        .replaceAll('member=demo', `member=${member.member}`)
        .replaceAll(
          /'lifeline\/(\w+)'/g,
          (_match, part: string) => `'${new URL(`../../src/${part}/index.ts`, import.meta.url).href}'`,
        ),
    ],
    { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  running.push(endsWithUs(app));
  const printed = { text: '' };
  for (const stream of [app.stdout, app.stderr]) stream.setEncoding('utf8').on('data', (chunk: string) => (printed.text += chunk));
  return {
    /** The checks it showed, in order. */
    shown: () => [...printed.text.matchAll(/workflowId: '(.+?)'/g)].map(([, id]) => id),
    printed: () => printed.text,
  };
}

describe('the snippet shows each event once, acknowledges it, and goes on after a cut', () => {
  for (const page of ['stock-clients.md', 'apollo.md'])
    test(`of ${page}`, async () => {
      const app = start(page);
      await member.send('rte.completed', 'wf-1');
      await eventually(() => app.shown().length === 1, { what: 'the first event' }).catch((error: unknown) => {
        throw new Error(app.printed(), { cause: error });
      });
      door.shut();
      await member.send('rte.completed', 'wf-2');
      await member.send('rte.failed', 'wf-3');
      door.open();
      await eventually(() => app.shown().length === 3, { what: 'what came meanwhile' });
      await eventually(async () => (await member.pending()) === 0, { what: 'acknowledged' });
      expect(app.shown()).toEqual(['wf-1', 'wf-2', 'wf-3']);
      expect(app.printed()).not.toMatch(/error/i);
    });
});

test('the snippet of react.md renders', async () => {
  const app = start(
    'react.md',
    `import { renderToString } from 'react-dom/server';
     console.log(renderToString(createElement(App)));
     console.log([Call, Check].map((each) => typeof each));`,
  );
  await eventually(() => app.printed().includes('function'), { what: 'rendered' }).catch((error: unknown) => {
    throw new Error(app.printed(), { cause: error });
  });
  expect(app.printed()).toContain('0 updates, the last: none');
});
