import { LifelineError } from '../errors.ts';
import { decide, type Principal } from './allow.ts';

/** After `exp` nothing is pushed; this much later the connection ends. In between `refreshSession` can still continue it. */
export const graceAfterExpiryMs = 25_000;

/**
 * The identity behind one connection (or one HTTP request): a principal that `refresh` can replace while streams are open. It is
 * told of time, at the principal's expiry and at the end of the grace, until `dispose`.
 */
export interface Session {
  readonly principal: Principal;
  /** `exp` has not passed: pushing is allowed. */
  readonly live: boolean;
  /** The grace is over, or the connection is gone: nothing will come any more. */
  readonly ended: boolean;
  /** @throws LifelineError FORBIDDEN when the newer token is another member's; UNAUTHENTICATED when the session has ended */
  refresh(principal: Principal): void;
  /** Tells of a refresh, of the expiry and of the end. */
  watch(watcher: SessionWatcher): void;
  unwatch(watcher: SessionWatcher): void;
  dispose(): void;
}

/** An object and not a callback, because every idle subscription would hold one of its own. */
export interface SessionWatcher {
  onSession(): void;
}

/**
 * Expiries are instants of the wall clock, and timers do not follow it: after a step (NTP, a machine that was suspended) an expired session
 * would be neither served nor ended until its timer comes. So the clock is looked at this often, for all sessions at once, and only those
 * whose instant comes before the next look have a timer of their own. (Above 2^31 ms setTimeout fires at once, too.)
 */
const lookEveryMs = 30_000;

/** Those that have no timer of their own; it runs only while there are any. */
const waiting = new Set<OneSession>();
let lookout: NodeJS.Timeout | undefined;

function wait(session: OneSession): void {
  waiting.add(session);
  lookout ??= setInterval(() => {
    for (const each of waiting) each.look();
  }, lookEveryMs).unref();
}

function waitNoMore(session: OneSession): void {
  if (!waiting.delete(session) || waiting.size > 0) return;
  clearInterval(lookout);
  lookout = undefined;
}

export function createSession(initial: Principal, now: () => number = Date.now): Session {
  return new OneSession(initial, now);
}

class OneSession implements Session {
  #principal: Principal;
  readonly #now: () => number;
  #ended = false;
  #timer: NodeJS.Timeout | undefined;
  /** Replaced, never changed: who is told may leave while others are being told. */
  #watchers: readonly SessionWatcher[] = [];

  constructor(initial: Principal, now: () => number) {
    this.#principal = initial;
    this.#now = now;
    this.#schedule();
  }

  get principal(): Principal {
    return this.#principal;
  }

  get live(): boolean {
    return !this.#ended && this.#now() < this.#principal.expiresAt;
  }

  get ended(): boolean {
    return this.#ended;
  }

  refresh(next: Principal): void {
    if (this.#ended) throw new LifelineError('UNAUTHENTICATED', 'The session has ended. Connect again with the newer token.');
    if (decide(this.#principal, { do: 'continue-session', member: next.member }) !== 'allow') {
      throw new LifelineError('FORBIDDEN', 'The newer token belongs to another member. Connect anew to change member.');
    }
    this.#principal = next;
    this.#schedule();
    this.#notify();
  }

  watch(watcher: SessionWatcher): void {
    this.#watchers = this.#watchers.concat(watcher); // not spread, which would leave room for 16 more
  }

  unwatch(watcher: SessionWatcher): void {
    this.#watchers = this.#watchers.filter((each) => each !== watcher);
  }

  dispose(): void {
    this.#end();
    this.#notify();
    this.#watchers = [];
  }

  look(): void {
    const time = this.#now();
    if (time >= this.#principal.expiresAt + graceAfterExpiryMs) this.#end();
    else this.#schedule();
    if (time >= this.#principal.expiresAt) this.#notify();
  }

  #end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    waitNoMore(this);
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { expiresAt } = this.#principal;
    const time = this.#now();
    const left = (expiresAt > time ? expiresAt : expiresAt + graceAfterExpiryMs) - time;
    if (left > lookEveryMs) {
      wait(this);
      return;
    }
    waitNoMore(this);
    this.#timer = setTimeout(() => this.look(), Math.max(left, 0));
    this.#timer.unref();
  }

  #notify(): void {
    for (const watcher of this.#watchers) if (this.#watchers.includes(watcher)) watcher.onSession();
  }
}
