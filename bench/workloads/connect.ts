/** C: a storm of connects. Everybody is back when the server itself counts that many subscriptions; tokens have been seen before. */
import { setTimeout as sleep } from 'node:timers/promises';

import { share } from '../runner/cpu.ts';
import { inTurn } from '../runner/rounds.ts';
import { stand, type Stand, stepsOf, subscribed } from './stand.ts';
import type { Context, Workload } from './workload.ts';

const compared = ['ws-send', 'lifeline', 'lifeline-redis', 'graphql-ws'] as const;
const others = ['yoga', 'apollo', 'mercurius', 'socket-io'] as const;

async function gone(context: Context, { server, load }: Stand, sockets: number): Promise<void> {
  await load.drop(sockets);
  const deadline = performance.now() + 30_000;
  while ((await server.stats()).subscriptions > 0) {
    if (performance.now() > deadline) throw new Error(`${server.name} still counts subscriptions of connections that were reset`);
    await sleep(20, undefined, { signal: context.signal });
  }
}

export const workload: Workload = {
  letter: 'C',
  title: 'Connect, authenticate, subscribe',
  async *run(context) {
    const full = context.profile === 'full';
    const sockets = full ? 5_000 : 500;
    const inFlight = full ? 1_000 : 256;
    const members = Array.from({ length: sockets }, (_, index) => `m${index}`);
    const servers = context.chosen<string>(full ? [...compared, ...others] : compared);
    context.note(`${sockets} connections, ${inFlight} at once: ${servers.join(', ')}`);

    const stands: { readonly one: Stand; readonly steps: readonly (readonly string[])[] }[] = [];
    for (const name of servers) {
      const redis = name === 'lifeline-redis' ? await context.startRedis() : undefined;
      const one = await stand(context, name, {
        members: members.slice(0, 1),
        ...(redis === undefined ? {} : { redisUrl: redis.url }),
      });
      await gone(context, one, 1);
      stands.push({ one, steps: await stepsOf(name, members) });
    }
    // Round 0 warms up, and lets every token be seen.
    for (let number = 0; number <= context.rounds; number++) {
      for (const { one, steps } of inTurn(stands, number)) {
        const before = await one.server.stats();
        const start = await one.load.report();
        const { micros } = await one.load.connect(steps, { inFlight });
        const connected = performance.now();
        await subscribed(context, one.server, sockets);
        const seconds = micros / 1e6 + (performance.now() - connected) / 1_000;
        const after = await one.server.stats();
        const end = await one.load.report();
        await gone(context, one, sockets);
        if (number === 0) continue;
        yield {
          workload: 'C',
          server: one.server.name,
          round: number,
          sockets,
          rate: sockets / seconds,
          cpuPerEvent: (after.cpuMicros - before.cpuMicros) / sockets,
          clientCpu: share(end.cpu - start.cpu, seconds * 1e6),
        };
      }
    }
    for (const { one } of stands) await one.stop();
  },
};
