/** B: every event to all sockets. `stream`: as fast as the server takes them; `one at a time`: out of Redis, when does the last socket have it. */
import { inTurn } from '../runner/rounds.ts';
import { redisRound, redisStand } from './publishing.ts';
import { round } from './slices.ts';
import { stand, type Stand } from './stand.ts';
import type { Context, Result, Workload } from './workload.ts';

const compared = ['ws-send', 'lifeline', 'ws-shared', 'raw-epoll', 'graphql-ws', 'socket-io'] as const;
const others = ['yoga', 'apollo', 'mercurius'] as const;
const fromRedis = ['lifeline-redis', 'graphql-ws-redis'] as const;
const othersFromRedis = ['ws-redis', 'socket-io-redis'] as const;
const everyone = 'broadcast';
/** Events before the measured ones, of those that are alone: code that has run a few times only is not what a server runs. */
const warmUp = { smoke: 1, full: 5 } as const;

async function* stream(context: Context, all: readonly string[], sockets: number): AsyncIterable<Result> {
  const servers = context.chosen(all);
  context.note(`${sockets} sockets each: ${servers.join(', ')}`);
  const stands: Stand[] = [];
  try {
    for (const name of servers)
      stands.push(await stand(context, name, { members: Array.from({ length: sockets }, () => everyone) }));
    for (let number = 0; number <= context.rounds; number++) {
      for (const one of inTurn(stands, number)) {
        const figures = await round(one, { kind: 'broadcast', members: 1, perTurn: 1 }, context.roundMs);
        if (number > 0) yield { workload: 'B', server: one.server.name, variant: 'stream', round: number, sockets, ...figures };
      }
    }
  } finally {
    for (const one of stands) await one.stop();
  }
}

/** Each event is the only one on its way; its last socket's latency is the round's `max`, the p99 of its deliveries `p99`. */
async function* oneAtATime(context: Context, sockets: number, events: number): AsyncIterable<Result> {
  const servers = context.chosen(context.profile === 'full' ? [...fromRedis, ...othersFromRedis] : fromRedis);
  context.note(`one event at a time to ${sockets} sockets: ${servers.join(', ')}`);
  for (const name of servers) {
    const one = await redisStand(context, name, { members: Array.from({ length: sockets }, () => everyone) });
    try {
      for (let number = 1 - warmUp[context.profile]; number <= events; number++) {
        const figures = await redisRound(one, { members: everyone, count: 1, rate: 1 }, { expected: sockets });
        if (number > 0) yield { workload: 'B', server: name, variant: 'one at a time', round: number, sockets, ...figures };
      }
    } finally {
      await one.stop();
    }
  }
}

export const workload: Workload = {
  letter: 'B',
  title: 'Broadcast to every socket',
  async *run(context) {
    const full = context.profile === 'full';
    yield* stream(context, full ? [...compared, ...others] : compared, 1_000);
    yield* oneAtATime(context, full ? 5_000 : 1_000, full ? 10 : 3);
  },
};
