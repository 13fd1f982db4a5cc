import type { ErrorCode } from '../errors.ts';

/** Who a verified token speaks for. */
export interface Principal {
  /** The token's `sub`. */
  readonly member: string;
  /** The token's `exp`, ms since the epoch. */
  readonly expiresAt: number;
  /** The token's `account_ids`; null: the claim is absent and every account of the member may be seen. */
  readonly accounts: readonly string[] | null;
}

/** Everything a principal can want. `account: null` stands for what carries no account. */
export type Action =
  /** Ask for an account by name in an argument. */
  | { readonly do: 'ask-account'; readonly account: string }
  /** Spell out the member segment of a channel pattern. */
  | { readonly do: 'ask-channel'; readonly member: string }
  /** See (be pushed, be answered, acknowledge) one event or state. */
  | { readonly do: 'see'; readonly member: string; readonly account: string | null }
  /** Continue a session opened by another token. */
  | { readonly do: 'continue-session'; readonly member: string };

/**
 * Every authorisation decision there is: `allow`, or the code to answer with. `see` answers FORBIDDEN too, but what is not asked for by
 * name is left out in silence by its callers, so that nobody learns that it exists.
 */
export function decide(principal: Principal, action: Action): 'allow' | Extract<ErrorCode, 'FORBIDDEN'> {
  const ownAccount = (account: string | null) =>
    account === null || principal.accounts === null || principal.accounts.includes(account);
  switch (action.do) {
    case 'ask-account':
      return ownAccount(action.account) ? 'allow' : 'FORBIDDEN';
    case 'ask-channel':
    case 'continue-session':
      return action.member === principal.member ? 'allow' : 'FORBIDDEN';
    case 'see':
      return action.member === principal.member && ownAccount(action.account) ? 'allow' : 'FORBIDDEN';
  }
}
