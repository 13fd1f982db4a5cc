import { hash } from 'node:crypto';

import { LifelineError } from '../errors.ts';
import type { Principal } from './allow.ts';

/**
 * Remembers verified tokens by their SHA-256 until they expire, so that a storm of reconnects costs one verification a token. At most
 * `capacity` tokens, the least recently used one goes first. Only successes are kept: a failure may be ours and be over in a moment.
 */
export function createVerifiedTokens(verify: (token: string) => Promise<Principal>, capacity: number, now: () => number) {
  const verified = new Map<string, Principal>(); // a Map iterates in insertion order: re-inserting on use makes it least-recent-first
  const underWay = new Map<string, Promise<Principal>>();

  const remember = (key: string, principal: Principal) => {
    verified.delete(key);
    verified.set(key, principal);
    if (verified.size <= capacity) return;
    const oldest = verified.keys().next();
    if (!oldest.done) verified.delete(oldest.value);
  };

  const verifyOnce = async (key: string, token: string) => {
    try {
      const principal = await verify(token);
      remember(key, principal);
      return principal;
    } finally {
      underWay.delete(key);
    }
  };

  return {
    get size() {
      return verified.size;
    },
    async get(token: string): Promise<Principal> {
      // The digest, not the token: a heap dump then holds no credential that outlives its request.
      const key = hash('sha256', token, 'base64');
      const known = verified.get(key);
      if (known !== undefined) {
        if (known.expiresAt <= now()) {
          verified.delete(key);
        } else {
          remember(key, known);
          return known;
        }
      }
      const pending = underWay.get(key);
      if (pending !== undefined) return pending;
      if (underWay.size >= capacity)
        throw new LifelineError('UNAVAILABLE', 'Too many tokens wait to be verified. Try again with back-off.');
      const started = verifyOnce(key, token);
      underWay.set(key, started);
      return started;
    },
  };
}
