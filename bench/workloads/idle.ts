/** I: what a subscribed connection costs while nothing happens: memory, and CPU for keep-alive and the like. */
import { setTimeout as sleep } from 'node:timers/promises';

import { connect, stand, type Stand, subscribed } from './stand.ts';
import type { Result, Workload } from './workload.ts';

const compared = ['ws-send', 'lifeline', 'lifeline-redis', 'graphql-ws', 'socket-io'] as const;
const others = ['net-floor', 'yoga', 'apollo', 'mercurius'] as const;
/** Connected before the first reading, so that what is loaded and made once is not charged to the connections. */
const first = 200;

const member = (index: number) => `m${index}`;

export const workload: Workload = {
  letter: 'I',
  title: 'Idle subscriptions',
  async *run(context) {
    const full = context.profile === 'full';
    const sockets = full ? 10_000 : 1_000;
    const rounds = full ? Math.min(2, context.rounds) : 1; // they hardly differ
    const idleMs = full ? 30_000 : 1_000;
    const servers = context.chosen<string>(full ? [...compared, ...others] : compared);

    for (let number = 1; number <= rounds; number++) {
      context.note(`${sockets} subscriptions each: ${servers.join(', ')}`);
      const stands: { readonly one: Stand; readonly bytesPerConnection: number; readonly rss: number; cpuMicros: number }[] = [];
      for (const name of servers) {
        const redis = name === 'lifeline-redis' ? await context.startRedis() : undefined;
        const one = await stand(context, name, {
          members: Array.from({ length: first }, (_, index) => member(index)),
          exposeGc: true,
          ...(redis === undefined ? {} : { redisUrl: redis.url }),
        });
        const base = await one.server.stats({ gc: true });
        await connect(
          one.load,
          name,
          Array.from({ length: sockets }, (_, index) => member(first + index)),
        );
        await subscribed(context, one.server, first + sockets);
        await sleep(full ? 1_000 : 300, undefined, { signal: context.signal }); // what only the newest connections hold goes
        const { rssBytes: rss } = await one.server.stats({ gc: true });
        stands.push({ one, rss, bytesPerConnection: (rss - base.rssBytes) / sockets, cpuMicros: 0 });
      }

      // Waiting costs the same for one as for all.
      const last = number === rounds;
      if (last) {
        for (const each of stands) each.cpuMicros = (await each.one.server.stats()).cpuMicros;
        await sleep(idleMs, undefined, { signal: context.signal });
      }
      for (const { one, rss, bytesPerConnection, cpuMicros } of stands) {
        const idle = last ? { idleCpuPercent: ((await one.server.stats()).cpuMicros - cpuMicros) / idleMs / 10 } : {};
        yield {
          workload: 'I',
          server: one.server.name,
          round: number,
          sockets,
          rss,
          figures: { bytesPerConnection, ...idle },
        } satisfies Result;
        await one.stop();
      }
    }
  },
};
