import { createHmac, randomBytes } from 'node:crypto';

import { afterEach, describe, expect, test } from 'vitest';

import { createDevTokens, createVerifier, type TokenSource, type Verifier, type VerifierOptions } from '../../src/auth/token.ts';
import { LifelineError } from '../../src/errors.ts';
import { inSeconds, recordingLogger, sign, signingKey } from './issuer.ts';

const secret = 'a secret of the tests that is long enough';
const es256 = signingKey('ES256');

const opened: Verifier[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((verifier) => verifier.close()));
});
const verifierOf = (source: TokenSource, options: Partial<VerifierOptions> = {}) => {
  const verifier = createVerifier({ source, logger: recordingLogger().logger, ...options });
  opened.push(verifier);
  return verifier;
};
const withSecret = (options: Partial<VerifierOptions> = {}) => verifierOf({ kind: 'secret', secret }, options);

const refusalOf = async (verifier: Verifier, token: string): Promise<LifelineError> => {
  const outcome: unknown = await verifier.verify(token).catch((error: unknown) => error);
  if (!(outcome instanceof LifelineError)) throw new Error('the token was accepted', { cause: outcome });
  return outcome;
};
const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
/** What no honest signer would write. */
const handmade = (header: object, payload: string, key = secret) => {
  const input = `${encode(header)}.${Buffer.from(payload).toString('base64url')}`;
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
};

describe('a good token', () => {
  test.for(['RS256', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA'])('signed with %s is accepted by its public key', async (alg) => {
    const key = signingKey(alg);
    const verifier = verifierOf({ kind: 'public-key', pem: key.publicPem });
    await expect(verifier.verify(await sign(key))).resolves.toMatchObject({ member: 'm1', accounts: null });
  });

  test('signed with HS256 is accepted by the secret', async () => {
    const exp = inSeconds(60);
    await expect(withSecret().verify(await sign({ secret }, { exp }))).resolves.toEqual({
      member: 'm1',
      expiresAt: exp * 1000,
      accounts: null,
    });
  });

  test('is accepted where the PEM has its line breaks written out, as env files do', async () => {
    const verifier = verifierOf({ kind: 'public-key', pem: es256.publicPem.replaceAll('\n', String.raw`\n`) });
    await expect(verifier.verify(await sign(es256))).resolves.toMatchObject({ member: 'm1' });
  });

  test.for([[['A1', 'A2']], [[]]])('may be limited to accounts: %j', async ([accounts]) => {
    await expect(withSecret().verify(await sign({ secret }, { account_ids: accounts }))).resolves.toMatchObject({ accounts });
  });

  test('whose `exp` has a fraction expires within that second', async () => {
    const verifier = withSecret({ now: () => 1_000_000 });
    await expect(verifier.verify(await sign({ secret }, { exp: 1_000.25 }))).resolves.toMatchObject({ expiresAt: 1_000_250 });
  });

  test('whose `exp` is beyond what a date can hold expires at the last instant that one can', async () => {
    const { expiresAt } = await withSecret().verify(await sign({ secret }, { exp: 1e300 }));
    expect(new Date(expiresAt).getTime()).toBe(8.64e15);
  });

  test('becomes valid up to 5 s early, for clocks that disagree, and no more', async () => {
    const verifier = withSecret({ now: () => 1_000_000 });
    await expect(verifier.verify(await sign({ secret }, { exp: 2_000, nbf: 1_005 }))).resolves.toMatchObject({ member: 'm1' });
    await expect(refusalOf(verifier, await sign({ secret }, { exp: 2_000, nbf: 1_006 }))).resolves.toMatchObject({
      message: expect.stringContaining('not valid yet'),
    });
  });
});

