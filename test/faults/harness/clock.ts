import type { ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { eventually } from '../../support/eventually.ts';

/** How wrong the wall clock of one process is; told to it by a file, because an environment cannot be changed from outside. */
export interface Clock {
  readonly file: string;
  /** Settles when the process goes by the new time. */
  step(process: ChildProcess, skewMs: number): Promise<void>;
  remove(): Promise<void>;
}

export async function createClock(skewMs: number): Promise<Clock> {
  const folder = await mkdtemp(join(tmpdir(), 'lifeline-clock-'));
  const file = join(folder, 'skew');
  await writeFile(file, String(skewMs));
  return {
    file,
    async step(process, next) {
      await writeFile(file, String(next));
      process.kill('SIGUSR2');
      await eventually(async () => (await readFile(`${file}.seen`, 'utf8')) === String(next), { what: 'the clock to step' });
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
