/**
 * `npm run faults [-- <name>]`: the whole campaign, or the faults whose name matches; each also against a product broken on purpose, which it
 * has to notice (`FAULT_CONTROLS=off` leaves that out; `FAULT_WORKERS=2` runs two files at a time). Prints a table. `FAULT_SEED=… npm run faults -- <name>` repeats a run.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { TableLine } from './harness/fault.ts';

const [name] = process.argv.slice(2);
const folder = await mkdtemp(join(tmpdir(), 'lifeline-faults-'));
const table = join(folder, 'table.jsonl');
const seed = process.env['FAULT_SEED'] ?? String(Math.floor(Math.random() * 1_000_000));
process.stdout.write(`seed ${seed}\n`);

const child = spawn(
  'vitest',
  [
    'run',
    '--config',
    'vitest.faults.config.ts',
    '--maxWorkers',
    process.env['FAULT_WORKERS'] ?? '1',
    'test/faults',
    ...(name === undefined ? [] : ['-t', name]),
  ],
  {
    stdio: 'inherit',
    env: { ...process.env, FAULTS_FULL: '1', FAULTS_TABLE: table, FAULT_SEED: seed },
  },
);
const [code] = (await once(child, 'exit')) as [number | null];

const text = await readFile(table, 'utf8').catch(() => '');
const rows = text
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as TableLine); // our own lines
await rm(folder, { recursive: true });
// A row is written only by a run that the checker had nothing to say about.
process.stdout.write(
  `\n| fault (seed ${seed}) | events | copies | lost | foreign | unflagged duplicates | worst gap, s | clients back, median s | measured |\n${'| --- '.repeat(9)}|\n`,
);
for (const { fault, events, copies, worstGap, back, notes } of rows) {
  const figures = events === 0 ? ['–', '–', '–', '–', '–', '–'] : [events, copies, 0, 0, 0, worstGap.toFixed(1)];
  process.stdout.write(`| ${[fault, ...figures, back?.toFixed(1) ?? '–', notes.join('; ')].join(' | ')} |\n`);
}
process.exit(code ?? 1);
