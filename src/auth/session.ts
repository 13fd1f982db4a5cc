import { LifelineError } from '../errors.ts';
import { decide, type Principal } from './allow.ts';

/** After `exp` nothing is pushed; this much later the connection ends. In between `refreshSession` can still continue it. */
export const graceAfterExpiryMs = 25_000;

/**
 * The identity behind one connection (or one HTTP request): a principal that `refresh` can replace while streams are open. It owns
 * one timer, at the principal's expiry and then at the end of the grace; `dispose` ends it.
 */
export interface Session {
  readonly principal: Principal;
  /** `exp` has not passed: pushing is allowed. */
  readonly live: boolean;
  /** The grace is over, or the connection is gone: nothing will come any more. */
  readonly ended: boolean;
  /** @throws LifelineError FORBIDDEN when the newer token is another member's; UNAUTHENTICATED when the session has ended */
  refresh(principal: Principal): void;
  /** Calls back on refresh, on expiry and on the end. Returns the removal. */
  onChange(listener: () => void): () => void;
  dispose(): void;
}

/**
 * Expiries are instants of the wall clock, and timers do not follow it: after a step (NTP, a machine that was suspended) an expired session
 * would be neither served nor ended until its timer comes. So the clock is looked at this often. Above 2^31 ms setTimeout fires at once, too.
 */
const longestTimeoutMs = 30_000;

export function createSession(initial: Principal, now: () => number = Date.now): Session {
  let principal = initial;
  let ended = false;
  let timer: NodeJS.Timeout | undefined;
  const listeners = new Set<() => void>();

  const notify = () => {
    for (const listener of listeners) listener();
  };
  const schedule = () => {
    clearTimeout(timer);
    const endsAt = principal.expiresAt + graceAfterExpiryMs;
    const next = principal.expiresAt > now() ? principal.expiresAt : endsAt;
    timer = setTimeout(tick, Math.min(Math.max(next - now(), 0), longestTimeoutMs));
    timer.unref();
  };
  const tick = () => {
    if (now() >= principal.expiresAt + graceAfterExpiryMs) ended = true;
    else schedule();
    if (now() >= principal.expiresAt) notify();
  };
  schedule();

  return {
    get principal() {
      return principal;
    },
    get live() {
      return !ended && now() < principal.expiresAt;
    },
    get ended() {
      return ended;
    },
    refresh(next) {
      if (ended) throw new LifelineError('UNAUTHENTICATED', 'The session has ended. Connect again with the newer token.');
      if (decide(principal, { do: 'continue-session', member: next.member }) !== 'allow') {
        throw new LifelineError('FORBIDDEN', 'The newer token belongs to another member. Connect anew to change member.');
      }
      principal = next;
      schedule();
      notify();
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    dispose() {
      clearTimeout(timer);
      ended = true;
      notify();
      listeners.clear();
    },
  };
}
