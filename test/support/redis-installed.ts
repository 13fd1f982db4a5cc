import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Before the first test: brings Debian's `redis-server` where it is missing and may be installed.
 *
 * @throws Error with one sentence on what to do where it may not
 */
export default async function setup(): Promise<void> {
  if (await isThere()) return;
  try {
    // RUNLEVEL=1 keeps the package from starting a server of its own on 6379.
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
    await run('apt-get', ['update'], { env, timeout: 120_000 });
    await run('apt-get', ['install', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120', 'redis-server'], {
      env,
      timeout: 300_000,
    });
  } catch {
    // no apt, no rights, or no network: the sentence below says what to do
  }
  if (!(await isThere()))
    throw new Error('The tests need `redis-server` 7 or newer: install it (Debian: apt-get install redis-server).');
}

async function isThere(): Promise<boolean> {
  try {
    await run('redis-server', ['--version']);
    return true;
  } catch {
    return false;
  }
}
