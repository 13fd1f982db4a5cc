import { decide, type Principal } from '../auth/allow.ts';
import type { SessionWatcher } from '../auth/session.ts';
import { LifelineError } from '../errors.ts';
import { isEventType } from '../event/catalogue.ts';
import type { MemberEvent } from '../event/event.ts';
import type { Entry, EventLog, Position } from '../log/log.ts';
import type { Metrics } from '../operations/metrics.ts';
import { copyOf, type FirstCopy } from './copies.ts';
import type { Delivery, SubscribeRequest } from './delivery.ts';
import type { Tap } from './feed.ts';
import type { Hub, Membership } from './hub.ts';
import { Passing } from './passing.ts';
import { type Asker, type Outcome, type PullIterator, PullSource } from './pull.ts';
import { Reader, type ReaderOwner } from './reader.ts';
import type { Timed, Wheel } from './redelivery.ts';
import { Signal, type Waiter } from './signal.ts';
import { Window, type WindowOwner } from './window.ts';

export interface StreamParts {
  readonly log: EventLog;
  readonly hub: Hub;
  readonly wheel: Wheel;
  readonly metrics: Metrics;
  readonly now: () => number;
  readonly random: () => number;
  readonly firstCopy: FirstCopy;
  /** Told once, with what failed, or null. */
  readonly onEnd: (failure: unknown, stream: Stream, request: SubscribeRequest) => void;
}

/** How long a live stream waits before it asks again a log that did not answer, ms; spread so that thousands do not ask at once. */
const askAgain = { least: 200, spread: 1_800 };

interface Repeat {
  readonly entry: Entry;
  readonly attempt: number;
}

/** One subscription's copies, one at a time, most urgent first: a repeat that is due, else the next entry, else what is passing by. */
export type Stream = PullIterator<Delivery>;

export function createStream(request: SubscribeRequest, parts: StreamParts): Stream {
  return new SubscriptionStream(request, parts);
}

/** Its own listener to all that it hears from: a callback for each would be most of what an idle subscription takes. */
class SubscriptionStream extends PullSource<Delivery> implements Tap, SessionWatcher, Waiter, WindowOwner, ReaderOwner, Timed {
  readonly #request: SubscribeRequest;
  readonly #parts: StreamParts;
  readonly #signal = new Signal();
  readonly #window: Window;
  /** Only once something has passed by. */
  #passing: Passing | undefined;
  #repeats: Repeat[] = none;
  #membership: Membership | undefined;
  /** There is one as soon as the doorbell is listened to. */
  #reader: Reader | undefined;
  #principal: Principal;
  /** The socket is taking a copy now. */
  #handed = false;
  /** The live first copy that the socket is taking now. */
  #lastLive: MemberEvent | undefined;
  /** The window is full and that was counted. */
  #paused = false;
  #closed = false;
  #asker: Asker | undefined;

  constructor(request: SubscribeRequest, parts: StreamParts) {
    super();
    this.#request = request;
    this.#parts = parts;
    this.#window = new Window(parts, this);
    this.#principal = request.session.principal;
    request.session.watch(this);
  }

