import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { variableNames } from '../../src/config/settings.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'lifeline-package-'));
afterAll(() => rmSync(folder, { recursive: true }));

const npm = (...args: string[]) => {
  const run = spawnSync('npm', args, { cwd: folder, encoding: 'utf8' });
  expect(run.status, run.stderr + run.stdout).toBe(0);
  return run.stdout;
};

describe('the package', () => {
  let files: readonly string[];

  beforeAll(() => {
    for (const name of [
      'package.json',
      'tsconfig.json',
      'src',
      'demo',
      'clients',
      'schema',
      'bin',
      'LICENSE',
      'README.md',
      'test/auth',
    ]) {
      if (existsSync(join(root, name))) cpSync(join(root, name), join(folder, name), { recursive: true });
    }
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    npm('run', '--silent', 'build');
    const [packed] = JSON.parse(npm('pack', '--dry-run', '--json', '--ignore-scripts')) as { files: { path: string }[] }[];
    files = packed?.files.map(({ path }) => path).sort() ?? [];
  });

  test('holds the launcher, the schema, the licence and all of the build', () => {
    expect(files).toEqual(
      expect.arrayContaining([
        'LICENSE',
        'bin/lifeline.cjs',
        'clients/operations/coverage.graphql',
        'dist/main.js',
        'dist/page/index.html',
        'package.json',
        'schema/schema.graphql',
      ]),
    );
    for (const source of globSync('**/*.ts', { cwd: join(root, 'src') }))
      expect(files).toContain(`dist/${source.replace(/\.ts$/, '.js')}`);
    for (const script of globSync('**/*.lua', { cwd: join(root, 'src') })) expect(files).toContain(`dist/${script}`);
    for (const schema of globSync('events/*.json', { cwd: join(root, 'schema') })) expect(files).toContain(`schema/${schema}`);
  });

  test('holds neither source nor tests', () => {
    expect(files.filter((path) => /^(src|test|bench|scripts|node_modules)\/|(?<!\.d)\.ts$/.test(path))).toEqual([]);
  });

  test('gives apps the client, the Apollo link and the React hooks, each with its types', () => {
    const app = join(folder, 'app');
    mkdirSync(join(app, 'node_modules'), { recursive: true });
    symlinkSync(folder, join(app, 'node_modules/lifeline'));
    writeFileSync(join(app, 'package.json'), '{ "type": "module" }');
    writeFileSync(
      join(app, 'app.ts'),
      `import { createLifelineLink } from 'lifeline/apollo';
       import { createClient } from 'lifeline/client';
       import { useCoverageUpdates } from 'lifeline/react';
       const client = createClient({ url: 'https://lifeline.example/graphql', token: () => 'token' });
       for await (const { workflowId } of client.coverageUpdates({ accountId: 'A123' })) workflowId satisfies string;
       // @ts-expect-error the payload is typed
       for await (const { nonsense } of client.coverageUpdates({ accountId: 'A123' })) nonsense;
       export const parts = [createLifelineLink({ client }), useCoverageUpdates];`,
    );
    const tsc = join(root, 'node_modules/.bin/tsc');
    const options = [
      '--noEmit',
      '--ignoreConfig',
      '--strict',
      '--skipLibCheck',
      '--module',
      'nodenext',
      '--target',
      'es2022',
      '--lib',
      'es2022,dom',
      '--types',
      '',
    ];
    const checked = spawnSync(tsc, [...options, 'app.ts'], { cwd: app, encoding: 'utf8' });
    expect(checked).toMatchObject({ status: 0, stdout: '' });
    const names = spawnSync(
      process.execPath,
      ['--input-type=module', '-e', `for (const name of ['client', 'apollo', 'react']) await import('lifeline/' + name)`],
      { cwd: app, encoding: 'utf8' },
    );
    expect(names).toMatchObject({ status: 0, stderr: '' });
  });

  test('runs from its build, through the launcher', () => {
    rmSync(join(folder, 'src'), { recursive: true });
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    const run = spawnSync(process.execPath, ['bin/lifeline.cjs', '--version'], { cwd: folder, encoding: 'utf8' });
    expect(run).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: '' });
    const refused = spawnSync(process.execPath, ['dist/main.js', '--nonsense'], { cwd: folder, encoding: 'utf8' });
    expect(refused).toMatchObject({ status: 2, stdout: '', stderr: 'Unknown option --nonsense: see lifeline --help.\n' });
  });
});

describe('the deployment files', () => {
  const compose = readFileSync(join(root, 'compose.yaml'), 'utf8');
  const dockerfile = readFileSync(join(root, 'deploy/Dockerfile'), 'utf8');
  const lifeline = compose.slice(compose.indexOf('\n  lifeline:'), compose.indexOf('\nvolumes:'));

  test('give Lifeline only variables that it knows', () => {
    const given = [...lifeline.matchAll(/^ {6}([A-Z_]+):/gm)].map(([, name]) => name);
    expect(given).toEqual(expect.arrayContaining(['REDIS_URL', 'KAFKA_BROKERS', 'JWT_SECRET', 'CURSOR_SECRET']));
    for (const name of given) expect(variableNames).toContain(name);
  });

  test('start Redis so that it keeps what it is given', () => {
    expect(compose).toContain('--appendonly yes --appendfsync everysec --maxmemory-policy noeviction');
  });

  test('let in only what the image is made of', () => {
    const ignored = readFileSync(join(root, '.dockerignore'), 'utf8');
    for (const [, sources = ''] of dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)) {
      for (const source of sources.split(' ')) expect(ignored).toContain(`!${source}\n`);
    }
  });

  test('run without privileges, with node as the process that gets the signals', () => {
    expect(dockerfile).toMatch(/^USER node$/m);
    expect(dockerfile).toMatch(/^ENTRYPOINT \["node", "--[^"]+", "dist\/main\.js"\]$/m);
    expect(dockerfile).toMatch(/^HEALTHCHECK /m);
  });

  if (spawnSync('docker', ['compose', 'version']).status === 0) {
    test('pass docker compose config', () => {
      const run = spawnSync('docker', ['compose', 'config', '--quiet'], { cwd: root, encoding: 'utf8' });
      expect(run.status, run.stderr).toBe(0);
    });
  }
});
