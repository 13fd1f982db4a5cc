/** A whole run: workloads one after the other, their lines into a file, tables and goals out of it. */
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Result, Workload } from '../workloads/workload.ts';
import { type Children, createChildren } from './children.ts';
import { createContext } from './context.ts';
import { goals } from './goal-table.ts';
import { judge } from './goals.ts';
import { peerVersions, watchMachine } from './machine.ts';
import { goalTable, resultTable, table } from './markdown.ts';
import { plots } from './pictures.ts';
import { selfTimes } from './profile.ts';
import { grouped } from './rounds.ts';

const bench = new URL('../', import.meta.url);
const results = fileURLToPath(new URL('results/', bench));
const images = new URL('../docs/images/', bench);

export interface BenchOptions {
  readonly profile: 'smoke' | 'full';
  /** Measured rounds; undefined: as many as the profile wants. */
  readonly rounds: number | undefined;
  /** Names of servers; undefined: all. */
  readonly servers: readonly string[] | undefined;
  /** Names of files in `workloads/`, in the order in which they run. */
  readonly files: readonly string[];
  /** A server to profile. */
  readonly cpuProf: string | undefined;
  /** Files with the lines of earlier runs, taken together, instead of a run. */
  readonly from: readonly string[] | undefined;
  readonly plots: boolean;
}

const print = (text = '') => void process.stdout.write(`${text}\n`);
const note = (text: string) => void process.stderr.write(`  ${text}\n`);

/** @returns the exit code: 1 where an event was lost, a goal was missed or a workload broke; 130 when interrupted */
export async function runBench(options: BenchOptions): Promise<number> {
  if (options.from !== undefined) {
    const earlier = (await Promise.all(options.from.map(linesOf))).flat();
    for (const [letter, of] of grouped(earlier, (result) => result.workload)) print(`${resultTable(of, letter)}\n`);
    return conclude(earlier, options, []);
  }

  const children = createChildren();
  const interrupted = new AbortController();
  const onSignal = () => {
    interrupted.abort();
    void children.stopAll();
  };
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  const machine = await watchMachine();
  const began = performance.now();

  const { lines, broken, file } = await runAll(options, children, interrupted.signal);
  await children.stopAll();

  print(`Machine: ${await machine()}`);
  print(`Peers: ${await peerVersions(bench)}`);
  print(`${options.profile}, ${Math.round((performance.now() - began) / 1_000)} s; raw rounds: ${relative(process.cwd(), file)}\n`);
  if (interrupted.signal.aborted) return 130;
  return conclude(lines, options, broken);
}

const usualRounds = { smoke: 2, full: 5 } as const;

/** The run's rounds get numbers of their own, because ratios are taken within a round. */
async function linesOf(file: string, run: number): Promise<Result[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const result = JSON.parse(line) as Result; // written by the code below
    return { ...result, round: result.round + run * 1_000 };
  });
}

async function runAll(options: BenchOptions, children: Children, signal: AbortSignal) {
  await mkdir(results, { recursive: true });
  const file = `${results}${new Date().toISOString().replaceAll(/[:.]/g, '-')}-${options.profile}.jsonl`;
  const stream = createWriteStream(file);
  const lines: Result[] = [];
  const broken: string[] = [];

  for (const name of options.files) {
    if (signal.aborted) break;
    const known = new Set(await readdir(results));
    const mine: Result[] = [];
    const began = performance.now();
    let title: string = name;
    let end: (() => Promise<void>) | undefined;
    try {
      const { workload } = (await import(`../workloads/${name}.ts`)) as { workload: Workload }; // each file there exports one
      title = `${workload.letter} ${workload.title}`;
      note(title);
      const context = createContext({
        profile: options.profile,
        rounds: options.rounds ?? usualRounds[options.profile],
        servers: options.servers,
        roundMs: options.profile === 'full' ? 2_000 : 500,
        children,
        signal,
        note: (text) => note(`  ${text}`),
        cpuProf: options.cpuProf === undefined ? undefined : { server: options.cpuProf, folder: results },
      });
      ({ end } = context);
      for await (const result of workload.run(context)) {
        mine.push(result);
        stream.write(`${JSON.stringify(result)}\n`);
      }
    } catch (error) {
      if (!signal.aborted) {
        broken.push(title);
        note(`broke: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      }
    } finally {
      await end?.();
    }
    lines.push(...mine);
    note(`took ${Math.round((performance.now() - began) / 1_000)} s`);
    if (mine.length > 0) print(`${resultTable(mine, title)}\n`);
    if (options.cpuProf !== undefined) await printProfiles(known);
  }
  await new Promise<void>((resolve) => stream.end(resolve));
  return { lines, broken, file };
}

async function conclude(lines: readonly Result[], options: BenchOptions, broken: readonly string[]): Promise<number> {
  const loose = options.profile === 'smoke' && options.from === undefined;
  const verdicts = judge(goals, lines, loose ? 2 : 1);
  const measured = verdicts.filter(({ verdict }) => verdict !== 'not measured');
  if (measured.length > 0) print(`### Goals${loose ? ', at half their size' : ''}\n\n${goalTable(measured)}\n`);
  const failed = measured.filter(({ verdict }) => verdict === 'FAIL').length;
  const lost = lines.reduce((sum, { lost = 0 }) => sum + lost, 0);
  print(
    `${measured.length - failed} of ${measured.length} goals reached, ${goals.length - measured.length} not measured; ${lost} events lost.`,
  );
  for (const name of broken) print(`Broke: ${name}`);
  if (options.plots) {
    for (const [name, svg] of plots(lines)) {
      await writeFile(new URL(name, images), svg);
      print(`docs/images/${name}`);
    }
  }
  return failed > 0 || lost > 0 || broken.length > 0 ? 1 : 0;
}

async function printProfiles(known: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(results)) {
    if (known.has(name) || !name.endsWith('.cpuprofile')) continue;
    const times = selfTimes(await readFile(`${results}${name}`, 'utf8')).slice(0, 20);
    print(
      `### Self time in ${name}\n\n${table(
        ['module', 'ms', 'share'],
        times.map(({ module, micros, share }) => [module, (micros / 1_000).toFixed(0), `${(share * 100).toFixed(1)} %`]),
      )}\n`,
    );
  }
}
