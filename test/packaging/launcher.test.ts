import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterEach, describe, expect, test } from 'vitest';

import { eventually } from '../support/eventually.ts';

const launcher = fileURLToPath(new URL('../../bin/lifeline.cjs', import.meta.url));

const folders: string[] = [];
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** The launcher in a folder of its own, beside the files given. */
function install(files: Readonly<Record<string, string>>, { shippedNode = false } = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'lifeline-launcher-'));
  folders.push(folder);
  for (const [name, text] of Object.entries({ ...files, 'package.json': '{"type":"module"}', 'old.cjs': pretendOld })) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  mkdirSync(join(folder, 'bin'));
  cpSync(launcher, join(folder, 'bin/lifeline.cjs'));
  if (shippedNode) {
    const bin = join(folder, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin');
    mkdirSync(bin, { recursive: true });
    symlinkSync(process.execPath, join(bin, 'node'));
  }
  return folder;
}

// The launcher asks process.versions; a Node that really is too old is not at hand everywhere.
const pretendOld = `Object.defineProperty(process, 'versions', { value: Object.assign({}, process.versions, { node: '20.19.0' }) });`;
const old = (folder: string) => ['--require', join(folder, 'old.cjs')];
const run = (folder: string, nodeOptions: readonly string[], ...args: string[]) =>
  spawnSync(process.execPath, [...nodeOptions, join(folder, 'bin/lifeline.cjs'), ...args], { encoding: 'utf8', timeout: 30_000 });
const start = (folder: string, nodeOptions: readonly string[], path = 'bin/lifeline.cjs') => {
  const child = spawn(process.execPath, [...nodeOptions, join(folder, path)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return { child, output: () => output };
};

/** What `npm run build` makes of src/main.ts, which has no types in it. */
const entry = readFileSync(new URL('../../src/main.ts', import.meta.url), 'utf8').replace('./program.ts', './program.js');
const echo = `console.log(JSON.stringify(process.argv.slice(2)));`;
/** Tells its id, then waits for a signal: SIGTERM ends it with 7, SIGINT only counts. */
const server = `
  process.on('SIGTERM', () => process.exit(7));
  process.on('SIGINT', () => console.log('interrupted'));
  setInterval(() => {}, 1000);
  console.log('pid ' + process.pid);
`;
const alive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('the launcher', () => {
  test('runs the source of a checkout, also beside a build', () => {
    const folder = install({
      'src/main.ts': `const answer: string = 'source'; console.log(answer); ${echo}`,
      'dist/main.js': `console.log('build')`,
    });
    expect(run(folder, [], 'serve', '--x')).toMatchObject({ status: 0, stdout: 'source\n["serve","--x"]\n', stderr: '' });
  });

  test('runs the build where there is no source', () => {
    const folder = install({ 'dist/main.js': `console.log('build'); ${echo}` });
    expect(run(folder, [], 'bridge')).toMatchObject({ status: 0, stdout: 'build\n["bridge"]\n', stderr: '' });
  });

  test('says in one sentence that there is nothing to run', () => {
    const { status, stdout, stderr } = run(install({}), []);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^Lifeline is not built: [^\n]+\.\n$/);
  });

  test('ends with 1 when the program cannot even be loaded', () => {
    expect(run(install({ 'dist/main.js': `import './missing.js';` }), [])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('missing.js'),
    });
  });

  test('keeps quiet about running TypeScript, and about nothing else', () => {
    const folder = install({
      'src/main.ts': `process.emitWarning('Type Stripping is an experimental feature', 'ExperimentalWarning'); process.emitWarning('careful');`,
    });
    const { stderr } = run(folder, []);
    expect(stderr).toContain('careful');
    expect(stderr).not.toContain('Stripping');
  });
});

