/** The machine's line: no figure means anything without it. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { promisify } from 'node:util';

import { canPin } from './children.ts';

const run = promisify(execFile);

/** All processors' time since boot, in ticks. */
interface Ticks {
  readonly all: number;
  readonly stolen: number;
}

async function ticks(): Promise<Ticks> {
  // user nice system idle iowait irq softirq steal …; nothing of the kind elsewhere than on Linux
  const text = await readFile('/proc/stat', 'utf8').catch(() => '');
  const fields = (text.split('\n')[0] ?? '').split(/\s+/).slice(1, 9).map(Number);
  return { all: fields.reduce((sum, field) => sum + field, 0), stolen: fields[7] ?? 0 };
}

/** Watches the machine from now on; the line says what its neighbours took meanwhile, as far as the kernel was told. */
export async function watchMachine(): Promise<() => Promise<string>> {
  const before = await ticks();
  const redis = await run('redis-server', ['--version'])
    .then(({ stdout }) => /v=([\d.]+)/.exec(stdout)?.[1])
    .catch(() => undefined);
  return async () => {
    const after = await ticks();
    const spent = after.all - before.all;
    return [
      `${availableParallelism()} × ${cpus()[0]?.model.trim() ?? 'unknown processor'}`,
      `${Math.round(totalmem() / 2 ** 30)} GiB`,
      `Linux ${release()}`,
      `Node ${process.version}`,
      redis === undefined ? 'no redis-server' : `Redis ${redis}`,
      `steal ${spent === 0 ? 'unknown' : `${(((after.stolen - before.stolen) / spent) * 100).toFixed(1)} %`}`,
      canPin ? 'server on core 0; load client, Redis and publisher on core 1' : 'no core of its own for anything',
    ].join(', ');
  };
}

/** Versions of the peers as they are pinned, `name version` in the order of the alphabet. */
export async function peerVersions(bench: URL): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(new URL('package.json', bench), 'utf8'));
  if (typeof manifest !== 'object' || manifest === null || !('dependencies' in manifest)) return '';
  return Object.entries(manifest.dependencies ?? {})
    .map(([name, version]) => `${name} ${String(version)}`)
    .toSorted()
    .join(', ');
}
