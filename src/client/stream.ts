import type { Platform, Trace } from './client.ts';
import type { Handled } from './dedupe.ts';
import { type ClientError, errorOf } from './errors.ts';
import { endedCall, type EventFacts } from './event.ts';
import { createIntake, type Intake } from './intake.ts';
import { asClientError, type Answer, fieldOf, type Operation } from './operation.ts';
import { createOutstanding } from './outstanding.ts';
import { createPosition } from './position.ts';
import type { PushConnection } from './push.ts';
import { retryDelay, safetyPollMs, slower, slowestMs } from './schedule.ts';

/** What a stream asks, by push and by poll. */
export interface Source<Event> {
  readonly subscription: string;
  /** The query field of the same name and arguments; null for what is only pushed. */
  readonly query: string | null;
  /** The field's name in both answers. */
  readonly field: string;
  readonly variables: Readonly<Record<string, unknown>>;
  factsOf(event: Event): EventFacts;
}

/** How events come just now: what decides how often a stream asks. */
export type Mode = 'push' | 'waiting' | 'poll' | 'rest';

export interface StreamParts<Event> {
  readonly key: string;
  readonly source: Source<Event>;
  readonly platform: Platform;
  readonly handled: Handled;
  readonly acknowledge: (id: string) => void;
  readonly ask: (operation: Operation, signal: AbortSignal) => Promise<Answer>;
  readonly onEvent: (facts: EventFacts) => void;
  readonly onPollDue: () => void;
  /** A query found what push should have brought. */
  readonly onPushSilent: () => void;
  readonly onUnauthenticated: () => void;
  /** Everybody who listens is told; after `never` nothing more comes. */
  readonly onError: (error: ClientError) => void;
  readonly verifyEnded: (callId: string) => Promise<boolean>;
  readonly trace: (kind: Trace['kind'], facts: EventFacts) => void;
  /** Everything that was handed over is handled. */
  readonly onIdle: () => void;
}

export interface Stream<Event> {
  readonly intake: Intake<Event>;
  /** Push works again, or no more. */
  connect(push: PushConnection | null): void;
  setMode(mode: Mode): void;
  /** The connection showed that it lives. */
  signOfLife(): void;
  /** Asks now, whatever the schedule says. */
  poll(): void;
  /** Nobody listens for now. Whoever comes next is a new subscriber, to whom everything pending is due. */
  rest(): void;
  /** ms since the epoch; null while no query is due. */
  readonly nextPollAt: number | null;
  stop(): void;
}

/** Handlers that are behind by more than this are not brought more by queries; the server itself stops pushing at 32. */
const mostOpen = 64;
const pollWhenUnknownMs = 2_000;

