import { createDevTokens } from '../../src/auth/token.ts';

/** Signs tokens and cursors of every Lifeline that the bench starts. */
export const benchSecret = 'a-secret-for-the-bench-of-more-than-32-characters';

const tokens = createDevTokens(benchSecret);

/** Good for an hour and every account of the member. */
export const tokenFor = (member: string): Promise<string> => tokens.issue({ member, accounts: null, ttlSeconds: 3_600 });