describe('a bad token is UNAUTHENTICATED with a sentence that says why', () => {
  const cases: readonly (readonly [what: string, token: () => Promise<string> | string, says: string])[] = [
    ['expired', () => sign({ secret }, { exp: inSeconds(-60) }), 'has expired'],
    ['expired this very second', () => sign({ secret }, { exp: inSeconds(0) }), 'has expired'],
    ['not valid yet', () => sign({ secret }, { nbf: inSeconds(60) }), 'is not valid yet'],
    ['signed with another secret', () => sign({ secret: 'another secret, just as long as the first' }), 'bad signature'],
    ['without `sub`', () => sign({ secret }, { sub: undefined } as never), 'has no `sub` claim'],
    ['without `exp`', () => sign({ secret }, { exp: undefined } as never), 'has no `exp` claim'],
    ['with a `sub` that could widen a pattern', () => sign({ secret }, { sub: '*' }), 'no member id'],
    ['with a `sub` that could end a segment', () => sign({ secret }, { sub: 'm1/rte' }), 'no member id'],
    ['with a `sub` followed by a line break', () => sign({ secret }, { sub: 'm1\n' }), 'no member id'],
    ['with an empty `sub`', () => sign({ secret }, { sub: '' }), 'no member id'],
    ['with a `sub` that is too long', () => sign({ secret }, { sub: 'm'.repeat(129) }), 'no member id'],
    ['with a `sub` that is a number', () => handmade({ alg: 'HS256' }, `{"sub":7,"exp":${inSeconds(60)}}`), 'no member id'],
    ['with an `exp` that is text', () => handmade({ alg: 'HS256' }, `{"sub":"m1","exp":"${inSeconds(60)}"}`), '`exp`'],
    ['with an `exp` that overflows', () => handmade({ alg: 'HS256' }, '{"sub":"m1","exp":1e400}'), '`exp`'],
    ['with `account_ids` that is text', () => sign({ secret }, { account_ids: 'A1' }), '`account_ids`'],
    ['with `account_ids` null', () => sign({ secret }, { account_ids: null }), '`account_ids`'],
    ['with `account_ids` of numbers', () => sign({ secret }, { account_ids: ['A1', 2] }), '`account_ids`'],
    ['with `account_ids` an object', () => sign({ secret }, { account_ids: { 0: 'A1', length: 1 } }), '`account_ids`'],
    ['unsigned', () => `${encode({ alg: 'none' })}.${encode({ sub: 'm1', exp: inSeconds(60) })}.`, 'algorithm'],
    ['signed with a stronger HMAC than agreed', () => sign({ secret, alg: 'HS512' }), 'algorithm'],
    ['signed with a key where a secret is agreed', () => sign(es256), 'algorithm'],
    ['with critical headers nobody knows', () => handmade({ alg: 'HS256', crit: ['x'], x: 1 }, '{}'), 'not supported'],
    ['empty', () => '', 'malformed'],
    ['one word', () => 'token', 'malformed'],
    ['of two parts', () => 'a.b', 'malformed'],
    ['of five parts', () => 'a.b.c.d.e', 'malformed'],
    ['whose header is no JSON', () => 'e30x.e30.e30', 'malformed'],
    ['whose claims are a list', () => handmade({ alg: 'HS256' }, '[]'), 'malformed'],
    ['whose claims are no JSON', () => handmade({ alg: 'HS256' }, '{'), 'malformed'],
    ['longer than 16 KiB', () => 'a'.repeat(16 * 1024 + 1), '16 KiB'],
  ];
  for (const [what, token, says] of cases) {
    test(`when ${what}`, async () => {
      const text = await token();
      const refusal = await refusalOf(withSecret(), text);
      expect(refusal).toMatchObject({ code: 'UNAUTHENTICATED', retry: 'after-refresh' });
      expect(refusal.message).toContain(says);
      for (const part of text.split('.').filter((piece) => piece.length > 5)) expect(refusal.message).not.toContain(part);
    });
  }

  test('when changed by one character anywhere behind the header', async () => {
    const verifier = withSecret();
    const token = await sign({ secret });
    for (let index = token.indexOf('.') + 1; index < token.length; index += 7) {
      if (token[index] === '.') continue;
      // Two steps in the alphabet, so that not only the unused bits of a last character change.
      const changed = token.slice(0, index) + (token[index] === 'A' ? 'Q' : 'A') + token.slice(index + 1);
      expect(await refusalOf(verifier, changed)).toMatchObject({ code: 'UNAUTHENTICATED' });
    }
  });

  test('when an attacker signs with the public key as if it were a secret', async () => {
    const verifier = verifierOf({ kind: 'public-key', pem: es256.publicPem });
    const forged = handmade({ alg: 'HS256' }, JSON.stringify({ sub: 'm1', exp: inSeconds(60) }), es256.publicPem);
    expect((await refusalOf(verifier, forged)).message).toContain('algorithm');
  });

  test('when it comes from another issuer, or from none', async () => {
    const verifier = withSecret({ issuer: 'https://issuer.example' });
    await expect(verifier.verify(await sign({ secret }, { iss: 'https://issuer.example' }))).resolves.toMatchObject({
      member: 'm1',
    });
    expect((await refusalOf(verifier, await sign({ secret }, { iss: 'https://other.example' }))).message).toContain(
      'another issuer',
    );
    expect((await refusalOf(verifier, await sign({ secret }))).message).toContain('has no `iss` claim');
  });

  test('when it is meant for another audience, or for none', async () => {
    const verifier = withSecret({ audience: 'lifeline' });
    await expect(verifier.verify(await sign({ secret }, { aud: ['app', 'lifeline'] }))).resolves.toMatchObject({ member: 'm1' });
    expect((await refusalOf(verifier, await sign({ secret }, { aud: 'app' }))).message).toContain('another audience');
    expect((await refusalOf(verifier, await sign({ secret }))).message).toContain('has no `aud` claim');
  });
});

