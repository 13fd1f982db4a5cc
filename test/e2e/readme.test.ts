import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { endsWithUs } from '../support/ends-with-us.ts';
import { eventually } from '../support/eventually.ts';
import { type Lifeline, startLifeline } from '../support/lifeline.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
let lifeline: Lifeline;

beforeAll(async () => {
  lifeline = await startLifeline([]);
});
afterAll(() => lifeline?.stop());

/** The blocks of a language as they stand there, but for the port. */
const blocks = (language: string) =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, 'gm'))].map(([, text = '']) =>
    text.replaceAll('127.0.0.1:4000', new URL(lifeline.url).host),
  );

test('the snippet for an app prints each result once and acknowledges it', async () => {
  const [snippet = ''] = blocks('ts');
  const app = spawn(process.execPath, ['--input-type=module-typescript', '--eval', snippet], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  endsWithUs(app);
  let output = '';
  for (const stream of [app.stdout, app.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  try {
    await eventually(() => output.includes("status: 'COMPLETED'"), { withinMs: 20_000, what: 'a result' });
    await eventually(async () => (await lifeline.metric('lifeline_acknowledgements_total', { result: 'acknowledged' })) > 0);
    expect(output).not.toMatch(/error/i);
  } finally {
    app.kill();
  }
});

test('the snippet for the client library prints results, and acknowledges them', async () => {
  const acknowledged = () => lifeline.metric('lifeline_acknowledgements_total', { result: 'acknowledged' });
  const before = await acknowledged();
  const [snippet = ''] = blocks('js');
  // The package is not built here: what its subpath is built from takes its place.
  const source = snippet.replace("'lifeline/client'", `'${new URL('../../src/client/index.ts', import.meta.url).href}'`);
  const app = spawn(process.execPath, ['--input-type=module', '--eval', source], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  endsWithUs(app);
  let output = '';
  for (const stream of [app.stdout, app.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  try {
    await eventually(() => output.includes('COMPLETED PPO Gold 1500'), { withinMs: 40_000, what: 'a result' });
    await eventually(async () => (await acknowledged()) > before);
    expect(output).not.toMatch(/error/i);
  } finally {
    app.kill();
  }
});

test('the event of its own is taken', async () => {
  const command = blocks('sh').find((text) => text.includes('/dev/events')) ?? '';
  const { stdout } = await promisify(execFile)('sh', ['-c', command]);
  expect(stdout).toMatch(/^HTTP\/1\.1 202 /);
});

test('every operation in it is valid, and answers', async () => {
  const token = await (await fetch(new URL('/dev/token?member=demo&accounts=A123', lifeline.url))).text();
  const operations = blocks('graphql').flatMap((text) => text.split(/\n(?=# \d)/));
  expect(operations).toHaveLength(4);
  for (const query of operations) {
    const response = await fetch(lifeline.url, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ query, variables: { ids: [] } }),
    });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    await eventually(
      async () => {
        text += (await reader?.read())?.value ?? '';
        return text.includes('data: {');
      },
      { what: query, withinMs: 20_000 },
    );
    expect(text).not.toContain('errors');
    await reader?.cancel();
  }
});
