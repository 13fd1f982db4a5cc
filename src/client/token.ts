import type { Platform } from './client.ts';
import { ClientError } from './errors.ts';

/** The app may have to ask the user's session server, over the same bad network. */
const tokenWithinMs = 20_000;
/** Renewed this long before it ends, or when a fifth of its life is left, whichever comes later. */
const renewBeforeMs = 60_000;

export interface TokenSource {
  /**
   * A token that should hold: the last one, or a fresh one when that was refused or is about to end.
   * @throws ClientError TOKEN when the app's function fails or does not settle
   */
  get(): Promise<string>;
  /** The server did not take this one. */
  refuse(token: string): void;
  /** The member that the last token names; null when unknown. */
  readonly member: string | null;
  /** When to ask for the next one, in the platform's `elapsed`; null when the token does not say. */
  readonly renewAt: number | null;
}

export function createTokenSource(ask: () => string | Promise<string>, platform: Platform): TokenSource {
  const { now, elapsed, setTimeout, clearTimeout } = platform;
  let current: { readonly token: string; readonly renewAt: number | null; readonly member: string | null } | null = null;
  let asking: Promise<string> | null = null;

  const fresh = async () => {
    let timer: unknown;
    try {
      const token = await Promise.race([
        Promise.resolve().then(ask),
        new Promise<never>((_resolve, reject) => {
          timer = setTimeout(() => reject(new Error('`token` did not settle in time.')), tokenWithinMs);
        }),
      ]);
      const claims = claimsOf(token);
      // Cursors, acknowledgements and everything on the screen are the first member's.
      if (current !== null && current.member !== claims.sub) throw new Error('Another member: that takes a client of its own.');
      const holds = lifeOf(claims, now());
      current = {
        token,
        member: claims.sub,
        renewAt: holds === null ? null : elapsed() + holds - Math.min(renewBeforeMs, holds / 5),
      };
      return token;
    } catch (error) {
      throw new ClientError('TOKEN', 'backoff', 'The app gave no token. It is asked again.', { cause: error });
    } finally {
      clearTimeout(timer);
      asking = null;
    }
  };

  return {
    get() {
      if (current !== null && (current.renewAt === null || elapsed() < current.renewAt)) return Promise.resolve(current.token);
      return (asking ??= fresh());
    },
    refuse(token) {
      if (current?.token === token) current = { ...current, renewAt: -Infinity };
    },
    get member() {
      return current?.member ?? null;
    },
    get renewAt() {
      return current?.renewAt ?? null;
    },
  };
}

interface Claims {
  readonly sub: string | null;
  readonly exp?: unknown;
  readonly iat?: unknown;
}

/** What a JWT says, unverified: the server verifies, here it only tells when to ask again. Nothing where it is no JWT. */
function claimsOf(token: string): Claims {
  try {
    const body = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
    const text = new TextDecoder().decode(Uint8Array.from(atob(body), (char) => char.charCodeAt(0)));
    const claims: unknown = JSON.parse(text);
    const { sub, exp, iat } = (typeof claims === 'object' && claims !== null ? claims : {}) as Readonly<Record<string, unknown>>; // an object has fields
    return { sub: typeof sub === 'string' ? sub : null, exp, iat };
  } catch {
    return { sub: null };
  }
}

/**
 * How much longer the token holds, ms; null when unknown. A device's clock can be wrong by hours: where it puts the token outside its
 * own life, the token is taken to be new, and the server has the last word.
 */
export function lifeOf({ exp, iat }: Omit<Claims, 'sub'>, now: number): number | null {
  if (typeof exp !== 'number') return null;
  const byClock = exp * 1_000 - now;
  const whole = typeof iat === 'number' && iat < exp ? (exp - iat) * 1_000 : null;
  if (byClock > 0 && (whole === null || byClock <= whole)) return byClock;
  return whole ?? (byClock > 0 ? byClock : null);
}
