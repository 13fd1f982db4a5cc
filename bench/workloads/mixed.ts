/** X: one event after the other to single members, alone and while everything is sent to a whole audience: who waits behind the crowd? */
import { redisRound, redisStand, type RedisStand } from './publishing.ts';
import { connect, subscribed } from './stand.ts';
import type { Context, Result, Workload } from './workload.ts';

const servers = ['lifeline-redis', 'ws-redis'] as const;
const everyone = 'broadcast';
const members = 1_000;
const rate = 2_000;
/** Groups of the load client: their latencies are counted apart. */
const single = 0;
const crowd = 1;

async function crowded(context: Context, name: (typeof servers)[number], audience: number) {
  const one = await redisStand(context, name, { members: Array.from({ length: members }, (_, index) => `m${index}`) });
  await one.load.group(crowd);
  await connect(
    one.load,
    name,
    Array.from({ length: audience }, () => everyone),
  );
  await subscribed(context, one.server, members + audience);
  return { one, others: await one.anotherPublisher() };
}

export const workload: Workload = {
  letter: 'X',
  title: 'Unicast beside broadcasts',
  async *run(context) {
    const full = context.profile === 'full';
    const audience = full ? 8_000 : 1_000;
    const { rounds } = context;
    const count = Math.round((rate * context.roundMs) / 1_000);
    const broadcasts = Math.max(1, Math.floor(context.roundMs / 250));

    for (const name of context.chosen(full ? servers : servers.slice(0, 1))) {
      context.note(`${name}: ${rate}/s to ${members} members, and every 250 ms to ${audience} more sockets`);
      const { one, others } = await crowded(context, name, audience);
      const stands: Record<string, RedisStand> = {
        alone: one,
        // Both publish; what comes back is told apart by the group.
        'with broadcasts': {
          ...one,
          publish: {
            ...one.publish,
            async send(request) {
              const [sent] = await Promise.all([
                one.publish.send(request),
                others.send({ members: everyone, count: broadcasts, rate: 4 }),
              ]);
              return sent;
            },
            async settle() {
              await Promise.all([one.publish.settle(), others.settle()]);
            },
          },
        },
      };
      for (let number = 0; number <= rounds; number++) {
        for (const [variant, stand] of Object.entries(stands)) {
          const extra = variant === 'alone' ? 0 : broadcasts * audience;
          const figures = await redisRound(stand, { members, count, rate }, { expected: count + extra, group: single });
          if (number === 0) continue;
          yield { workload: 'X', server: name, variant, round: number, sockets: members + audience, ...figures } satisfies Result;
        }
      }
      await others.stop();
      await one.stop();
    }
  },
};
