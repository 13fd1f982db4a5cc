import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, describe, expect, test } from 'vitest';

import { endsWithUs } from './ends-with-us.ts';
import { eventually } from './eventually.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const module = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
const folder = mkdtempSync(join(tmpdir(), 'lifeline-hard-'));
const left = new Set<number>();
afterAll(() => {
  for (const pid of left) if (alive(pid)) process.kill(pid, 'SIGKILL');
  rmSync(folder, { recursive: true });
});

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Starts it and waits until it has told the pids of what it started, each as "name=pid". */
async function start(command: string, args: readonly string[], names: readonly string[]) {
  const parent: ChildProcess = endsWithUs(spawn(command, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] }));
  let output = '';
  for (const stream of [parent.stdout, parent.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
  const pidOf = (name: string) => Number(new RegExp(`\\b${name}=(\\d+)`).exec(output)?.[1]);
  await eventually(
    () => {
      if (parent.exitCode !== null) throw new Error(`It ended: ${output}`);
      return names.every((name) => pidOf(name) > 0);
    },
    { what: 'the children', withinMs: 45_000 },
  ).catch((error: unknown) => {
    throw new Error(output, { cause: error });
  });
  for (const name of names) left.add(pidOf(name));
  return { parent, pidOf };
}

describe('a process that is killed the hard way takes along', () => {
  /** A parent that starts `command` and says which pid it has, and how it is run. */
  const source = (command: string, args: readonly string[], more = '') => `
    import { spawn } from 'node:child_process';
    import { endsWithUs } from ${module('ends-with-us.ts')};
    const child = endsWithUs(spawn(${JSON.stringify(command)}, ${JSON.stringify(args)}, { stdio: 'ignore' }));
    ${more}
    console.log('child=' + child.pid);
    setInterval(() => {}, 60_000);
  `;
  const run = (code: string, names: readonly string[]) =>
    start(process.execPath, ['--input-type=module-typescript', '--eval', code], names);

  test.for(['SIGKILL', 'SIGTERM'] as const)('what it started, by %s', async (signal) => {
    const { parent, pidOf } = await run(source('sleep', ['600']), ['child']);
    expect(alive(pidOf('child'))).toBe(true);
    parent.kill(signal);
    await eventually(() => !alive(pidOf('child')), { what: 'the end of the child' });
  });

  test('what it started and then stopped (SIGSTOP), which hears of nothing by itself', async () => {
    const { parent, pidOf } = await run(source('sleep', ['600'], `child.kill('SIGSTOP');`), ['child']);
    parent.kill('SIGKILL');
    await eventually(() => !alive(pidOf('child')), { what: 'the end of the child' });
  });

  test('only what is still there, out of several', async () => {
    const more = `
      const gone = endsWithUs(spawn('true'));
      const other = endsWithUs(spawn('sleep', ['600'], { stdio: 'ignore' }));
      await new Promise((resolve) => gone.once('exit', resolve));
      console.log('other=' + other.pid);`;
    const { parent, pidOf } = await run(source('sleep', ['600'], more), ['child', 'other']);
    expect([alive(pidOf('child')), alive(pidOf('other'))]).toEqual([true, true]);
    parent.kill('SIGKILL');
    await eventually(() => !alive(pidOf('child')) && !alive(pidOf('other')), { what: 'the end of both' });
  });
});

test('a vitest that is killed the hard way leaves no worker, no Redis and no gateway', async () => {
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(
    join(folder, 'vitest.config.js'),
    `export default { test: { include: ['*.case.js'], pool: 'forks', setupFiles: [${module('orphan.ts')}.slice('file://'.length)] } };`,
  );
  writeFileSync(
    join(folder, 'hangs.case.js'),
    `import { test } from 'vitest';
     import { startLifeline } from ${module('lifeline.ts')};
     import { startRedis } from ${module('redis.ts')};
     test('hangs', async () => {
       const redis = await startRedis({ own: true });
       const lifeline = await startLifeline([]);
       const server = Number(/process_id:(\\d+)/.exec(await redis.command('INFO', 'server'))[1]);
       process.stdout.write('worker=' + process.pid + ' redis=' + server + ' gateway=' + lifeline.process.pid + '\\n');
       await new Promise((resolve) => setTimeout(resolve, 600_000));
     }, 600_000);`,
  );
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const names = ['worker', 'redis', 'gateway'];
  const { parent, pidOf } = await start(process.execPath, [vitest, 'run', '--disableConsoleIntercept'], names);
  expect(names.map((name) => alive(pidOf(name)))).toEqual([true, true, true]);
  parent.kill('SIGKILL');
  await eventually(() => names.every((name) => !alive(pidOf(name))), { what: 'the end of all of them' });
});
