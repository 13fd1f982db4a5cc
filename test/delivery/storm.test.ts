import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { createSession } from '../../src/auth/session.ts';
import type { Delivery } from '../../src/delivery/delivery.ts';
import type { Pull } from '../../src/delivery/pull.ts';
import { createDelivery } from '../../src/delivery/service.ts';
import { LifelineError } from '../../src/errors.ts';
import type { EventLog, Ring } from '../../src/log/log.ts';
import { createMemoryLog } from '../../src/log/memory.ts';
import { createLogger } from '../../src/operations/logger.ts';
import { createMetrics } from '../../src/operations/metrics.ts';
import { coverageProgress, coverageResult, createAppender } from '../support/entries.ts';

// Everything at once, in an order that the seed decides: a wake that gets lost somewhere in between shows as an event that never comes.
const member = 'm-1';
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'] });
});
afterEach(() => void vi.useRealTimers());

/** mulberry32 */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A client that asks as a socket does: for the next copy once it took the last one, which may be at once, later, or not for a long time. */
class Client {
  readonly session = createSession({ member, expiresAt: Date.now() + 2 ** 40, accounts: null });
  readonly copies: Delivery[] = [];
  outcome: unknown;
  readonly #stream: Pull<Delivery>;
  readonly #isSlow: () => boolean;
  #stuck = false;
  #resume: (() => void) | null = null;

  constructor(subscribe: (session: Client['session']) => Pull<Delivery>, isSlow: () => boolean) {
    this.#stream = subscribe(this.session);
    this.#isSlow = isSlow;
    this.#pump();
  }

  get stuck(): boolean {
    return this.#stuck;
  }

  set stuck(stuck: boolean) {
    this.#stuck = stuck;
    const resume = stuck ? null : this.#resume;
    if (resume === null) return;
    this.#resume = null;
    resume();
  }

  leave(): void {
    this.#stream.close();
    this.session.dispose();
  }

