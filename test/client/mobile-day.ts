import { createClient, type Status, type Trace } from '../../src/client/index.ts';
import { eventTypes } from '../../src/event/catalogue.ts';
import { createRandom } from '../faults/harness/random.ts';
import { startWorld, type World } from './world.ts';

export interface Verdict {
  readonly seed: number;
  readonly sent: number;
  /** Events that the app was never handed. */
  readonly lost: number;
  readonly shownTwice: number;
  /** Events handed over after one that is newer. */
  readonly outOfOrder: number;
  readonly unacknowledged: number;
  /** Copies that came again and were dropped. */
  readonly repeated: number;
  /** Among them, those that were acknowledged long before: only a cursor that is not the newest brings them. */
  readonly needless: number;
  readonly polled: number;
  /** From the end of each trouble until events were pushed again, worst and median, ms. */
  readonly backToPushMs: {
    readonly worst: Recovery;
    readonly median: number;
    readonly of: number;
    readonly slow: readonly Recovery[];
  };
  /** Requests over HTTP in the worst minute of the day. */
  readonly busiestMinute: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
}

export interface Recovery {
  readonly after: string;
  readonly ms: number;
  /** What the client said of itself, where it took longer than it may. */
  readonly story?: readonly string[];
}

const promisedMs = 5_000;

/** Half an hour of a phone on the move; everything random comes from the seed. */
const dayMs = 30 * 60_000;
/** A trouble that nobody tells the phone of ends by itself; one that lasts longer ends with the phone being told that it is online. */
const unheardMs = 30_000;

interface Fault {
  readonly name: string;
  /** Whether the operating system notices the beginning and the end. */
  readonly heard: boolean;
  begin(world: World): void | Promise<void>;
}

const faults: readonly Fault[] = [
  { name: 'drop', heard: false, begin: ({ proxy }) => proxy.set({ do: 'reset' }) },
  { name: 'half-open', heard: false, begin: ({ proxy }) => proxy.set({ do: 'half-open' }) },
  { name: 'blackhole', heard: false, begin: ({ proxy }) => proxy.set({ do: 'blackhole' }) },
  { name: 'captive portal', heard: true, begin: (world) => world.captivePortal() },
  { name: 'bad gateway', heard: false, begin: (world) => world.badGateway() },
  { name: 'aeroplane', heard: true, begin: ({ proxy }) => proxy.set({ do: 'refuse' }) },
];

/**
 * A day of drops, half-open sockets, captive portals, 502s, clock jumps, naps, server restarts and tokens that end, while events come in.
 * @param library in the place of ours: what the verdict must then notice
 */
