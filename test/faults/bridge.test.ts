import { expect } from 'vitest';

import { eventually } from '../support/eventually.ts';
import { type History, worstGap } from './harness/checker.ts';
import { fault } from './harness/fault.ts';
import type { Fleet } from './harness/fleet.ts';
import type { FailPoint } from './harness/instrument.ts';
import type { Load } from './harness/load.ts';
import { skipsWhatItMissed } from './harness/mutants.ts';

/** FAULT_SCALE makes the long ones longer. */
const scale = Number(process.env['FAULT_SCALE'] ?? 1);

/** From the death of a bridge until its partitions are another's, because nobody gives them up for it. */
const takeOverWithinS = 45;
const takenOver = ({ history, note }: { history: History; note: (text: string) => void }) => {
  const worst = worstGap(history);
  note(`taken over within ${worst.toFixed(1)} s`);
  expect(worst).toBeLessThan(takeOverWithinS);
};

/** One of two bridges dies at the fail-point; the other takes over, and a new one comes. */
const killedAt = (at: FailPoint, { soon = false } = {}) => ({
  fleet: { kill: { bridges: [{ at, nth: 30, soon }] } },
  control: { mutants: [skipsWhatItMissed], finds: ['lost'] as const },
  also: takenOver,
  async run({ fleet, load }: { fleet: Fleet; load: Load }) {
    const [victim] = fleet.bridges;
    await load.produce(1_000);
    await eventually(() => victim?.alive === false, { what: 'the bridge at its fail-point' });
    await load.produce(500);
    await victim?.start();
    await load.produce(200);
  },
});

fault('a bridge killed between poll and append loses nothing', { row: 1, quick: true, ...killedAt('between poll and append') });
fault('a bridge killed while Redis applies its batch loses nothing, and doubles nothing', {
  row: 2,
  ...killedAt("inside append's await", { soon: true }),
});
fault('a bridge killed after the append and before Kafka knows loses nothing, and doubles nothing', {
  row: 3,
  ...killedAt('between append and commit'),
});
fault('a bridge frozen past its session timeout wakes up as a zombie and does no harm', {
  row: 24,
  also: takenOver,
  control: { mutants: [skipsWhatItMissed], finds: ['lost'] },
  async run({ fleet, load }) {
    const [zombie] = fleet.bridges;
    await load.produce(400);
    zombie?.lifeline.process.kill('SIGSTOP');
    await load.produce(400);
    // Of the zombie's partitions, too: somebody else has them now, and the log is beyond what the zombie knows.
    await load.settle(30_000);
    await load.produce(50);
    zombie?.lifeline.process.kill('SIGCONT');
    await load.produce(600);
  },
});

/** Two minutes, as long as a bad deployment, with FAULT_SCALE=4. */
fault('bridges that come and go every few seconds lose nothing and mix up nothing', {
  row: 23,
  fleet: { bridges: 3, partitions: 6 },
  load: { eventsPerSecond: 60 },
  timeoutMs: 180_000 * scale,
  control: { mutants: [skipsWhatItMissed], finds: ['lost'] },
  async run({ fleet, load, random, note }) {
    let left = 0;
    for (let round = 0; round < 6 * scale; round++) {
      const bridge = fleet.bridges[Math.floor(random() * fleet.bridges.length)];
      await bridge?.kill(random() < 0.5 ? 'SIGTERM' : 'SIGKILL');
      left++;
      await load.produce(150);
      await bridge?.start();
      await load.produce(150);
    }
    note(`${left} bridges left and came`);
  },
});
