/**
 * D: everybody's connection is reset, five events come meanwhile, and everybody comes back at once behind the last cursor. The clients
 * acknowledge, as apps do: what nobody acknowledges comes again after a few seconds, and that is no repeat of the storm's.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import { share } from '../runner/cpu.ts';
import { lifelineAck } from '../servers/catalogue.ts';
import { quiet, redisStand } from './publishing.ts';
import { subscribed } from './stand.ts';
import type { Workload } from './workload.ts';

const missed = 5;
const patienceMs = 60_000;

export const workload: Workload = {
  letter: 'D',
  title: 'Reconnect storm with replay',
  async *run(context) {
    const full = context.profile === 'full';
    const sockets = full ? 10_000 : 1_000;
    const rounds = Math.min(full ? 3 : 1, context.rounds);
    const [name] = context.chosen(['lifeline-redis'] as const);
    if (name === undefined) return;
    context.note(`${sockets} connections dropped and back, ${missed} events each meanwhile`);
    const one = await redisStand(context, name, {
      members: Array.from({ length: sockets }, (_, index) => `m${index}`),
      acks: true,
      cursor: true,
    });
    const { server, load, publish } = one;
    await load.ack(lifelineAck.prefix, lifelineAck.suffix, 32);

    for (let number = 1; number <= rounds; number++) {
      // One event each, so that everybody has a cursor to come back with.
      await load.mark();
      await publish.send({ members: sockets, count: sockets });
      const { received } = await load.await(sockets, patienceMs);
      if (received < sockets) throw new Error(`${sockets - received} of ${sockets} sockets got no event to come back behind`);
      await publish.settle();
      await quiet(server, patienceMs);

      await load.drop(sockets);
      const deadline = performance.now() + patienceMs;
      while ((await server.stats()).subscriptions > 0) {
        if (performance.now() > deadline) throw new Error('the server still counts subscriptions of connections that were reset');
        await sleep(20, undefined, { signal: context.signal });
      }
      await publish.send({ members: sockets, count: missed * sockets });
      const before = await server.stats();
      await load.mark();
      const start = await load.report();
      await load.reconnect({ inFlight: 1_000, timeoutSeconds: 60 });
      const report = await load.await(missed * sockets, patienceMs);
      await subscribed(context, server, sockets);
      const after = await server.stats();
      await publish.settle();
      await quiet(server, patienceMs);
      yield {
        workload: 'D',
        server: name,
        round: number,
        sockets,
        cpuPerEvent: (after.cpuMicros - before.cpuMicros) / sockets,
        lost: Math.max(report.lost, missed * sockets - report.received, 0),
        repeated: report.repeated,
        clientCpu: share(report.cpu - start.cpu, report.last - start.now),
        rss: after.rssBytes,
        figures: { secondsUntilAllBack: (report.last - start.now) / 1e6 },
      };
    }
    await one.stop();
  },
};
