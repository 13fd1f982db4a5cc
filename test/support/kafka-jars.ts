import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const cache = join(import.meta.dirname, '..', '..', '.cache', 'kafka');
const pom = join(import.meta.dirname, 'kafka', 'pom.xml');

/**
 * The folder with the broker's jars; brought by Maven on first use, by one process while others wait, and complete as soon as it is there.
 *
 * @throws Error with one sentence on what to do when java or mvn is missing
 */
export async function kafkaJars(): Promise<string> {
  const version = /<version>([\d.]+\.[\d.]+)<\/version>/.exec(await readFile(pom, 'utf8'))?.[1] ?? 'unknown';
  const jars = join(cache, version);
  const install = 'Tests start a real Kafka: install Java 17 (`apt-get install openjdk-17-jre-headless`), or set KAFKA_BROKERS.';
  await run('java', ['-version'], install);
  if (existsSync(jars)) return jars;

  await mkdir(cache, { recursive: true });
  const lock = join(cache, 'lock');
  while (!(await take(lock))) {
    if (existsSync(jars)) return jars;
    await sleep(200);
  }
  try {
    if (existsSync(jars)) return jars;
    const partial = `${jars}.${process.pid}`;
    const args = ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${partial}`];
    await run('mvn', args, 'Tests bring Kafka by Maven: install it (`apt-get install maven`), or set KAFKA_BROKERS.');
    await rename(partial, jars);
    return jars;
  } finally {
    await rm(lock, { force: true });
  }
}

/** Takes the lock file, also from an owner that died with it. */
async function take(lock: string): Promise<boolean> {
  try {
    const file = await open(lock, 'wx');
    await file.writeFile(String(process.pid));
    await file.close();
    return true;
  } catch {
    const owner = Number(await readFile(lock, 'utf8').catch(() => ''));
    // An empty file is an owner between `open` and `write`.
    if (owner > 0 && !alive(owner)) await rm(lock, { force: true });
    return false;
  }
}

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function run(command: string, args: readonly string[], whenMissing: string): Promise<void> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const keep = (chunk: Buffer) => (output = (output + chunk.toString()).slice(-2_000));
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const failed = once(child, 'error').then(([error]) => {
    throw new Error(whenMissing, { cause: error });
  });
  await Promise.race([once(child, 'close'), failed]);
  if (child.exitCode !== 0) throw new Error(`${command} ended with code ${child.exitCode}: ${output}`);
}