export function createStream<Event>(parts: StreamParts<Event>): Stream<Event> {
  const { source, platform, ask } = parts;
  const { now, elapsed, random, setTimeout, clearTimeout } = platform;
  const after = source.variables['after'];
  const start = typeof after === 'string' ? after : null;
  let position = createPosition(start);
  /** Of one call: its end is the end of everything there is to ask for. */
  const ofOne = typeof source.variables['callId'] === 'string';
  const outstanding = createOutstanding();
  const timers = new Set<unknown>();
  const abort = new AbortController();

  let stopped = false;
  /** Answers to what was asked in an earlier one are of no use. */
  let era = 0;
  let told: string | null = null;
  /** Queries in a row that found what push should have brought. */
  let overtaken = 0;
  let mode: Mode = 'waiting';
  let push: PushConnection | null = null;
  let unsubscribe: (() => void) | null = null;
  let subscribeAttempts = 0;
  let polling = false;
  let pollAgain = false;
  let lostInRow = 0;
  let baseMs = pollWhenUnknownMs;
  let waitMs = 0;
  let lastSignAt = elapsed();
  let pollTimer: unknown;
  let dueAtLast: number | null = null;
  let nextPollAt: number | null = null;

  const later = (ms: number, run: () => void) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      run();
    }, ms);
    timers.add(timer);
  };

  const intake = createIntake<Event>({
    ...parts,
    onFailed: (id, failures) => later(Math.min(5_000 * 2 ** (failures - 1), slowestMs), () => intake.again(id)),
  });

  // ---- what came

  const follow = (facts: EventFacts) => {
    outstanding.saw(facts);
    const callId = endedCall(facts);
    if (callId !== null && facts.channel !== null) void verify(callId, facts.channel);
  };
  const verify = async (callId: string, channel: string) => {
    try {
      if (await parts.verifyEnded(callId)) return;
      outstanding.reopen(channel); // the call is not over for the server: keep asking
      schedule();
    } catch {
      // Not answered: `call.ended` itself came from the same log.
    }
  };

  const take = (event: Event, path: 'push' | 'poll', skipAcknowledged: boolean): boolean => {
    const facts = source.factsOf(event);
    position.passed(facts.cursor, facts.sequence);
    if (skipAcknowledged && facts.acknowledgedAt !== null) return false;
    const isNew = intake.take(event, facts, path);
    if (isNew) follow(facts);
    parts.onEvent(facts);
    return isNew;
  };

  /** The same trouble again is no news. */
  const tell = (error: ClientError) => {
    if (error.retry !== 'never' && told === error.code) return;
    told = error.code;
    parts.onError(error);
  };

  // ---- push

  const subscribe = () => {
    if (stopped || push === null || unsubscribe !== null) return;
    const connection = push;
    let failure: ClientError | null = null;
    const { cursor, given } = position;
    unsubscribe = connection.subscribe(
      { query: source.subscription, variables: { ...source.variables, after: cursor } },
      {
        next({ data, errors }) {
          const event = data?.[source.field];
          lastSignAt = elapsed();
          if (event !== undefined && event !== null) {
            take(event as Event, 'push', false); // the shape that the document asks for
            subscribeAttempts = 0;
            waitMs = 0;
            overtaken = 0;
            told = null;
            failure = null;
          } else failure = errorOf(errors);
          schedule();
        },
        complete() {
          unsubscribe = null;
          schedule();
          onEnded(failure, cursor !== null && !given);
        },
      },
    );
    schedule();
  };
  const subscribeLater = () => later(retryDelay(subscribeAttempts++, random()), subscribe);

  const onEnded = (error: ClientError | null, withOurCursor: boolean) => {
    if (stopped) return;
    if (error === null) return subscribeLater();
    if (isLostCursor(error, withOurCursor)) return void resync();
    if (error.retry === 'after-refresh') parts.onUnauthenticated();
    else tell(error);
    if (error.retry !== 'never') subscribeLater();
  };
  /** A log that was lost, or a secret that was changed: where our own cursor is refused, the server's memory is shorter than ours. */
  const isLostCursor = ({ code, retry }: ClientError, withOurCursor: boolean) =>
    retry === 'after-resync' || (code === 'BAD_USER_INPUT' && withOurCursor);

  const resync = async () => {
    position.lost();
    if (source.query !== null && (await pollOnce()) !== 'answered') return subscribeLater();
    if (subscribeAttempts++ === 0) subscribe();
    else subscribeLater();
  };

  // ---- poll

  const pages = async (query: string): Promise<boolean> => {
    let news = false;
    let next = position.cursor;
    const asked = era;
    const whole = next === null;
    for (;;) {
      const before = position.sequence;
      const answer = await ask({ query, variables: { ...source.variables, after: next } }, abort.signal);
      if (asked !== era) return news;
      const page = fieldOf(answer, source.field) as Page<Event>; // the shape that the document asks for
      let last = 0;
      for (const event of page.nodes) {
        last = Math.max(last, source.factsOf(event).sequence ?? 0);
        // What subscribing without a cursor would not bring either.
        if (take(event, 'poll', whole)) news = true;
      }
      position.ended(page.pageInfo.endCursor, { sequence: before, last });
      baseMs = page.pollAfterMs ?? baseMs;
      next = page.pageInfo.endCursor;
      if (!page.pageInfo.hasNextPage || intake.open >= mostOpen) return news;
    }
  };

  /** Once can be a race; twice, the subscription is not what it seems, whatever the connection says. */
  const onOvertaken = () => {
    parts.onPushSilent();
    if (++overtaken < 2) return;
    overtaken = 0;
    connect(push);
  };

  const pollOnce = async (): Promise<'answered' | 'failed'> => {
    if (source.query === null) return 'answered';
    polling = true;
    setDue(null);
    const asked = era;
    const ours = () => position.cursor !== null && !position.given;
    const withOurCursor = ours();
    try {
      const news = await pages(source.query);
      if (asked !== era) return 'failed';
      told = null;
      lostInRow = 0;
      if (news && unsubscribe !== null) onOvertaken();
      if (news) waitMs = 0;
      return 'answered';
    } catch (thrown) {
      if (asked !== era) return 'failed';
      const error = asClientError(thrown);
      if (isLostCursor(error, withOurCursor || ours())) {
        position.lost();
        lostInRow++;
        pollAgain = true;
      } else if (error.retry === 'after-refresh') parts.onUnauthenticated();
      else tell(error);
      return 'failed';
    } finally {
      polling = false;
      lastSignAt = elapsed();
      if (pollAgain && !stopped) {
        pollAgain = false;
        later(retryDelay(lostInRow, random()), poll);
      }
      schedule();
    }
  };
  const poll = () => {
    if (stopped || mode === 'rest') return;
    if (polling) pollAgain = true;
    else void pollOnce(); // never rejects
  };

  const onDue = () => {
    waitMs = slower(currentWait()); // until an event makes it the base again
    poll();
  };
  /** Before the next query of the schedule; 0 stands for the base. */
  const currentWait = () => waitMs || (mode === 'poll' ? baseMs : safetyPollMs);
  const schedule = () => {
    if (polling) return;
    setDue(dueAt());
  };
  const dueAt = (): number | null => {
    if (stopped || source.query === null || mode === 'rest') return null;
    if (intake.open >= mostOpen) return elapsed() + safetyPollMs;
    if (mode === 'poll') {
      if (outstanding.over && ofOne) return null;
      return lastSignAt + (outstanding.over ? slowestMs : currentWait()); // another one may begin
    }
    // Pushed, or about to be: only what is known to have more to come is asked for.
    return !outstanding.any ? null : lastSignAt + currentWait();
  };
  const setDue = (at: number | null) => {
    clearTimeout(pollTimer);
    const inMs = at === null ? null : Math.max(0, at - elapsed());
    if (inMs !== null) pollTimer = setTimeout(onDue, inMs);
    if (at === dueAtLast) return;
    dueAtLast = at;
    nextPollAt = inMs === null ? null : now() + inMs;
    parts.onPollDue();
  };

  const connect = (connection: PushConnection | null) => {
    unsubscribe?.();
    unsubscribe = null;
    push = connection;
    subscribeAttempts = 0;
    if (connection !== null) subscribe();
  };
  const setMode = (next: Mode) => {
    if (next === mode) return;
    mode = next;
    waitMs = 0;
    if (mode === 'poll') poll();
    else schedule();
  };

  return {
    intake,
    connect,
    setMode,
    signOfLife() {
      if (unsubscribe === null) return;
      lastSignAt = elapsed();
      schedule();
    },
    poll,
    rest() {
      era++;
      connect(null);
      setMode('rest');
      position = createPosition(start);
      outstanding.clear();
    },
    get nextPollAt() {
      return nextPollAt;
    },
    stop() {
      stopped = true;
      era++;
      abort.abort();
      unsubscribe?.();
      unsubscribe = null;
      clearTimeout(pollTimer);
      for (const timer of timers) clearTimeout(timer);
      nextPollAt = null;
    },
  };
}

interface Page<Event> {
  readonly nodes: readonly Event[];
  readonly pageInfo: { readonly endCursor: string; readonly hasNextPage: boolean };
  readonly pollAfterMs?: number;
}
