/**
 * G: does an event cost more where there is more of everything? The same events with few and many pending, one and many subscriptions a
 * member, few and many parts of the log, and few and many sockets; bare `ws` beside them, because the kernel grows too.
 */
import { inTurn } from '../runner/rounds.ts';
import { redisRound, redisStand, type RedisStand } from './publishing.ts';
import { perMember } from './slices.ts';
import type { Context, Result, Workload } from './workload.ts';

interface Variant {
  readonly name: string;
  readonly server: 'lifeline-redis' | 'ws-redis';
  readonly sockets: number;
  readonly members: number;
  /** Sent before, and neither acknowledged nor measured. */
  readonly pending: number;
  readonly hashTags?: number;
}

const thousand = { sockets: 1_000, members: 1_000, pending: 0 } as const;
const tenthousand = { sockets: 10_000, members: 10_000, pending: 0 } as const;
const both = (name: string, rest: Omit<Variant, 'name' | 'server'>): Variant[] => [
  { name, server: 'ws-redis', ...rest },
  { name, server: 'lifeline-redis', ...rest },
];

const variants: readonly Variant[] = [
  ...both('100 sockets', { sockets: 100, members: 100, pending: 0 }),
  ...both('1000 sockets', thousand),
  ...both('10000 sockets', tenthousand),
  ...both('200 subscriptions a member', { ...thousand, members: 5 }),
  { ...thousand, name: '10000 pending', server: 'lifeline-redis', pending: 10_000 },
  { ...thousand, name: '1024 hash tags', server: 'lifeline-redis', hashTags: 1_024 },
];
/** Half of what a subscription takes: the other half may be pending already. */
const eventsPerMember = perMember / 2;
const rate = 4_000;

/** A small run only asks what growth would be worst: more sockets and more copies are in other workloads. */
const inSmoke = new Set(['1000 sockets', '10000 pending', '1024 hash tags']);

async function measure(stand: RedisStand, { sockets, members, pending }: Variant, roundMs: number) {
  if (pending > 0) {
    await stand.load.mark();
    await stand.publish.send({ members, count: pending });
    await stand.load.await(pending, 30_000);
  }
  const reach = sockets / members;
  // As many deliveries a second in each variant.
  const perSecond = rate / reach;
  const count = Math.min(members * eventsPerMember, Math.max(1, Math.round((perSecond * roundMs) / 1_000)));
  return redisRound(stand, { members, count, rate: perSecond }, { expected: count * reach });
}

async function* compare(context: Context, some: readonly Variant[]): AsyncIterable<Result> {
  // What differs only in what was sent before shares a server.
  const stands = new Map<string, RedisStand>();
  const keyOf = ({ server, sockets, members, hashTags = 0 }: Variant) => [server, sockets, members, hashTags].join(' ');
  for (const variant of some) {
    if (stands.has(keyOf(variant))) continue;
    const members = Array.from({ length: variant.sockets }, (_, index) => `m${index % variant.members}`);
    const options = variant.hashTags === undefined ? {} : { hashTags: variant.hashTags };
    stands.set(keyOf(variant), await redisStand(context, variant.server, { members, ...options }));
  }
  for (let number = 0; number <= Math.min(3, context.rounds); number++) {
    for (const variant of inTurn(some, number)) {
      const stand = stands.get(keyOf(variant));
      if (stand === undefined) continue;
      const figures = await measure(stand, variant, context.roundMs);
      if (number === 0) continue;
      const { name, server, sockets } = variant;
      yield { workload: 'G', server, variant: name, round: number, sockets, ...figures };
    }
  }
  for (const stand of stands.values()) await stand.stop();
}

export const workload: Workload = {
  letter: 'G',
  title: 'Growth of the cost',
  async *run(context) {
    const full = context.profile === 'full';
    const some = full ? variants : variants.filter(({ server, name }) => server === 'lifeline-redis' && inSmoke.has(name));
    const chosen = some.filter(({ server }) => context.chosen([server]).length > 0);
    context.note(chosen.map(({ server, name }) => `${server} with ${name}`).join(', '));
    yield* compare(context, chosen);
  },
};
