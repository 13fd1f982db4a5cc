/** R: events published in Redis (in the product's log, for Lifeline), open loop, each to one of many members; then as fast as it goes. */
import { inTurn } from '../runner/rounds.ts';
import { redisRound, redisStand, type RedisStand } from './publishing.ts';
import { perMember } from './slices.ts';
import type { Context, Result, Workload } from './workload.ts';

const everybody = ['ws-redis', 'lifeline-redis', 'graphql-ws-redis', 'socket-io-redis'] as const;

interface Variant {
  readonly name: string;
  /** Undefined: overload. */
  readonly rate?: number;
  readonly rounds: number;
}

async function* compare(
  context: Context,
  { sockets, variants, roundMs }: { sockets: number; variants: readonly Variant[]; roundMs: number },
): AsyncIterable<Result> {
  const servers = context.chosen(everybody);
  context.note(`${sockets} sockets each: ${servers.join(', ')}`);
  const stands: RedisStand[] = [];
  try {
    const members = Array.from({ length: sockets }, (_, index) => `m${index}`);
    for (const name of servers) stands.push(await redisStand(context, name, { members }));
    const most = perMember * sockets;
    for (const one of stands) {
      const { rate } = await redisRound(one, { members: sockets, count: Math.min(most, 2 * sockets + 5_000) });
      one.rate = rate;
    }

    for (const { name: variant, rate, rounds } of variants) {
      for (let number = 1; number <= rounds; number++) {
        for (const one of inTurn(stands, number)) {
          const perSecond = rate ?? one.rate ?? 10_000;
          const count = Math.min(most, Math.round((perSecond * roundMs) / 1_000));
          const figures = await redisRound(one, { members: sockets, count, ...(rate === undefined ? {} : { rate }) });
          if (rate === undefined) one.rate = figures.rate;
          yield { workload: 'R', server: one.server.name, variant, round: number, sockets, ...figures };
        }
      }
    }
  } finally {
    for (const one of stands) await one.stop();
  }
}

export const workload: Workload = {
  letter: 'R',
  title: 'Redis to client',
  async *run(context) {
    const { profile, rounds, roundMs } = context;
    const few = Math.min(2, rounds);
    const variants = [
      { name: '1000/s', rate: 1_000, rounds: few },
      { name: '5000/s', rate: 5_000, rounds: few },
      { name: '10000/s', rate: 10_000, rounds },
      { name: 'max', rounds },
    ];
    if (profile === 'smoke') {
      yield* compare(context, { sockets: 1_000, variants: variants.slice(2), roundMs });
      return;
    }
    yield* compare(context, { sockets: 10_000, variants, roundMs });
    // For the picture of latency against sockets.
    for (const sockets of [100, 1_000, 5_000]) {
      yield* compare(context, {
        sockets,
        variants: [{ name: '5000/s', rate: 5_000, rounds: Math.min(3, rounds) }],
        roundMs: roundMs / 2,
      });
    }
  },
};