describe('a verified token', () => {
  test('is remembered until its very expiry, then refused', async () => {
    let now = 1_000_000;
    const verifier = withSecret({ now: () => now });
    const token = await sign({ secret }, { exp: 1_010 });
    const first = await verifier.verify(token);
    now = 1_009_999;
    expect(await verifier.verify(token)).toBe(first);
    now = 1_010_000;
    expect((await refusalOf(verifier, token)).message).toContain('has expired');
    expect((await refusalOf(verifier, token)).message).toContain('has expired');
  });

  test('is verified once for everyone who brings it at the same time', async () => {
    const verifier = withSecret();
    const token = await sign({ secret });
    const principals = await Promise.all(Array.from({ length: 50 }, () => verifier.verify(token)));
    expect(new Set(principals).size).toBe(1);
  });

  test('cannot be changed by who holds its principal', async () => {
    const principal = await withSecret().verify(await sign({ secret }, { account_ids: ['A1'] }));
    expect(() => Object.assign(principal, { member: 'm2' })).toThrow(TypeError);
    expect(() => Object.assign(principal.accounts ?? {}, { 1: 'A2' })).toThrow(TypeError);
  });
});

test('a development token is accepted by the verifier of the same secret, issuer and audience', async () => {
  const shared = randomBytes(32).toString('hex');
  const rules = { issuer: 'lifeline-dev', audience: 'lifeline' };
  const tokens = createDevTokens(shared, rules);
  const verifier = verifierOf({ kind: 'secret', secret: shared }, rules);
  const before = Date.now();
  const principal = await verifier.verify(await tokens.issue({ member: 'demo', accounts: ['A123'], ttlSeconds: 60 }));
  expect(principal).toMatchObject({ member: 'demo', accounts: ['A123'] });
  expect(principal.expiresAt).toBeGreaterThan(before + 58_000);
  expect(principal.expiresAt).toBeLessThanOrEqual(Date.now() + 60_000);
  expect(await verifier.verify(await tokens.issue({ member: 'demo', accounts: null, ttlSeconds: 60 }))).toMatchObject({
    accounts: null,
  });
});