  #pump(): void {
    while (this.outcome === undefined) {
      const copy = this.#stream.take();
      if (copy === undefined) {
        this.#stream.more({ answer: (outcome) => (outcome === 'more' ? this.#pump() : (this.outcome = outcome)) });
        return;
      }
      this.copies.push(copy);
      if (this.#stuck) this.#resume = () => this.#pump();
      else if (this.#isSlow()) setImmediate(() => this.#pump());
      else continue;
      return;
    }
  }
}

/** A log whose doorbell may be silent, and that may not answer. */
function fragile(log: EventLog, random: () => number) {
  const state = { down: false, deaf: false };
  const bells = new Set<(ring: Ring) => void>();
  const reached = async () => {
    if (random() < 0.3) await turn();
    if (state.down) throw new LifelineError('UNAVAILABLE');
  };
  const around: EventLog = {
    ...log,
    read: async (...asked) => reached().then(() => log.read(...asked)),
    fetch: async (...asked) => reached().then(() => log.fetch(...asked)),
    heads: async (...asked) => reached().then(() => log.heads(...asked)),
    async listen(who, onRing) {
      await reached();
      bells.add(onRing);
      const listener = await log.listen(who, (ring) => state.deaf || onRing(ring));
      return {
        close() {
          bells.delete(onRing);
          listener.close();
        },
      };
    },
  };
  return { log: around, state, bells };
}

test.each(Array.from({ length: 20 }, (_, index) => ({ seed: index + 1, audience: index % 5 === 4 ? 250 : 1 + (index % 4) })))(
  'outages, lost bells, stuck sockets, refreshes, leavers: all that was live comes to each, in order, repeats marked (seed $seed)',
  async ({ seed, audience }) => {
    const random = randomOf(seed);
    const upTo = (most: number) => Math.floor(random() * most);
    const memory = createMemoryLog();
    const append = await createAppender(memory);
    const { log, state, bells } = fragile(memory, random);
    const metrics = createMetrics();
    const service = createDelivery({ log, metrics, logger: createLogger('silent'), random, sweepEveryMs: 500 });
    const clients: Client[] = [];
    const join = () =>
      clients.push(
        new Client(
          (session) =>
            service.subscribe({ session, filter: () => true, after: null, transport: 'websocket', stillAllowed: () => 'allow' }),
          () => random() < 0.2,
        ),
      );
    let appended = 0;
    const appendSome = (count: number) => append(...Array.from({ length: count }, () => coverageResult(member, ++appended)));
    const acknowledge = (some: readonly Client[], share: number) => {
      const critical = some.flatMap(({ copies }) => copies.filter(({ sequence }) => sequence !== null));
      return memory.acknowledge(
        member,
        [...new Set(critical.map(({ event }) => event.id))].filter(() => random() < share),
        null,
      );
    };
    const someone = () => clients.slice(upTo(clients.length)).slice(0, 1);

    const steps: { readonly weight: number; readonly do: () => unknown }[] = [
      { weight: 30, do: () => appendSome(1 + upTo(4)) },
      { weight: 4, do: () => appendSome(90) },
      { weight: 10, do: () => append(coverageProgress(member, 7, upTo(100))) },
      { weight: 20, do: () => acknowledge(someone(), 0.7) },
      { weight: 5, do: () => (state.deaf = !state.deaf) },
      { weight: 4, do: () => (state.down = !state.down) },
      { weight: 4, do: () => bells.forEach((bell) => bell({ kind: 'interrupted' })) },
      { weight: 4, do: () => someone().forEach((client) => (client.stuck = !client.stuck)) },
      { weight: 4, do: () => someone().forEach(({ session }) => session.refresh({ ...session.principal })) },
      { weight: 3, do: join },
      { weight: 3, do: () => clients.length > 1 && clients.shift()?.leave() },
      { weight: 6, do: () => vi.advanceTimersByTimeAsync(upTo(3_000)) },
      { weight: 3, do: () => vi.advanceTimersByTimeAsync(upTo(20_000)) },
    ];
    const lots = steps.flatMap((step) => Array.from({ length: step.weight }, () => step));
    for (let count = 0; count < audience; count++) join();
    for (let count = 0; count < 100; count++) {
      await lots[upTo(lots.length)]?.do();
      for (let turns = upTo(4); turns > 0; turns--) await turn();
    }

    state.down = state.deaf = false;
    for (const client of clients) client.stuck = false;
    for (let seconds = 0; seconds < 150; seconds++) {
      await vi.advanceTimersByTimeAsync(1_000);
      await turn();
      await acknowledge(clients, 1);
    }
    const { entries } = await memory.read(member, { after: null, pendingOnly: true, limit: 1 });
    expect(entries).toEqual([]);
    for (const { copies, outcome } of clients) {
      expect(outcome).toBeUndefined();
      const critical = copies.flatMap(({ sequence, attempt, replayed }) =>
        sequence === null ? [] : [{ sequence, marked: replayed || attempt > 1 }],
      );
      const firsts = [...new Set(critical.map(({ sequence }) => sequence))];
      expect(firsts).toEqual(firsts.toSorted((a, b) => a - b));
      const unmarked = critical.filter(({ marked }) => !marked).map(({ sequence }) => sequence);
      expect(new Set(unmarked).size).toBe(unmarked.length);
      const [firstLive = appended + 1] = unmarked;
      const live = Array.from({ length: appended + 1 - firstLive }, (_, index) => firstLive + index);
      expect(firsts.filter((sequence) => sequence >= firstLive)).toEqual(live);
    }

    // While no time passes there is no sweep and nothing due: only the bell itself can bring these.
    for (let count = 0; count < 20; count++) {
      if (random() < 0.4) for (const bell of bells) bell({ kind: 'interrupted' });
      for (let turns = upTo(3); turns > 0; turns--) await turn();
      await appendSome(1);
    }
    for (let turns = 0; turns < 200; turns++) await turn();
    for (const { copies } of clients) expect(copies.at(-1)?.sequence).toBe(appended);

    // What nobody acknowledges comes to everybody, again and again; and nothing is left of those who leave.
    const before = clients.map(({ copies }) => copies.length);
    await appendSome(1);
    for (let seconds = 0; seconds < 60; seconds++) await vi.advanceTimersByTimeAsync(1_000);
    expect(clients.every(({ copies }, index) => copies.length >= (before[index] ?? 0) + 4)).toBe(true);
    for (const client of clients) client.leave();
    await turn();
    expect(bells.size).toBe(0);
    expect((await metrics.listeners.get()).values[0]?.value).toBe(0);
    await service.close();
    await vi.advanceTimersByTimeAsync(100);
    expect(vi.getTimerCount()).toBe(0);
    await memory.close();
  },
);
