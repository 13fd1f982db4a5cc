import type { IncomingHttpHeaders } from 'node:http';

import { LifelineError } from '../errors.ts';

/** @throws LifelineError UNAUTHENTICATED where there is an Authorization header of another scheme than Bearer */
export function tokenInHeaders({ authorization }: IncomingHttpHeaders): string | null {
  return authorization === undefined ? null : bearer(authorization);
}

/**
 * The one token of a WebSocket connection: from the upgrade request, or from `connection_init` as `authorization: "Bearer …"` (in any
 * case), `token`, or either of them inside `connectionParams`, where routers put what they forward.
 *
 * @throws LifelineError UNAUTHENTICATED when two of them disagree: nobody can say which one was meant to count
 */
export function tokenOfConnection(headers: IncomingHttpHeaders, payload: unknown): string | null {
  const [first, ...others] = [
    tokenInHeaders(headers),
    ...tokensIn(payload),
    ...tokensIn(fieldOf(payload, 'connectionparams')),
  ].filter((token) => token !== null);
  if (first === undefined) return null;
  if (others.some((token) => token !== first)) {
    throw new LifelineError('UNAUTHENTICATED', 'Two different tokens came with this connection. Send one.');
  }
  return first;
}

function tokensIn(payload: unknown): (string | null)[] {
  // Apollo Router puts the whole header value into `token`, GraphQL clients the bare token.
  return [bearer(fieldOf(payload, 'authorization')), bearer(fieldOf(payload, 'token'), 'or bare')];
}

/** @param lowerCase the name, which the field may have in any case */
function fieldOf(value: unknown, lowerCase: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.entries(value).find(([key]) => key.toLowerCase() === lowerCase)?.[1];
}

function bearer(value: unknown, bare?: 'or bare'): string | null {
  if (value === undefined || value === null || value === '') return null;
  const [, token] = typeof value === 'string' ? (/^Bearer +(\S+)$/i.exec(value.trim()) ?? []) : [];
  if (token !== undefined) return token;
  if (bare !== undefined && typeof value === 'string' && /^\S+$/.test(value.trim())) return value.trim();
  throw new LifelineError('UNAUTHENTICATED', 'The token must come as `Bearer …`.');
}
