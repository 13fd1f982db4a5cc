import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
let folder: string;

/** The package as it is published: what `files` names, built, and the dependencies beside it. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lifeline-package-'));
  for (const entry of ['package.json', 'tsconfig.json', 'bin', 'schema', 'src'])
    await cp(join(root, entry), join(folder, entry), { recursive: true });
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  await run('npm', ['run', 'build'], { cwd: folder });
  await rm(join(folder, 'src'), { recursive: true });
  await mkdir(join(folder, 'elsewhere'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('the built package runs without its sources, from any folder, and drains on SIGTERM', async () => {
  const child = spawn(process.execPath, [join(folder, 'bin/lifeline.cjs')], {
    cwd: join(folder, 'elsewhere'),
    env: { PATH: process.env['PATH'], PORT: '0' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let url = '';
  for await (const line of createInterface({ input: child.stdout })) {
    const entry = JSON.parse(line) as { msg: string; url?: string };
    if (entry.msg === 'ready') url = entry.url ?? '';
    if (url !== '') break;
  }
  child.stdout.resume();
  const token = await (await fetch(new URL('/dev/token?member=demo', url))).text();
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query: '{ session { memberId } }' }),
  });
  expect(await response.json()).toEqual({ data: { session: { memberId: 'demo' } } });
  child.kill('SIGTERM');
  const [code] = (await once(child, 'exit')) as [number | null];
  expect(code).toBe(0);
});

test('what is published is the program, its schemas and its licence, not sources or tests', async () => {
  const { stdout } = await run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: folder });
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  const paths = files.map(({ path }) => path);
  expect(paths).toEqual(
    expect.arrayContaining([
      'bin/lifeline.cjs',
      'dist/main.js',
      'dist/log/append.lua',
      'schema/schema.graphql',
      'schema/events/rte.completed.json',
      'package.json',
    ]),
  );
  expect(paths.filter((path) => /^(src|test|bench)\//.test(path))).toEqual([]);
});