describe('on a Node that is too old, the launcher', () => {
  test('says in one sentence what is needed', () => {
    const folder = install({ 'dist/main.js': echo });
    for (const args of [[], ['--check-node']]) {
      const { status, stdout, stderr } = run(folder, old(folder), ...args);
      expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
      expect(stderr).toMatch(/^Lifeline needs Node 22\.18 or newer and this is 20\.19\.0: [^\n]+\.\n$/);
    }
  });

  test('runs on the Node that came with the installation, with the same arguments and the same end', () => {
    const folder = install({ 'dist/main.js': `${echo} process.exitCode = 3;` }, { shippedNode: true });
    expect(run(folder, old(folder), 'serve')).toMatchObject({ status: 3, stdout: '["serve"]\n', stderr: '' });
  });

  test('gives that Node the options that npm start and the image give theirs', () => {
    const folder = install({ 'dist/main.js': `console.log(process.execArgv.join(' '));` }, { shippedNode: true });
    const { stdout } = run(folder, old(folder));
    expect(stdout).toMatch(/^--\S+\n$/);
    const options = stdout.trim();
    expect(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).toContain(
      `"start": "node ${options} bin/lifeline.cjs"`,
    );
    expect(readFileSync(new URL('../../deploy/Dockerfile', import.meta.url), 'utf8')).toContain(
      `ENTRYPOINT ["node", "${options}", `,
    );
    expect(readFileSync(new URL('../../README.md', import.meta.url), 'utf8')).toContain(`NODE_OPTIONS=${options} `);
  });

  test('ends as its server does, when that is killed too', async () => {
    const folder = install(
      { 'dist/main.js': `process.kill(process.pid, 'SIGKILL'); setInterval(() => {}, 1000);` },
      { shippedNode: true },
    );
    const { child } = start(folder, old(folder));
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
  });

  test('passes SIGTERM on and waits for the end', async () => {
    const folder = install({ 'dist/main.js': server }, { shippedNode: true });
    const { child, output } = start(folder, old(folder));
    await eventually(() => output().includes('pid'));
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([7, null]);
  });

  test('passes each SIGINT on once', async () => {
    const folder = install({ 'dist/main.js': server }, { shippedNode: true });
    const { child, output } = start(folder, old(folder));
    await eventually(() => output().includes('pid'));
    child.kill('SIGINT');
    await eventually(() => output().includes('interrupted'));
    child.kill('SIGINT');
    await eventually(() => output().split('interrupted').length === 3);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([7, null]);
    expect(output().split('interrupted')).toHaveLength(3);
  });

  test.each(['bin/lifeline.cjs', 'dist/main.js'])(
    'leaves no server behind when it is killed itself, started as %s',
    async (path) => {
      const folder = install({ 'dist/main.js': entry, 'dist/program.js': server }, { shippedNode: true });
      const { child, output } = start(folder, old(folder), path);
      const pid = await eventually(() => Number(/pid (\d+)/.exec(output())?.[1]));
      expect(pid).not.toBe(child.pid);
      child.kill('SIGKILL');
      await eventually(() => !alive(pid), { what: 'the end of the server' });
    },
  );
});

describe('on a Node that is too old, the build', () => {
  const runBuild = (folder: string, ...args: string[]) =>
    spawnSync(process.execPath, [...old(folder), join(folder, 'dist/main.js'), ...args], { encoding: 'utf8', timeout: 30_000 });

  test('runs on the Node that came with the installation, also beside a source', () => {
    const folder = install(
      { 'dist/main.js': entry, 'dist/program.js': `${echo} process.exitCode = 3;`, 'src/main.ts': `console.log('source')` },
      { shippedNode: true },
    );
    expect(runBuild(folder, 'serve')).toMatchObject({ status: 3, stdout: '["serve"]\n', stderr: '' });
  });

  test('says in one sentence what is needed', () => {
    const { status, stdout, stderr } = runBuild(install({ 'dist/main.js': entry, 'dist/program.js': 'no JavaScript of any age' }));
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^Lifeline needs Node 22\.18 or newer and this is 20\.19\.0: [^\n]+\.\n$/);
  });
});

test('--check-node is content with the Node of these tests and runs nothing', () => {
  expect(run(install({ 'dist/main.js': echo }), [], '--check-node')).toMatchObject({ status: 0, stdout: '', stderr: '' });
});
