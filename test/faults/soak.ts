/**
 * `npm run soak -- --minutes 10`: the whole product under load for as long as asked (1440 is a day), with something going wrong every few
 * seconds, chosen at random. Every few minutes the load ends, and then nothing may be lost, and nothing may be left behind.
 * `--every <seconds>` sets how often, `FAULT_SEED=…` repeats the order of mishaps.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { check, worstGap } from './harness/checker.ts';
import { type Fleet, startFleet, stopKafkaOfFile } from './harness/fleet.ts';
import { startLoad } from './harness/load.ts';
import { mishapsOf } from './harness/mishaps.ts';
import { createRandom, seed } from './harness/random.ts';

const random = createRandom(seed);
const noise = createRandom(seed + 1);

/** What a day of it has to remember at once. */
const longestChapterMs = 5 * 60_000;
const settleWithinMs = 120_000;

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' }, every: { type: 'string', default: '10' } } });
const [minutes, everySeconds] = [Number(values.minutes), Number(values.every)];
if (!(minutes > 0) || !(everySeconds > 0)) throw new Error('Both --minutes and --every want a number above 0.');

const say = (text: string) => process.stdout.write(`${new Date().toISOString().slice(11, 19)}  ${text}\n`);

/** Of the two processes that live through all of it. */
interface Holdings {
  readonly [what: string]: number;
}

async function holdingsOf({ gateways, bridges, redis }: Fleet): Promise<Holdings> {
  const holdings: Record<string, number> = {};
  for (const [name, member] of Object.entries({ gateway: gateways[0], bridge: bridges[0] })) {
    if (member === undefined) continue;
    // The least of some: what the collector has not got round to, and commands that are on their way, are nobody's leak.
    const least = { heap: Infinity, timers: Infinity, sockets: Infinity };
    for (let sample = 0; sample < 10; sample++) {
      const { lifeline } = member;
      least.heap = Math.min(least.heap, await lifeline.metric('nodejs_heap_size_used_bytes'));
      least.timers = Math.min(least.timers, await lifeline.metric('nodejs_active_resources', { type: 'Timeout' }));
      least.sockets = Math.min(least.sockets, await lifeline.metric('nodejs_active_resources', { type: 'TCPSocketWrap' }));
      await sleep(500);
    }
    holdings[`${name}: heap, MiB`] = Math.round(least.heap / 2 ** 20);
    holdings[`${name}: timers`] = least.timers;
    holdings[`${name}: sockets`] = least.sockets;
  }
  holdings['Redis: keys'] = Number(await redis.command('DBSIZE'));
  holdings['Redis: channels'] = ((await redis.command('PUBSUB', 'CHANNELS', '*')) as string[]).length;
  return holdings;
}

/** How much more than at the first look is no leak: a heap that is warm, sockets of whoever looks, keys of what passes by. */
const slack = (what: string, before: number) => (what.includes('heap') ? before + 40 : what.includes('keys') ? 20 : 4);

async function chapter(fleet: Fleet, number: number, untilMs: number) {
  const load = startLoad(fleet, { members: 12, eventsPerSecond: 40, overlooks: 0.01, random: noise, prefix: `${number}-` });
  const mishaps = mishapsOf(fleet, random, noise);
  let going = true;
  const producing = (async () => {
    while (going) await load.produce(10);
  })();
  const counts = new Map<string, number>();
  while (Date.now() < untilMs && !stopping) {
    const mishap = mishaps[Math.floor(random() * mishaps.length)];
    if (mishap === undefined) break;
    say(mishap.name);
    const next = sleep(everySeconds * 1_000 * (0.5 + random()));
    await mishap.happen();
    counts.set(mishap.name, (counts.get(mishap.name) ?? 0) + 1);
    await next;
  }
  going = false;
  await producing;
  await fleet.ready();
  await load.settle(settleWithinMs);
  const history = { ...(await load.finish()), allowed: { onItsWayMs: 30_000 } };
  return { history, findings: check(history), counts, resyncs: load.resyncs };
}

let stopping = false;
process.once('SIGINT', () => {
  say('stopping at the end of this mishap');
  stopping = true;
});

say(`seed ${seed}, ${minutes} minutes, a mishap every ${everySeconds} s`);
const fleet = await startFleet({ clocks: {} });
const total = { events: 0, copies: 0, mishaps: 0, gap: 0, resyncs: 0 };
const complaints: string[] = [];
try {
  const end = Date.now() + minutes * 60_000;
  let before: Holdings | undefined;
  for (let number = 1; Date.now() < end && !stopping; number++) {
    before ??= await holdingsOf(fleet);
    const until = Math.min(end, Date.now() + longestChapterMs);
    const { history, findings, counts, resyncs } = await chapter(fleet, number, until);
    total.events += history.produced.length;
    total.copies += history.deliveries.length;
    total.gap = Math.max(total.gap, worstGap(history));
    total.resyncs += resyncs;
    for (const count of counts.values()) total.mishaps += count;
    complaints.push(...findings.map(({ verdict, what }) => `${verdict}: ${what}`));
    const now = await holdingsOf(fleet);
    if (number === 1) before = { ...now, ...pick(before, ['timers', 'sockets', 'channels', 'heap']) };
    say(`part ${number}: ${history.produced.length} events, ${findings.length} complaints; ${JSON.stringify(now)}`);
    for (const [what, value] of Object.entries(now)) {
      const least = before[what] ?? 0;
      if (value > least + slack(what, least)) complaints.push(`leak: ${what} ${least} → ${value}`);
    }
  }
} finally {
  await fleet.stop().catch((error: unknown) => complaints.push(`stop: ${String(error)}`));
  await stopKafkaOfFile();
}
for (const complaint of complaints.slice(0, 50)) process.stdout.write(`${complaint}\n`);
process.stdout.write(
  `\n| fault (seed ${seed}) | mishaps | events | copies | complaints | reset | worst gap, s |\n| --- | --- | --- | --- | --- | --- | --- |\n` +
    `| 48: ${minutes} minutes of everything | ${total.mishaps} | ${total.events} | ${total.copies} | ${complaints.length} | ${total.resyncs} | ${total.gap.toFixed(1)} |\n`,
);
process.exit(complaints.length === 0 ? 0 : 1);

function pick(holdings: Holdings, words: readonly string[]): Holdings {
  return Object.fromEntries(Object.entries(holdings).filter(([what]) => words.some((word) => what.includes(word))));
}
