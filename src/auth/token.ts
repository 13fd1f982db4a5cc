import { createLocalJWKSet, errors, jwtVerify, SignJWT, type JWTPayload, type JWTVerifyGetKey, type JWTVerifyOptions } from 'jose';

import { LifelineError } from '../errors.ts';
import type { Logger } from '../operations/logger.ts';
import type { Principal } from './allow.ts';
import { principalOf, unauthenticated } from './claims.ts';
import { createKeyDocument, type KeyDocument } from './key-document.ts';
import { readPublicKey } from './public-key.ts';
import { createVerifiedTokens } from './verified.ts';

/** Where the keys come from that tokens are verified with. */
export type TokenSource =
  | { readonly kind: 'jwks'; readonly url: string }
  | { readonly kind: 'public-key'; readonly pem: string }
  | { readonly kind: 'secret'; readonly secret: string };

export interface VerifierOptions {
  readonly source: TokenSource;
  /** The only `iss` accepted; any when left out. */
  readonly issuer?: string;
  /** Must be (among) the token's `aud`; any when left out. */
  readonly audience?: string;
  readonly logger: Logger;
  /** ms since the epoch */
  readonly now?: () => number;
}

export interface Verifier {
  /**
   * @throws LifelineError UNAUTHENTICATED with a sentence that says what is wrong with the token and never quotes it; UNAVAILABLE when
   * the keys cannot be had just now, which says nothing about the token
   */
  verify(token: string): Promise<Principal>;
  /** Red only while there is no key set at all: a JWKS endpoint that fails later leaves the last good set in use. */
  health(): { readonly ok: true } | { readonly ok: false; readonly reason: string };
  close(): Promise<void>;
}

/** HMAC is not among them: with a public key as its secret anybody could sign. */
const publicKeyAlgorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];

/** For `nbf` alone; `exp` is held to the millisecond with the claims. */
const clockToleranceSeconds = 5;
/** Ten times a token with a long list of accounts; hashing and parsing stay cheap whatever is sent. */
const longestToken = 16 * 1024;
const rememberedTokens = 10_000;

/** @throws Error (a sentence for the operator) when the public key cannot be used */
export function createVerifier({ source, issuer, audience, logger, now = Date.now }: VerifierOptions): Verifier {
  const keys = createKeys(source, logger, now);

  const verifyNow = async (token: string): Promise<Principal> => {
    const options: JWTVerifyOptions = {
      algorithms: [...keys.algorithms],
      clockTolerance: clockToleranceSeconds,
      currentDate: new Date(now()),
      requiredClaims: ['sub', 'exp'],
      ...(issuer === undefined ? {} : { issuer }),
      ...(audience === undefined ? {} : { audience }),
    };
    let payload: JWTPayload;
    try {
      payload = await keys.verify(token, options);
    } catch (error) {
      throw error instanceof LifelineError ? error : refusal(error, logger);
    }
    return principalOf(payload, now());
  };
  const verified = createVerifiedTokens(verifyNow, rememberedTokens, now);

  return {
    async verify(token) {
      if (token.length > longestToken) throw unauthenticated('is longer than 16 KiB');
      return verified.get(token);
    },
    health: keys.health,
    close: keys.close,
  };
}

export interface DevTokens {
  /** `accounts: null`: no `account_ids` claim, every account of the member. */
  issue(request: {
    readonly member: string;
    readonly accounts: readonly string[] | null;
    readonly ttlSeconds: number;
  }): Promise<string>;
}

/** Signs HS256 tokens that a verifier with the same secret, issuer and audience accepts. For the embedded mode and for tests. */
export function createDevTokens(
  secret: string,
  { issuer, audience, now = Date.now }: { readonly issuer?: string; readonly audience?: string; readonly now?: () => number } = {},
): DevTokens {
  const key = new TextEncoder().encode(secret);
  return {
    async issue({ member, accounts, ttlSeconds }) {
      const issuedAt = Math.floor(now() / 1000);
      const token = new SignJWT(accounts === null ? {} : { account_ids: [...accounts] })
        .setProtectedHeader({ alg: 'HS256' })
        .setSubject(member)
        .setIssuedAt(issuedAt)
        .setExpirationTime(issuedAt + ttlSeconds);
      if (issuer !== undefined) token.setIssuer(issuer);
      if (audience !== undefined) token.setAudience(audience);
      return token.sign(key);
    },
  };
}

interface Keys {
  readonly algorithms: readonly string[];
  verify(token: string, options: JWTVerifyOptions): Promise<JWTPayload>;
  readonly health: Verifier['health'];
  readonly close: Verifier['close'];
}

