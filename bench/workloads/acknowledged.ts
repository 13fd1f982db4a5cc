/** A: the real life of the product: every event is acknowledged by the client that got it; and the same without, for what that costs. */
import { setTimeout as sleep } from 'node:timers/promises';

import { countsIn, latenciesIn } from '../runner/load-process.ts';
import { inTurn } from '../runner/rounds.ts';
import { lifelineAck } from '../servers/catalogue.ts';
import { quiet, redisStand, type RedisStand } from './publishing.ts';
import type { Context, Result, Workload } from './workload.ts';

const sockets = 1_000;
const rate = 5_000;
/** Without acknowledgements a subscription waits with 32 copies, and they come again after 5 s. */
const most = 3_000;
/** Ids in one frame at most; at this rate there is hardly ever more than one to send. */
const acksAFrame = 32;
const patienceMs = 20_000;
const acknowledgedWithinMs = 4_000;

const variants = ['with acks', 'without acks'] as const;
type Variant = (typeof variants)[number];

export const workload: Workload = { letter: 'A', title: 'acknowledged steady state', run };

async function* run(context: Context): AsyncIterable<Result> {
  const stands = new Map<Variant, RedisStand>();
  for (const variant of variants) {
    const acks = variant === 'with acks';
    const members = Array.from({ length: sockets }, (_, index) => `m${index}`);
    const one = await redisStand(context, 'lifeline-redis', { members, acks });
    if (acks) await one.load.ack(lifelineAck.prefix, lifelineAck.suffix, acksAFrame);
    stands.set(variant, one);
  }
  const count = Math.round((rate * Math.min(context.roundMs, most)) / 1_000);
  for (let round = 0; round <= context.rounds; round++) {
    for (const [variant, one] of inTurn([...stands], round)) {
      const line = await measure(one, variant, count);
      if (round > 0) yield { ...line, round }; // round 0 warms up
    }
  }
}

async function measure({ server, load, publish }: RedisStand, variant: Variant, count: number): Promise<Omit<Result, 'round'>> {
  const [acknowledgedBefore, repeatsBefore] = await counted(server.port);
  const before = await server.stats();
  await load.mark();
  const start = await load.report();
  const [{ lagMicros }, report] = await Promise.all([
    publish.send({ members: sockets, count, rate }),
    load.await(count, patienceMs),
  ]);
  const answered = async () => {
    const [acknowledged, repeats] = await counted(server.port);
    return { missing: count - (acknowledged - acknowledgedBefore), repeats: repeats - repeatsBefore };
  };
  // The answers to the last ones are work of this round too.
  const deadline = performance.now() + (variant === 'with acks' ? acknowledgedWithinMs : 0);
  let last = await answered();
  while (last.missing > 0 && performance.now() < deadline) {
    await sleep(20);
    last = await answered();
  }
  const after = await server.stats();
  await publish.settle();
  await quiet(server, patienceMs);
  return {
    workload: 'A',
    server: 'lifeline',
    variant,
    sockets,
    rate: (report.received / (report.last - report.first)) * 1e6,
    cpuPerEvent: (after.cpuMicros - before.cpuMicros) / report.received,
    ...latenciesIn(report),
    ...countsIn(report, start, count),
    rss: after.rssBytes,
    repeated: Math.max(report.repeated, last.repeats),
    generatorLag: lagMicros / 1_000,
    ...(variant === 'with acks' ? { figures: { unacknowledged: last.missing } } : {}),
  };
}

/** What the gateway counted since its start: ids acknowledged by clients, and copies that it sent again. */
async function counted(port: number): Promise<readonly [acknowledged: number, repeats: number]> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const of = (series: string) =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${series} `))
        ?.slice(series.length) ?? 0,
    );
  return [of('lifeline_acknowledgements_total{result="acknowledged"}'), of('lifeline_redeliveries_total')];
}
