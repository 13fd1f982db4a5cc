import type { Principal } from '../auth/allow.ts';
import { LifelineError } from '../errors.ts';
import type { Metrics } from '../operations/metrics.ts';

/** Tokens on their way to a principal, with every refusal counted. */
export interface Credentials {
  /** @throws LifelineError UNAUTHENTICATED for a token that does not hold, UNAVAILABLE when that cannot be found out now */
  readonly verify: (token: string) => Promise<Principal>;
  /**
   * @param find answers null where there is no token, and throws where what came is no token
   * @throws LifelineError as `verify`, and UNAUTHENTICATED without a token
   */
  readonly principal: (find: () => string | null) => Promise<Principal>;
}

export function createCredentials(authenticate: (token: string) => Promise<Principal>, metrics: Metrics): Credentials {
  // UNAVAILABLE says nothing about the token.
  const count = (reason: string, error: unknown) => {
    if (error instanceof LifelineError && error.code === 'UNAUTHENTICATED') metrics.authFailures.inc({ reason });
  };

  return {
    async verify(token) {
      try {
        return await authenticate(token);
      } catch (error) {
        count('refused', error);
        throw error;
      }
    },
    async principal(find) {
      let reason = 'malformed';
      try {
        const token = find();
        reason = token === null ? 'missing' : 'refused';
        if (token === null) throw new LifelineError('UNAUTHENTICATED');
        return await authenticate(token);
      } catch (error) {
        count(reason, error);
        throw error;
      }
    },
  };
}
