import { appendFileSync } from 'node:fs';

import { afterAll, expect, test } from 'vitest';

import { check, type Finding, type History, type Verdict, worstGap } from './checker.ts';
import { type Fleet, type FleetOptions, startFleet, stopKafkaOfFile } from './fleet.ts';
import type { Mutant } from './instrument.ts';
import { type Load, type LoadOptions, startLoad } from './load.ts';
import { createRandom, seed } from './random.ts';

/** `npm run faults`: everything, each fault proven able to fail. Otherwise the quick ones, once. */
export const full = process.env['FAULTS_FULL'] === '1';
const controls = full && process.env['FAULT_CONTROLS'] !== 'off';
const table = process.env['FAULTS_TABLE'];

interface Common {
  /** The row of the fault table it covers. */
  readonly row: number;
  readonly quick?: boolean;
  readonly timeoutMs?: number;
}

export interface Fault extends Common {
  readonly fleet?: FleetOptions;
  readonly load?: Partial<LoadOptions>;
  readonly allowed?: History['allowed'];
  /** A product broken on purpose, and what the checker must then say; the run is given up on as soon as it says so. */
  readonly control: { readonly mutants: readonly Mutant[]; readonly finds: readonly Verdict[] };
  /** What else must hold afterwards; not asked of the broken product. */
  readonly also?: (parts: { readonly history: History; readonly load: Load; readonly note: (text: string) => void }) => void;
  /** Breaks something while events flow. What is produced afterwards must settle, too. */
  readonly run: (parts: {
    readonly fleet: Fleet;
    readonly load: Load;
    readonly random: () => number;
    /** Stands in the table, for figures: what was measured, with its unit. */
    readonly note: (text: string) => void;
  }) => Promise<void>;
}

/** A fault that the fleet with its load and its checker does not fit: it asserts by itself. */
export interface PlainFault extends Common {
  /** A product broken on purpose, and what the run's assertion must then say. */
  readonly control: { readonly mutants: readonly Mutant[]; readonly fails: RegExp };
  /** @returns figures for the table, where it has any */
  readonly run: (parts: {
    /** For every process that the run starts: `startFleet({ mutants })`, see `withFleet`. */
    readonly mutants: readonly Mutant[];
    readonly random: () => number;
    readonly note: (text: string) => void;
  }) => Promise<Partial<Pick<TableLine, 'events' | 'copies' | 'worstGap'>> | void>;
}

/** One line of the table; a run that had anything to complain about writes none. */
export interface TableLine {
  readonly fault: string;
  readonly events: number;
  readonly copies: number;
  /** s */
  readonly worstGap: number;
  /** From a cut to the next connection, median over all devices and cuts, s; null where none was cut. */
  readonly back: number | null;
  readonly notes: readonly string[];
}

/** Adds a line to the table that `npm run faults` prints. */
function tableRow(line: Pick<TableLine, 'fault'> & Partial<TableLine>): void {
  const whole: TableLine = { events: 0, copies: 0, worstGap: 0, back: null, notes: [], ...line };
  if (table !== undefined) appendFileSync(table, `${JSON.stringify(whole)}\n`);
}

afterAll(stopKafkaOfFile);

/** One fault, one sentence. */
export function fault(sentence: string, options: Fault): void {
  const name = `${options.row}: ${sentence}`;
  catalogued(name, options, {
    async holds() {
      const notes: string[] = [];
      const { history, findings, back } = await play(options, [], notes);
      expect(findings, `FAULT_SEED=${seed}`).toEqual([]);
      const { produced, deliveries } = history;
      tableRow({ fault: name, events: produced.length, copies: deliveries.length, worstGap: worstGap(history), back, notes });
    },
    async isNoticed() {
      const { findings } = await play(options, options.control.mutants, []);
      const verdicts = new Set(findings.map(({ verdict }) => verdict));
      expect(
        options.control.finds.filter((verdict) => !verdicts.has(verdict)),
        `FAULT_SEED=${seed}`,
      ).toEqual([]);
    },
  });
}

/** As `fault`, for what asserts by itself. */
export function plainFault(sentence: string, options: PlainFault): void {
  const name = `${options.row}: ${sentence}`;
  const run = (mutants: readonly Mutant[], notes: string[]) =>
    options.run({ mutants, random: createRandom(seed), note: (text) => notes.push(text) });
  catalogued(name, options, {
    async holds() {
      const notes: string[] = [];
      const figures = await run([], notes);
      tableRow({ fault: name, notes, ...figures });
    },
    // Of the assertion itself: a broken product that does not even start proves nothing.
    isNoticed: () => expect(run(options.control.mutants, []), `FAULT_SEED=${seed}`).rejects.toThrow(options.control.fails),
  });
}

/** A fleet for as long as `use` takes. */
export async function withFleet<T>(options: FleetOptions, use: (fleet: Fleet) => Promise<T>): Promise<T> {
  const fleet = await startFleet(options);
  const broken = (options.mutants ?? []).length > 0;
  let failed = true;
  try {
    const answer = await use(fleet);
    failed = false;
    return answer;
  } finally {
    // A broken product may not stop as it should either, and what failed first is what is told.
    await fleet.stop().catch((error: unknown) => {
      if (!broken && !failed) throw error;
    });
  }
}

function catalogued(
  name: string,
  { quick = false, timeoutMs = 180_000 }: Common,
  { holds, isNoticed }: { readonly holds: () => Promise<void>; readonly isNoticed: () => Promise<void> },
): void {
  if (quick || full) test(name, { timeout: timeoutMs }, holds);
  if (controls) test(`${name} — and would be noticed`, { timeout: timeoutMs }, isNoticed);
}

interface Played {
  readonly history: History;
  readonly findings: Finding[];
  readonly back: number | null;
}

async function play(options: Fault, mutants: readonly Mutant[], notes: string[]): Promise<Played> {
  const random = createRandom(seed);
  const broken = mutants.length > 0;
  // The fleet's own mutants are part of the fault.
  return withFleet({ ...options.fleet, mutants: [...(options.fleet?.mutants ?? []), ...mutants] }, async (fleet) => {
    const load = startLoad(fleet, { random, ...options.load });
    const note = (text: string) => void notes.push(text);
    await options.run({ fleet, load, random, note });
    await load.settle(broken ? 10_000 : 60_000);
    const history = { ...(await load.finish()), allowed: options.allowed ?? {} };
    if (!broken) options.also?.({ history, load, note });
    const waits = load.resumedAfter.toSorted((a, b) => a - b);
    const median = waits[Math.floor(waits.length / 2)];
    return { history, findings: check(history), back: median === undefined ? null : median / 1_000 };
  });
}
