import { decide } from '../auth/allow.ts';
import { LifelineError } from '../errors.ts';
import { isEventType } from '../event/catalogue.ts';
import type { MemberEvent } from '../event/event.ts';
import type { Entry, EventLog, Position } from '../log/log.ts';
import type { Metrics } from '../operations/metrics.ts';
import type { Delivery, SubscribeRequest } from './delivery.ts';
import type { Tap } from './feed.ts';
import type { Hub, Membership } from './hub.ts';
import { createPassing } from './passing.ts';
import type { Outcome, Pull } from './pull.ts';
import { createReader, type Reader } from './reader.ts';
import type { Wheel } from './redelivery.ts';
import { createSignal } from './signal.ts';
import { createWindow } from './window.ts';

export interface StreamParts {
  readonly log: EventLog;
  readonly hub: Hub;
  readonly wheel: Wheel;
  readonly metrics: Metrics;
  readonly now: () => number;
  readonly random: () => number;
  /** Told once, with what failed, or null. */
  readonly onEnd: (failure: unknown) => void;
}

/** One subscription's copies, one at a time, most urgent first: a repeat that is due, else the next entry, else what is passing by. */
export type Stream = Pull<Delivery>;

/** How long a live stream waits before it asks again a log that did not answer, ms; spread so that thousands do not ask at once. */
const askAgain = { least: 200, spread: 1_800 };