export async function mobileDay(
  seed: number,
  { library = createClient, forMs = dayMs }: { readonly library?: typeof createClient; readonly forMs?: number } = {},
): Promise<Verdict> {
  const random = createRandom(seed);
  const between = (least: number, most: number) => least + random() * (most - least);
  const world = await startWorld({ random, library });
  const story: string[] = [];
  const tellStory = ({ state, transport, attempt, reason }: Status) => {
    story.push(`${new Date().toISOString().slice(14, 23)} ${state} ${transport ?? '-'} ${String(attempt)} ${reason ?? ''}`);
    if (story.length > 30) story.shift();
  };
  const phone = world.device({ onStatus: tellStory });
  phone.tokens.ttlSeconds = 120;
  const counts: Record<string, number> = {};
  const back: Recovery[] = [];
  const sent: string[] = [];
  const critical = eventTypes.filter((type) => type !== 'rte.progress');
  const isPushed = () => phone.client.status.get().state === 'push';

  /** Time passes and events come, two or three in a minute and sometimes a burst. */
  const live = async (ms: number) => {
    const end = Date.now() + ms;
    while (Date.now() < end) {
      await world.pass(Math.min(between(500, 12_000), end - Date.now()));
      const burst = random() < 0.05 ? 8 : 1;
      for (let n = 0; n < burst && random() < 0.5; n++) {
        const type = critical[Math.floor(random() * critical.length)] ?? 'rte.completed';
        const channel = `c-${String(Math.floor(random() * 5))}`;
        sent.push((await world.send(type, { callId: channel, workflowId: channel })).id);
      }
    }
  };
  const trouble = async () => {
    const fault = faults[Math.floor(random() * faults.length)];
    if (fault === undefined) return '';
    await fault.begin(world);
    if (fault.heard) phone.tell('offline');
    if (fault.name === 'captive portal') phone.tell('online'); // there is a network; it is the wrong one
    await live(fault.heard ? between(5_000, 120_000) : between(1_000, unheardMs));
    world.backToLifeline();
    if (fault.heard) phone.tell('online');
    return fault.name;
  };
  const events: readonly (readonly [string, () => void | Promise<void>])[] = [
    ['restart', () => world.restart({ awayMs: between(500, 10_000) })],
    ['clock jump', () => phone.skew(between(-3_600_000, 3_600_000))],
    [
      'nap',
      async () => {
        phone.tell('hidden');
        phone.sleep();
        await live(between(5_000, 90_000));
        phone.awake();
        phone.tell('visible');
      },
    ],
  ];

  try {
    phone.listen();
    await world.until(isPushed, 'the first push');
    const startedAt = Date.now();
    while (Date.now() - startedAt < forMs) {
      await live(between(5_000, 60_000));
      const other = events[Math.floor(random() * events.length)];
      let after = '';
      if (random() < 0.6 || other === undefined) after = await trouble();
      else {
        after = other[0];
        await other[1]();
      }
      counts[after] = (counts[after] ?? 0) + 1;
      story.push(`${new Date().toISOString().slice(14, 23)} ${after} is over`);
      const ms = await world.until(isPushed, `push after ${after}`, 120_000);
      back.push({ after, ms, ...(ms > promisedMs ? { story: [...story] } : {}) });
    }
    const wanted = new Set(sent);
    const has = () => new Set(phone.handed.map(({ id }) => id));
    const all = () => [...wanted].every((id) => has().has(id));
    // What is still missing when nothing went wrong for a minute is lost.
    await world.until(all, 'everything', 60_000).catch(() => undefined);
    await world.pass(45_000);

    const seen = new Set<string>();
    let newest = 0;
    let shownTwice = 0;
    let outOfOrder = 0;
    for (const { id, sequence } of phone.handed) {
      if (seen.has(id)) shownTwice++;
      else if ((sequence ?? 0) < newest) outOfOrder++;
      seen.add(id);
      newest = Math.max(newest, sequence ?? 0);
    }
    const kindOf = (text: string) => /(?:query|mutation|subscription) (\w+)/.exec(text)?.[1] ?? 'other';
    const minutes = world.requests.map(({ at }) => world.requests.filter((other) => other.at >= at && other.at < at + 60_000));
    const busiest = minutes.reduce<typeof world.requests>((most, minute) => (minute.length > most.length ? minute : most), []);
    const byKind = Object.fromEntries(
      [...Map.groupBy(busiest, ({ text }) => kindOf(text))].map(([kind, list]) => [kind, list.length]),
    );
    const sorted = [...back].sort((a, b) => a.ms - b.ms);
    return {
      seed,
      sent: sent.length,
      lost: [...wanted].filter((id) => !seen.has(id)).length,
      shownTwice,
      outOfOrder,
      unacknowledged: await world.pending(),
      repeated: phone.count('repeated'),
      needless: needlessIn(phone.traces),
      polled: phone.handed.filter(({ path }) => path === 'poll').length,
      backToPushMs: {
        worst: sorted.at(-1) ?? { after: '', ms: 0 },
        median: sorted[Math.floor(sorted.length / 2)]?.ms ?? 0,
        of: sorted.length,
        slow: sorted.filter(({ ms }) => ms > 2_000),
      },
      busiestMinute: byKind,
      faults: counts,
    } satisfies Verdict;
  } finally {
    await world.stop();
  }
}

/** Copies that came although their event had been acknowledged for longer than any answer can take. */
function needlessIn(traces: readonly Trace[]): number {
  const acknowledgedAt = new Map<string, number>();
  let needless = 0;
  for (const [index, { kind, id }] of traces.entries()) {
    if (kind === 'acknowledged' && !acknowledgedAt.has(id)) acknowledgedAt.set(id, index);
    // Counted in steps of the story, not by its clock, which jumps.
    if (kind === 'repeated' && index - (acknowledgedAt.get(id) ?? index) > 60) needless++;
  }
  return needless;
}
