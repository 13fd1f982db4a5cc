import { eventually } from '../support/eventually.ts';
import { fault } from './harness/fault.ts';
import type { Fleet } from './harness/fleet.ts';
import type { FailPoint } from './harness/instrument.ts';
import type { Load } from './harness/load.ts';
import { forgetsAcknowledgements, resumesWithoutReplay } from './harness/mutants.ts';

/** One of three gateways dies at the fail-point, again and again; its devices go elsewhere and come back. */
const killedAt = (at: FailPoint, nth: number) => ({
  fleet: { kill: { gateways: [{ at, nth }] } },
  control: { mutants: [resumesWithoutReplay], finds: ['false-recovered'] as const },
  async run({ fleet, load }: { fleet: Fleet; load: Load }) {
    const [victim] = fleet.gateways;
    await load.produce(600);
    await eventually(() => victim?.alive === false, { what: 'the gateway at its fail-point' });
    await load.produce(300);
    await victim?.start();
    for (let round = 0; round < 2; round++) {
      await load.produce(300);
      await fleet.gateways[1 + round]?.kill();
      await load.produce(100);
      await fleet.gateways[1 + round]?.start();
    }
    await load.produce(200);
  },
});

fault('a gateway killed in the middle of sending loses nothing; what comes again elsewhere is flagged', {
  row: 5,
  quick: true,
  ...killedAt('between send and bookkeeping', 150),
});
fault('a gateway killed while a subscription begins leaves no gap behind', {
  row: 29,
  ...killedAt('between subscribe and read', 4),
});
fault('a gateway killed between reading the log and going live leaves no gap behind', {
  row: 29,
  ...killedAt('between read and merge', 4),
});
fault('a gateway killed between an acknowledgement and its answer: the client asks again, and nothing comes again', {
  row: 6,
  ...killedAt('between ack script and ack reply', 100),
  control: { mutants: [forgetsAcknowledgements], finds: ['lost'] },
});
