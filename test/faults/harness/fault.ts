import { appendFileSync } from 'node:fs';

import { afterAll, expect, test } from 'vitest';

import { check, type Finding, type History, type Verdict, worstGap } from './checker.ts';
import { type Fleet, type FleetOptions, startFleet, stopKafkaOfFile } from './fleet.ts';
import type { Mutant } from './instrument.ts';
import { type Load, type LoadOptions, startLoad } from './load.ts';
import { createRandom, seed } from './random.ts';

/** `npm run faults`: everything, each fault proven able to fail. Otherwise the quick ones, once. */
const full = process.env['FAULTS_FULL'] === '1';
const table = process.env['FAULTS_TABLE'];

export interface Fault {
  /** The row of the fault table it covers. */
  readonly row: number;
  readonly quick?: boolean;
  readonly fleet?: FleetOptions;
  readonly load?: Partial<LoadOptions>;
  readonly allowed?: History['allowed'];
  /** A product broken on purpose, and what the checker must then say; the run is given up on as soon as it says so. */
  readonly control: { readonly mutants: readonly Mutant[]; readonly finds: readonly Verdict[] };
  /** Breaks something while events flow. What is produced afterwards must settle, too. */
  readonly run: (parts: { readonly fleet: Fleet; readonly load: Load; readonly random: () => number }) => Promise<void>;
  readonly timeoutMs?: number;
}

afterAll(stopKafkaOfFile);

/** One fault, one sentence. */
export function fault(sentence: string, options: Fault): void {
  const { row, quick = false, timeoutMs = 180_000 } = options;
  const name = `${row}: ${sentence}`;
  if (quick || full) {
    test(name, { timeout: timeoutMs }, async () => {
      const { history, findings } = await play(options, []);
      expect(findings, `FAULT_SEED=${seed}`).toEqual([]);
      const { produced, deliveries } = history;
      const line = {
        fault: name,
        seed,
        events: produced.length,
        copies: deliveries.length,
        lost: 0,
        foreign: 0,
        unflagged: 0,
        worstGap: worstGap(history),
      };
      if (table !== undefined) appendFileSync(table, `${JSON.stringify(line)}\n`);
    });
  }
  if (full) {
    test(`${name} — and would be noticed`, { timeout: timeoutMs }, async () => {
      const { findings } = await play(options, options.control.mutants);
      const verdicts = new Set(findings.map(({ verdict }) => verdict));
      expect(
        options.control.finds.filter((verdict) => !verdicts.has(verdict)),
        `FAULT_SEED=${seed}`,
      ).toEqual([]);
    });
  }
}

async function play(options: Fault, mutants: readonly Mutant[]): Promise<{ history: History; findings: Finding[] }> {
  const random = createRandom(seed);
  const broken = mutants.length > 0;
  const fleet = await startFleet({ ...options.fleet, mutants });
  try {
    const load = startLoad(fleet, { random, ...options.load });
    await options.run({ fleet, load, random });
    await load.settle(broken ? 10_000 : 60_000);
    const history = { ...(await load.finish()), allowed: options.allowed ?? {} };
    return { history, findings: check(history) };
  } finally {
    // A broken product may not stop as it should either.
    await fleet.stop().catch((error: unknown) => {
      if (!broken) throw error;
    });
  }
}
