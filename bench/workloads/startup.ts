/** S: how long a build takes from its start to its ready line, and what it holds in memory when nothing happens. */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { startKafka } from '../../test/support/kafka.ts';
import { type RoleProcess, startRole } from '../runner/role-process.ts';
import { inTurn } from '../runner/rounds.ts';
import type { Context, Result, Workload } from './workload.ts';

const repository = fileURLToPath(new URL('../../', import.meta.url));
/** What `npm run build` reads, and what a build needs beside `dist/`. */
const sources = ['package.json', 'tsconfig.json', 'src', 'demo', 'schema', 'bin'] as const;

const roles = ['all', 'serve', 'bridge', 'embedded'] as const;
type Role = (typeof roles)[number];
/** From then on it is at rest. */
const idleMs = { smoke: 2_000, full: 5_000 } as const;

export const workload: Workload = { letter: 'S', title: 'start and memory at rest, from dist/', run };

async function* run(context: Context): AsyncIterable<Result> {
  context.note('building');
  const folder = await build(context);
  const redis = await context.startRedis();
  const kafka = await startKafka();
  context.defer(() => kafka.stop());
  const connected = { REDIS_URL: redis.url, KAFKA_BROKERS: kafka.brokers.join(','), KAFKA_CREATE_TOPICS: 'true' };
  const program = join(folder, 'bin', 'lifeline.cjs');

  const start = (role: Role): Promise<RoleProcess> => {
    const apart = { REDIS_PREFIX: role, KAFKA_GROUP_ID: role, KAFKA_TOPICS: role, KAFKA_DEAD_LETTER_TOPIC: `${role}-dead` };
    if (role === 'embedded') return startRole(context, null, { program });
    return startRole(context, role, { program, env: { ...connected, ...apart } });
  };

  const rounds = Math.min(context.profile === 'full' ? 3 : 1, context.rounds);
  for (let round = 0; round <= rounds; round++) {
    const started: { readonly role: Role; readonly running: RoleProcess }[] = [];
    for (const role of inTurn(context.profile === 'smoke' ? roles.slice(0, 1) : roles, round)) {
      const running = await start(role);
      await running.ready(); // connected before the next one starts, so that none starts beside another that is still at it
      started.push({ role, running });
    }
    // Round 0 leaves the files in the page cache and the topics created.
    if (round > 0) {
      await sleep(idleMs[context.profile], undefined, { signal: context.signal });
      for (const { role, running } of started) {
        const figures = { readyMs: running.readyMs };
        yield { workload: 'S', server: 'lifeline', variant: role, round, rss: await running.rssBytes(), figures };
      }
    }
    await Promise.all(started.map(({ running }) => running.stop()));
  }
}

/** `npm run build` of a copy, because others may work with `dist/`; what it was built of goes, or the launcher would run that. */
async function build(context: Context): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lifeline-bench-dist-'));
  context.defer(() => rm(folder, { recursive: true, force: true }));
  for (const source of sources) await cp(join(repository, source), join(folder, source), { recursive: true });
  await symlink(join(repository, 'node_modules'), join(folder, 'node_modules'));
  await promisify(execFile)('npm', ['run', '--silent', 'build'], { cwd: folder, signal: context.signal }).catch(
    (error: unknown) => {
      // The compiler says on stdout what is wrong.
      const said = error instanceof Error && 'stdout' in error ? String(error.stdout).slice(0, 2_000) : '';
      throw new Error(`npm run build failed: ${said}`, { cause: error });
    },
  );
  await rm(join(folder, 'src'), { recursive: true });
  return folder;
}
