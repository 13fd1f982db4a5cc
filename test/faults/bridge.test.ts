import { eventually } from '../support/eventually.ts';
import { fault } from './harness/fault.ts';
import type { Fleet } from './harness/fleet.ts';
import type { FailPoint } from './harness/instrument.ts';
import type { Load } from './harness/load.ts';
import { skipsWhatItMissed } from './harness/mutants.ts';

/** One of two bridges dies at the fail-point; the other takes over, and a new one comes. */
const killedAt = (at: FailPoint, { soon = false } = {}) => ({
  fleet: { kill: { bridges: [{ at, nth: 30, soon }] } },
  control: { mutants: [skipsWhatItMissed], finds: ['lost'] as const },
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
  control: { mutants: [skipsWhatItMissed], finds: ['lost'] },
  async run({ fleet, load }) {
    const [zombie] = fleet.bridges;
    await load.produce(400);
    zombie?.lifeline.process.kill('SIGSTOP');
    const appended = () => fleet.bridges[1]?.lifeline.metric('lifeline_appends_total', { result: 'ok' }) ?? Promise.resolve(0);
    await load.produce(400);
    const before = await appended();
    await eventually(async () => (await appended()) > before + 100 || load.produce(50).then(() => false), {
      withinMs: 60_000,
      what: 'the other to take over',
    });
    zombie?.lifeline.process.kill('SIGCONT');
    await load.produce(600);
  },
});
