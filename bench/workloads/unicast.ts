/** U: every event to one member, each member on one socket; generated in the server, as fast as it takes them. */
import { inTurn } from '../runner/rounds.ts';
import { round } from './slices.ts';
import { stand, type Stand } from './stand.ts';
import type { Context, Result, Workload } from './workload.ts';

const everybody = [
  'ws-send',
  'lifeline',
  'ws-shared',
  'raw-epoll',
  'graphql-ws',
  'yoga',
  'apollo',
  'mercurius',
  'socket-io',
] as const;
/** How speed falls with the number of sockets: enough of them for a picture. */
const drawn = ['ws-send', 'lifeline', 'raw-epoll', 'graphql-ws', 'socket-io'] as const;

async function* compare(
  context: Context,
  all: readonly string[],
  sockets: number,
  rounds: number,
  roundMs: number,
): AsyncIterable<Result> {
  const servers = context.chosen(all);
  context.note(`${sockets} sockets each: ${servers.join(', ')}`);
  const stands: Stand[] = [];
  try {
    for (const name of servers) {
      stands.push(await stand(context, name, { members: Array.from({ length: sockets }, (_, index) => `m${index}`) }));
    }
    for (let number = 0; number <= rounds; number++) {
      for (const one of inTurn(stands, number)) {
        const figures = await round(one, { kind: 'unicast', members: sockets, perTurn: 128 }, roundMs);
        // Round 0 warms up.
        if (number > 0) yield { workload: 'U', server: one.server.name, round: number, sockets, ...figures };
      }
    }
  } finally {
    for (const one of stands) await one.stop();
  }
}

export const workload: Workload = {
  letter: 'U',
  title: 'Unicast to random members',
  async *run(context) {
    const { profile, rounds, roundMs } = context;
    yield* compare(context, everybody, 1_000, rounds, roundMs);
    if (profile === 'smoke') return;
    for (const sockets of [100, 5_000, 10_000]) yield* compare(context, drawn, sockets, Math.min(3, rounds), roundMs * 0.6);
  },
};
