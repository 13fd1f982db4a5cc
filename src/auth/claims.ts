import { LifelineError } from '../errors.ts';
import { channelIdPattern } from '../event/event.ts';
import type { Principal } from './allow.ts';

const latestInstantMs = 8.64e15; // beyond it a Date is invalid
const askAgain = 'Get a fresh one, then try again.';

/**
 * Whom the claims of a token speak for, its signature being verified.
 *
 * @param now ms since the epoch; `exp` is exact, because the session ends by it
 * @throws LifelineError UNAUTHENTICATED
 */
export function principalOf(payload: Readonly<Record<string, unknown>>, now: number): Principal {
  const { sub, exp, account_ids: accounts } = payload;
  if (typeof sub !== 'string' || !channelIdPattern.test(sub)) {
    throw unauthenticated('has a `sub` that is no member id (1 to 128 letters, digits and . _ : @ -)');
  }
  if (typeof exp !== 'number' || !Number.isFinite(exp)) throw unauthenticated('has an `exp` that is no number');
  if (exp * 1000 <= now) throw unauthenticated('has expired');
  // Read as "no restriction", a malformed restriction would widen: it is refused instead.
  if (accounts !== undefined && !isListOfStrings(accounts)) throw unauthenticated('has `account_ids` that are no list of strings');
  return Object.freeze({
    member: sub,
    expiresAt: Math.min(Math.floor(exp * 1000), latestInstantMs),
    accounts: accounts === undefined ? null : Object.freeze([...accounts]),
  });
}

function isListOfStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

/** A refusal whose sentence starts with `The token`; `problem` never quotes it. */
export function unauthenticated(problem: string, cause?: unknown): LifelineError {
  return new LifelineError('UNAUTHENTICATED', `The token ${problem}. ${askAgain}`, cause === undefined ? {} : { cause });
}
