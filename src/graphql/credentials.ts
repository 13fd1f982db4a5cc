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
  const counting = async <T>(reason: string, attempt: () => T | Promise<T>): Promise<T> => {
    try {
      return await attempt();
    } catch (error) {
      // UNAVAILABLE says nothing about the token.
      if (error instanceof LifelineError && error.code === 'UNAUTHENTICATED') metrics.authFailures.inc({ reason });
      throw error;
    }
  };
  const verify = (token: string) => counting('refused', () => authenticate(token));

  return {
    verify,
    async principal(find) {
      const token = await counting('malformed', find);
      if (token !== null) return verify(token);
      return counting('missing', () => {
        throw new LifelineError('UNAUTHENTICATED');
      });
    },
  };
}