function createKeys(source: TokenSource, logger: Logger, now: () => number): Keys {
  if (source.kind === 'jwks') return remoteKeys(new URL(source.url), logger, now);
  const { key, algorithms } =
    source.kind === 'secret' ? { key: importSecret(source.secret), algorithms: ['HS256'] } : readPublicKey(source.pem);
  return {
    algorithms,
    verify: async (token, options) => (await jwtVerify(token, await key, options)).payload,
    health: () => ({ ok: true }),
    close: () => Promise.resolve(),
  };
}

/** Once: given its bytes, jose imports them for every token, which is a third of what a token costs. */
function importSecret(secret: string): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', new TextEncoder().encode(secret), { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
}

// jose's createRemoteJWKSet forgets its set after cacheMaxAge although the endpoint is down, and so logs everybody out: the fetch is
// ours, the choice of the key among the set stays jose's.
function remoteKeys(url: URL, logger: Logger, now: () => number): Keys {
  const document = createKeyDocument({ url, logger, now });
  let built: { readonly from: KeyDocument; readonly pick: JWTVerifyGetKey } | null = null;
  const keySet = () => {
    const from = document.current;
    if (from === null) throw new LifelineError('UNAVAILABLE', 'Tokens cannot be verified just now. Try again with back-off.');
    // `keys` was checked to be a list of objects that have a `kty`, all that jose's JWK type asks for.
    if (built?.from !== from) built = { from, pick: createLocalJWKSet({ keys: [...from.keys] }) };
    return built.pick;
  };

  return {
    algorithms: publicKeyAlgorithms,
    async verify(token, options) {
      if (document.current === null) await document.refresh();
      try {
        return await verifyWithSet(token, keySet(), options);
      } catch (error) {
        if (!mayBeNewKey(error)) throw error;
        if (await document.refresh()) return verifyWithSet(token, keySet(), options);
        // The key may be one that the issuer has just added and cannot tell us: no verdict on the token.
        if (document.failure !== null && error instanceof errors.JWKSNoMatchingKey) {
          throw new LifelineError('UNAVAILABLE', 'The key of this token cannot be fetched just now. Try again with back-off.');
        }
        throw error;
      }
    },
    health: () =>
      document.current === null
        ? { ok: false, reason: `no JWKS key set yet: ${document.failure ?? 'being fetched'}` }
        : { ok: true },
    close: () => document.close(),
  };
}

async function verifyWithSet(token: string, pick: JWTVerifyGetKey, options: JWTVerifyOptions): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, pick, options)).payload;
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    // The token names no key and several fit: any of them may have signed it.
    for await (const key of error) {
      try {
        return (await jwtVerify(token, key, options)).payload;
      } catch (failure) {
        if (!(failure instanceof errors.JWSSignatureVerificationFailed)) throw failure;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}

// An issuer that rotates without key ids shows as a bad signature, not as an unknown key.
function mayBeNewKey(error: unknown): boolean {
  return error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWSSignatureVerificationFailed;
}

function refusal(error: unknown, logger: Logger): LifelineError {
  if (error instanceof errors.JWTExpired) return unauthenticated('has expired', error);
  if (error instanceof errors.JWTClaimValidationFailed) return unauthenticated(claimProblem(error), error);
  if (error instanceof errors.JOSEAlgNotAllowed)
    return unauthenticated('is signed with an algorithm that is not accepted here', error);
  if (error instanceof errors.JWSSignatureVerificationFailed) return unauthenticated('has a bad signature', error);
  if (error instanceof errors.JWKSNoMatchingKey) return unauthenticated('is signed with a key that is not known here', error);
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) return unauthenticated('is malformed', error);
  if (error instanceof errors.JOSENotSupported) return unauthenticated('uses a feature that is not supported here', error);
  // What is left speaks of the key (a broken JWK, a key of the wrong kind), which is the operator's to know; anybody can send
  // such tokens, so it is not a line for everyday.
  logger.debug({ reason: error instanceof Error ? error.name : 'unknown' }, 'a token could not be verified with the key it names');
  return unauthenticated('cannot be verified with the key it names', error);
}

function claimProblem({ claim, reason }: errors.JWTClaimValidationFailed): string {
  if (reason === 'missing') return `has no \`${claim}\` claim`;
  if (claim === 'nbf' && reason === 'check_failed') return 'is not valid yet';
  if (claim === 'iss') return 'comes from another issuer than the one accepted here';
  if (claim === 'aud') return 'is meant for another audience';
  return `has an invalid \`${claim}\` claim`;
}
