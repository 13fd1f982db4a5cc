import { expect } from 'vitest';

import type { Lifeline } from '../../support/lifeline.ts';
import { check, worstGap } from './checker.ts';
import { plainFault, type PlainFault, withFleet } from './fault.ts';
import type { Fleet, FleetOptions } from './fleet.ts';
import { seed } from './random.ts';
import { startLoad } from './load.ts';
import { p99, watchVitals } from './vitals.ts';

export interface Siege {
  readonly row: number;
  readonly quick?: boolean;
  readonly timeoutMs?: number;
  readonly fleet?: FleetOptions;
  readonly control: PlainFault['control'];
  /** The gateway's memory may grow by this much meanwhile, MiB; most of it is the heap making itself comfortable. */
  readonly growth?: number;
  readonly attack: (parts: {
    readonly fleet: Fleet;
    /** The gateway that is attacked. */
    readonly gateway: Lifeline;
    readonly random: () => number;
    readonly note: (text: string) => void;
  }) => Promise<void>;
}

/** An attacked gateway's other members may wait this much longer at the 99th percentile, ms: much more than was measured, and no stall. */
const unmoved = 5_000;

/** One gateway under attack, with well-behaved members on it from before until after: they lose nothing and hardly notice. */
export function siege(sentence: string, { fleet: fleetOptions, growth = 96, attack, ...fault }: Siege): void {
  plainFault(sentence, {
    ...fault,
    run: ({ mutants, random, note: tell }) =>
      withFleet({ gateways: 1, bridges: 1, ...fleetOptions, mutants }, async (fleet) => {
        const note = (text: string) => {
          tell(text);
          process.stderr.write(`${text}\n`);
        };
        const gateway = fleet.gateways[0]?.lifeline;
        if (gateway === undefined) throw new Error('The fleet has no gateway.');
        const load = startLoad(fleet, { random, members: 4, devicesPerMember: 1, eventsPerSecond: 100 });
        let over = false;
        const flowing = async () => {
          while (!over) await load.produce(5);
        };
        try {
          await load.produce(100); // the code is warm
          const calm = Date.now();
          await load.produce(150);
          const began = Date.now();
          const vitals = await watchVitals(gateway);
          const flow = flowing();
          try {
            await attack({ fleet, gateway, random, note });
          } finally {
            over = true;
            await flow;
          }
          const ended = Date.now();
          const { growth: grown, longestTurn, cpu } = await vitals.stop();
          expect(grown, 'MiB of growth').toBeLessThan(growth);
          await load.produce(50);
          await load.settle(30_000);
          const [before, during] = [p99(load, calm, began - 1), p99(load, began, ended)];
          note(`p99 of the others ${before} → ${during} ms`);
          note(
            `memory +${Math.round(grown)} MiB, longest turn ${Math.round(longestTurn)} ms, ${Math.round(cpu * 100)} % of a core`,
          );
          const history = { ...(await load.finish()), allowed: {} };
          expect(check(history), `FAULT_SEED=${seed}`).toEqual([]);
          expect(load.resumedAfter, 'cut off: the others').toEqual([]);
          expect(during, 'p99 of the others, ms').toBeLessThan(before + unmoved);
          return { events: history.produced.length, copies: history.deliveries.length, worstGap: worstGap(history) };
        } finally {
          over = true;
          await load.finish().catch(() => undefined); // where it failed before: its devices would knock for ever
        }
      }),
  });
}
