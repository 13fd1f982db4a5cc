import { createDelivery } from '../../../src/delivery/service.ts';
import { LifelineError } from '../../../src/errors.ts';
import type { MemberEvent } from '../../../src/event/event.ts';
import { createCursors } from '../../../src/graphql/cursor.ts';
import type { EventLog } from '../../../src/log/log.ts';
import { createMemoryLog } from '../../../src/log/memory.ts';
import type { Logger } from '../../../src/operations/logger.ts';
import { createMetrics } from '../../../src/operations/metrics.ts';
import { createAppender } from '../../support/entries.ts';
import { cursorSecret, startEdge } from '../support.ts';
import { startStock } from './stock.ts';

/** One server, with a log of its own that holds the same as the other's. */
export interface Side {
  readonly url: string;
  append(events: readonly MemberEvent[]): Promise<void>;
  /** Streams that the server holds open, and listeners that they hold. */
  held(): Promise<string>;
  stop(): Promise<void>;
}

/** Something that both sides wait for, so that operations can be caught half way. */
export interface Gate {
  readonly held: boolean;
  hold(): void;
  release(): void;
}

export const cursors = createCursors(cursorSecret);
export const startOfTime = Date.parse('2026-01-01T00:00:00.000Z');

/** Of tokens `<member>`, `<member>,<account>`, and some that do not hold. A promise away, as every verifier is. */
async function authenticate(token: string) {
  if (token === 'refused') throw new LifelineError('UNAUTHENTICATED');
  if (token === 'unknowable') throw new LifelineError('UNAVAILABLE');
  const [member = '', account] = token.split(',');
  return { member, accounts: account === undefined ? null : [account], expiresAt: startOfTime + 3_600_000 };
}

/** The product and the stock server, alike in everything but the protocol's implementation; on one clock, which stands still unless moved. */
export async function startSides({ answerSyntaxErrors = true }: { answerSyntaxErrors?: boolean } = {}) {
  let time = startOfTime;
  const now = () => time;
  const reads = createGate();
  const acknowledgements = createGate();
  const publicUrl = 'https://events.example';
  const shared = { authenticate, cursorSecret, publicUrl, now };
  const parts = async () => {
    const log = gated(createMemoryLog({ now }), reads, acknowledgements);
    const metrics = createMetrics();
    const delivery = createDelivery({ log, metrics, logger: silent, now, random: () => 0.5, sweepEveryMs: 3_600_000 });
    const append = await createAppender(log, 'both'); // one name: positions tell where an event came from
    const gauge = async (name: string) => {
      const values = (await metrics.registry.getSingleMetric(name)?.get())?.values ?? [];
      return values.reduce((sum, { value }) => sum + value, 0);
    };
    return {
      log,
      delivery,
      async append(events: readonly MemberEvent[]) {
        await append(...events);
      },
      held: async () =>
        `${String(await gauge('lifeline_subscriptions_active'))} streams, ${String(await gauge('lifeline_listeners'))} listeners`,
    };
  };

  const [mine, theirs] = [await parts(), await parts()];
  const edge = await startEdge({ ...shared, log: mine.log, around: () => mine.delivery });
  const stock = await startStock({ ...shared, delivery: theirs.delivery, answerSyntaxErrors });
  const ours: Side = {
    ...mine,
    url: edge.url.replace('http', 'ws'),
    async stop() {
      await edge.stop(); // and its log
      await mine.delivery.close();
    },
  };
  const reference: Side = {
    ...theirs,
    url: stock.url,
    async stop() {
      await stock.stop();
      await theirs.delivery.close();
      await theirs.log.close();
    },
  };
  return {
    ours,
    stock: reference,
    gates: { reads, acknowledgements },
    now,
    tick: () => void (time += 1),
    async stop() {
      await Promise.all([ours.stop(), reference.stop()]);
    },
  };
}

export type Sides = Awaited<ReturnType<typeof startSides>>;

interface Passage extends Gate {
  pass(): Promise<void>;
}

function createGate(): Passage {
  let held: PromiseWithResolvers<void> | null = null;
  return {
    get held() {
      return held !== null;
    },
    hold: () => void (held ??= Promise.withResolvers()),
    release() {
      held?.resolve();
      held = null;
    },
    pass: () => held?.promise ?? Promise.resolve(),
  };
}

function gated(log: EventLog, reads: Passage, acknowledgements: Passage): EventLog {
  return {
    ...log,
    async read(member, request) {
      await reads.pass();
      return log.read(member, request);
    },
    async acknowledge(member, ids, accounts) {
      await acknowledgements.pass();
      return log.acknowledge(member, ids, accounts);
    },
  };
}

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