export function createStream(request: SubscribeRequest, parts: StreamParts): Stream {
  const { log, hub, wheel, metrics, now, random } = parts;
  const { session, filter } = request;
  const { member } = session.principal;
  const signal = createSignal();
  const window = createWindow(wheel, signal.wake, random);
  const passing = createPassing((reason) => metrics.eventsDropped.inc({ reason }));
  let repeats: { readonly entry: Entry; readonly attempt: number }[] = [];
  let live: { readonly membership: Membership; readonly reader: Reader } | undefined;
  let principal = session.principal;
  /** The socket is taking a copy now. */
  let handed = false;
  /** The live first copy that the socket is taking now. */
  let lastLive: MemberEvent | undefined;
  /** The window is full and that was counted. */
  let paused = false;
  let closed = false;
  let waiting: ((outcome: Outcome) => void) | undefined;

  const wanted = (event: MemberEvent) =>
    decide(session.principal, { do: 'see', member: event.member, account: event.accountId }) === 'allow' && filter(event);

  const tap: Tap = {
    position: () => live?.reader.position?.sequence ?? 0,
    wake: signal.wake,
    onPassing(event) {
      if (wanted(event)) passing.put(event);
    },
    onAcknowledged(ids) {
      window.close(ids);
      live?.reader.acknowledged(ids, now());
      if (paused) signal.wake();
    },
  };
  const removeSessionListener = session.onChange(signal.wake);

  const open = async () => {
    const membership = await hub.join(member, tap);
    // fail-point: between subscribe and read
    const reader = createReader({
      log,
      feed: membership.feed,
      member,
      after: request.after,
      onRewound: window.clear,
      onRefill: () => metrics.refills.inc(),
    });
    live = { membership, reader };
    if (closed) membership.leave();
    return live;
  };

  const took = () => {
    if (!handed) return;
    handed = false;
    // fail-point: between send and bookkeeping
    window.took();
    if (lastLive !== undefined) metrics.deliveryDuration.observe(Math.max(0, now() - lastLive.origin.timestamp) / 1000);
    lastLive = undefined;
  };

  const hand = (
    event: MemberEvent,
    copy: Pick<Delivery, 'position' | 'sequence' | 'attempt' | 'replayed' | 'acknowledgedAt'>,
  ): Delivery => {
    metrics.eventsPushed.inc({ type: isEventType(event.type) ? event.type : 'other' });
    handed = true;
    if (copy.attempt === 1 && !copy.replayed) lastLive = event;
    return { event, ...copy, sentAt: now() };
  };

  const handEntry = (entry: Entry, attempt: number, replayed: boolean) => {
    if (entry.acknowledgedAt === null) window.sent(entry, attempt);
    return hand(entry.event, {
      position: entry.position,
      sequence: entry.position.sequence,
      attempt,
      replayed,
      acknowledgedAt: entry.acknowledgedAt,
    });
  };

  /** Whose time is up, as the log has them now: what was acknowledged or expired meanwhile is not sent again, even if no bell told. */
  const collectRepeats = async () => {
    const due = window.due();
    const entries = await log.fetch(
      member,
      due.map(({ sequence }) => sequence),
    );
    for (const [index, { id, attempt }] of due.entries()) {
      const entry = entries[index];
      if (entry?.event.id === id && entry.acknowledgedAt === null) repeats.push({ entry, attempt });
      else window.close([id]);
    }
  };

  const nextRepeat = () => {
    for (let repeat = repeats.shift(); repeat !== undefined; repeat = repeats.shift()) {
      const { entry, attempt } = repeat;
      if (!window.has(entry.event.id)) continue; // acknowledged since
      if (wanted(entry.event)) {
        metrics.redeliveries.inc();
        return handEntry(entry, attempt, true);
      }
      window.close([entry.event.id]);
    }
    return undefined;
  };

  const nextEntry = (reader: Reader) => {
    while (!window.full) {
      paused = false;
      const next = reader.take();
      if (next === undefined) return undefined;
      const { entry, replayed } = next;
      // What is on its way already comes again when its time is up.
      if (replayed && window.has(entry.event.id)) continue;
      if (wanted(entry.event)) return handEntry(entry, 1, replayed);
    }
    if (!paused) metrics.windowFull.inc();
    paused = true;
    return undefined;
  };

  const nextPassing = (position: Position | undefined) => {
    if (position === undefined) return undefined;
    let event = passing.take();
    // A refresh may have narrowed the token since it came by.
    while (event !== undefined && !wanted(event)) event = passing.take();
    if (event === undefined) return undefined;
    return hand(event, { position, sequence: null, attempt: 1, replayed: false, acknowledgedAt: null });
  };

  const authorise = () => {
    if (session.ended)
      throw new LifelineError('UNAUTHENTICATED', 'The token has expired. Subscribe again with a fresh one and your newest cursor.');
    if (session.principal === principal) return;
    if (request.stillAllowed(session.principal) !== 'allow')
      throw new LifelineError('FORBIDDEN', 'The newer token may not see this subscription.');
    principal = session.principal;
  };

  const settle = (outcome: Outcome) => {
    const answer = waiting;
    waiting = undefined;
    answer?.(outcome);
  };
  const end = (failure: unknown) => {
    if (closed) return;
    closed = true;
    removeSessionListener();
    live?.membership.leave();
    window.clear();
    repeats = [];
    parts.onEnd(failure);
    settle(failure === null ? 'end' : { failure });
    signal.wake(); // whatever still waits for a bell sees that it is over
  };

  /** Whether a bell is all there is to wait for: what happens at each event, and so must cost nothing. */
  const idle = () =>
    live !== undefined && (window.full || live.reader.upToDate) && passing.empty && !window.anyDue && isAuthorised();
  const isAuthorised = () => session.live && session.principal === principal;
  const rung = () => settle('more');
  const nextRing = () => new Promise<void>((resolve) => signal.wait(resolve));

  /** Gets what `take` lacks; false when there is nothing to get. A refresh after an expiry goes on exactly where the reader stands. */
  const fetch = async (): Promise<boolean> => {
    const { reader } = live ?? (await open());
    if (repeats.length === 0 && window.anyDue) await collectRepeats();
    if (repeats.length > 0) return true;
    if (!window.full && (await reader.advance())) return true;
    return !passing.empty;
  };

  /** Settles when there may be something to take. */
  const look = async () => {
    for (let rang = false; !closed && !rang;) {
      authorise();
      try {
        if (session.live && (await fetch())) return;
      } catch (error) {
        await waitForLog(error);
        continue;
      }
      if (closed) return;
      await nextRing();
      rang = true;
    }
  };

  /**
   * A stream outlasts a log that does not answer, also when it has just begun: stock clients take an error as the end of their subscription
   * and would not come back, while queries tell them meanwhile that there is trouble.
   */
  const waitForLog = (error: unknown) => {
    if (!(error instanceof LifelineError) || error.code !== 'UNAVAILABLE') throw error;
    const timer = wheel.schedule(askAgain.least + askAgain.spread * random(), signal.wake);
    return nextRing().finally(() => timer.cancel());
  };

  return {
    take() {
      took();
      // Repeats come first, and what is due has to be fetched.
      if (closed || live === undefined || !isAuthorised()) return undefined;
      if (repeats.length === 0 && window.anyDue) return undefined;
      return nextRepeat() ?? nextEntry(live.reader) ?? nextPassing(live.reader.position);
    },
    more(answer) {
      waiting = answer;
      if (closed) queueMicrotask(() => settle('end'));
      else if (idle()) signal.wait(rung);
      else look().then(rung, end);
    },
    close: () => end(null),
  };
}
