import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, globSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const cache = join(root, '.cache', 'kotlin');
const project = join(root, 'clients', 'kotlin');
const sources = [
  'clients/kotlin/pom.xml',
  'clients/kotlin/{codegen,src}/**/*.{java,kt}',
  'clients/operations/*.graphql',
  'schema/schema.graphql',
];

/** Bringing Apollo, the Kotlin compiler and Maven's plugins to a fresh machine takes a minute or two; building takes 15 s, or far longer on a busy machine. */
export const kotlinBuildMs = 600_000;

/**
 * The class path of the Kotlin program, built by Maven unless these very sources were built before.
 *
 * @throws Error with Maven's output, or with one sentence on what to do when it is missing
 */
export async function kotlinClassPath(): Promise<string> {
  const hash = createHash('sha256');
  for (const file of globSync(sources, { cwd: root }).sort()) {
    hash.update(`${file}\0`).update(await readFile(join(root, file)));
  }
  const built = join(cache, hash.digest('hex').slice(0, 16));
  if (!existsSync(built)) await build(built);
  return [join(built, 'classes'), join(built, 'libs', '*')].join(':');
}

async function build(target: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  const partial = `${target}.${process.pid}`;
  const child = spawn('mvn', ['-q', '-B', '-f', project, 'compile', `-Dbuild.folder=${partial}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // The better compiler of the JVM only pays in programs that run for longer.
    env: { ...process.env, MAVEN_OPTS: '-XX:+UseSerialGC -XX:TieredStopAtLevel=1' },
    timeout: kotlinBuildMs - 30_000,
  });
  let output = '';
  const keep = (chunk: Buffer) => (output = (output + chunk.toString()).slice(-4_000));
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const failed = once(child, 'error').then(([error]) => {
    throw new Error('Tests build the Kotlin client by Maven: install it (`apt-get install maven`).', { cause: error });
  });
  try {
    await Promise.race([once(child, 'close'), failed]);
    if (child.exitCode !== 0) throw new Error(`mvn ended with ${child.exitCode ?? child.signalCode}: ${output}`);
    await rename(partial, target).catch((error: unknown) => {
      if (!existsSync(target)) throw error; // else another run was quicker, with the same result
    });
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}