  take(): Delivery | undefined {
    this.#took();
    // Repeats come first, and what is due has to be fetched.
    if (this.#closed || this.#reader === undefined || !this.#isAuthorised()) return undefined;
    if (this.#repeats.length === 0 && this.#window.anyDue) return undefined;
    return this.#nextRepeat() ?? this.#nextEntry(this.#reader) ?? this.#nextPassing(this.#reader.position);
  }

  more(asker: Asker): void {
    this.#asker = asker;
    if (this.#closed) queueMicrotask(() => this.#settle('end'));
    else if (this.#isIdle()) this.#signal.wait(this);
    else
      this.#look().then(
        () => this.woken(),
        (failure: unknown) => this.#end(failure),
      );
  }

  close(): void {
    this.#end(null);
  }

  scannedTo(): number {
    return this.#reader?.scannedTo ?? 0;
  }

  wake(): void {
    this.#signal.wake();
  }

  onPassing(event: MemberEvent): void {
    if (!this.#wanted(event)) return;
    const reason = (this.#passing ??= new Passing()).put(event);
    if (reason !== null) this.#parts.metrics.eventsDropped.inc({ reason });
  }

  onAcknowledged(ids: ReadonlySet<string>): void {
    for (const id of ids) this.#window.close(id);
    this.#reader?.acknowledged(ids, this.#parts.now());
    if (this.#paused) this.#signal.wake();
  }

  onSession(): void {
    this.#signal.wake();
  }

  onDue(): void {
    this.#signal.wake();
  }

  onTime(): void {
    this.#signal.wake();
  }

  onRewound(): void {
    this.#window.clear();
  }

  onRefill(): void {
    this.#parts.metrics.refills.inc();
  }

  woken(): void {
    this.#settle('more');
  }

  #wanted(event: MemberEvent): boolean {
    const { session } = this.#request;
    return (
      decide(session.principal, { do: 'see', member: event.member, account: event.accountId }) === 'allow' &&
      this.#request.filter(event)
    );
  }

  async #open(): Promise<Reader> {
    const { member } = this.#principal;
    const { log, hub } = this.#parts;
    this.#membership = await hub.join(member, this);
    // fail-point: between subscribe and read
    this.#reader = new Reader({ log, feed: this.#membership.feed, member, after: this.#request.after }, this);
    if (this.#closed) this.#membership.leave(this);
    return this.#reader;
  }

  #took(): void {
    if (!this.#handed) return;
    this.#handed = false;
    // fail-point: between send and bookkeeping
    this.#window.took();
    if (this.#lastLive === undefined) return;
    const { metrics, now } = this.#parts;
    metrics.deliveryDuration.observe(Math.max(0, now() - this.#lastLive.origin.timestamp) / 1000);
    this.#lastLive = undefined;
  }

  #hand(delivery: Delivery): Delivery {
    const { event, attempt, replayed } = delivery;
    this.#parts.metrics.countPushed(isEventType(event.type) ? event.type : 'other');
    this.#handed = true;
    if (attempt === 1 && !replayed) this.#lastLive = event;
    return delivery;
  }

  #handEntry(entry: Entry, attempt: number, replayed: boolean): Delivery {
    if (entry.acknowledgedAt === null) this.#window.sent(entry, attempt);
    const { firstCopy, now } = this.#parts;
    const sentAt = now();
    return this.#hand(attempt === 1 && !replayed ? firstCopy(entry, sentAt) : copyOf(entry, { attempt, replayed, sentAt }));
  }

  /** Whose time is up, as the log has them now: what was acknowledged or expired meanwhile is not sent again, even if no bell told. */
  async #collectRepeats(): Promise<void> {
    const due = this.#window.due();
    const entries = await this.#parts.log.fetch(
      this.#principal.member,
      due.map(({ sequence }) => sequence),
    );
    const repeats: Repeat[] = [];
    for (const [index, { id, attempt }] of due.entries()) {
      const entry = entries[index];
      if (entry?.event.id === id && entry.acknowledgedAt === null) repeats.push({ entry, attempt });
      else this.#window.close(id);
    }
    if (!this.#closed && repeats.length > 0) this.#repeats = repeats;
  }

  #nextRepeat(): Delivery | undefined {
    while (this.#repeats.length > 0) {
      const repeat = this.#repeats.shift();
      if (this.#repeats.length === 0) this.#repeats = none;
      if (repeat === undefined) break;
      const { entry, attempt } = repeat;
      const { id } = entry.event;
      if (!this.#window.has(id)) continue; // acknowledged since
      if (this.#wanted(entry.event)) {
        this.#parts.metrics.redeliveries.inc();
        return this.#handEntry(entry, attempt, true);
      }
      this.#window.close(id);
    }
    return undefined;
  }

  #nextEntry(reader: Reader): Delivery | undefined {
    while (!this.#window.full) {
      this.#paused = false;
      const next = reader.take();
      if (next === undefined) return undefined;
      const { entry, replayed } = next;
      // What is on its way already comes again when its time is up.
      if (replayed && this.#window.has(entry.event.id)) continue;
      if (this.#wanted(entry.event)) return this.#handEntry(entry, 1, replayed);
    }
    if (!this.#paused) this.#parts.metrics.windowFull.inc();
    this.#paused = true;
    return undefined;
  }

  #nextPassing(position: Position | undefined): Delivery | undefined {
    const passing = this.#passing;
    if (position === undefined || passing === undefined) return undefined;
    let event = passing.take();
    // A refresh may have narrowed the token since it came by.
    while (event !== undefined && !this.#wanted(event)) event = passing.take();
    if (event === undefined) return undefined;
    const sentAt = this.#parts.now();
    return this.#hand({ event, position, sequence: null, attempt: 1, replayed: false, acknowledgedAt: null, sentAt });
  }

  #authorise(): void {
    const { session } = this.#request;
    if (session.ended)
      throw new LifelineError('UNAUTHENTICATED', 'The token has expired. Subscribe again with a fresh one and your newest cursor.');
    if (session.principal === this.#principal) return;
    if (this.#request.stillAllowed(session.principal) !== 'allow')
      throw new LifelineError('FORBIDDEN', 'The newer token may not see this subscription.');
    this.#principal = session.principal;
  }

  #isAuthorised(): boolean {
    const { session } = this.#request;
    return session.live && session.principal === this.#principal;
  }

  #settle(outcome: Outcome): void {
    const asker = this.#asker;
    this.#asker = undefined;
    asker?.answer(outcome);
  }

  #end(failure: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#request.session.unwatch(this);
    this.#membership?.leave(this);
    this.#window.clear();
    this.#repeats = none;
    this.#parts.onEnd(failure, this, this.#request);
    this.#settle(failure === null ? 'end' : { failure });
    this.#signal.wake(); // whatever still waits for a bell sees that it is over
  }

  /** Whether a bell is all there is to wait for: what happens at each event, and so must cost nothing. */
  #isIdle(): boolean {
    return (
      this.#reader !== undefined &&
      (this.#window.full || this.#reader.upToDate) &&
      !this.#anyPassing &&
      !this.#window.anyDue &&
      this.#isAuthorised()
    );
  }

  get #anyPassing(): boolean {
    return this.#passing !== undefined && !this.#passing.empty;
  }

  #nextRing(): Promise<void> {
    return new Promise((resolve) => this.#signal.wait({ woken: resolve }));
  }

  /** Gets what `take` lacks; false when there is nothing to get. A refresh after an expiry goes on exactly where the reader stands. */
  async #fetch(): Promise<boolean> {
    const reader = this.#reader ?? (await this.#open());
    if (this.#repeats.length === 0 && this.#window.anyDue) await this.#collectRepeats();
    if (this.#repeats.length > 0) return true;
    if (!this.#window.full && (await reader.advance())) return true;
    return this.#anyPassing;
  }

  /** Settles when there may be something to take. */
  async #look(): Promise<void> {
    for (let rang = false; !this.#closed && !rang;) {
      this.#authorise();
      try {
        if (this.#request.session.live && (await this.#fetch())) return;
      } catch (error) {
        await this.#waitForLog(error);
        continue;
      }
      if (this.#closed) return;
      await this.#nextRing();
      rang = true;
    }
  }

  /**
   * A stream outlasts a log that does not answer, also when it has just begun: stock clients take an error as the end of their subscription
   * and would not come back, while queries tell them meanwhile that there is trouble.
   */
  #waitForLog(error: unknown): Promise<void> {
    if (!(error instanceof LifelineError) || error.code !== 'UNAVAILABLE') throw error;
    const { wheel, random } = this.#parts;
    const timer = wheel.schedule(askAgain.least + askAgain.spread * random(), this);
    return this.#nextRing().finally(() => timer.cancel());
  }
}

/** Never added to: repeats are collected anew. */
const none: Repeat[] = [];
