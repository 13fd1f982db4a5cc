import { afterEach, describe, expect, test } from 'vitest';

import { createVerifier, type Verifier, type VerifierOptions } from '../../src/auth/token.ts';
import { eventually } from '../support/eventually.ts';
import { inSeconds, recordingLogger, sign, signingKey, startIssuer } from './issuer.ts';

const one = signingKey('ES256', 'one');
const two = signingKey('RS256', 'two');

const opened: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((close) => close()));
});
const issuerWith = async (...keys: Parameters<typeof startIssuer>) => {
  const issuer = await startIssuer(...keys);
  opened.push(issuer.stop);
  return issuer;
};
const verifierOf = (url: string, options: Partial<VerifierOptions> = {}): Verifier => {
  const verifier = createVerifier({ source: { kind: 'jwks', url }, logger: recordingLogger().logger, ...options });
  opened.push(() => verifier.close());
  return verifier;
};
const ready = (verifier: Verifier) => eventually(() => verifier.health().ok, { what: 'the key set' });
const codeOf = (verification: Promise<unknown>) =>
  verification.then(
    () => 'accepted',
    (error: { code: string }) => error.code,
  );

describe('tokens of a JWKS issuer', () => {
  test('are accepted with any key of the set, fetched once for all of them', async () => {
    const issuer = await issuerWith(one, two);
    const verifier = verifierOf(issuer.url);
    const tokens = await Promise.all([sign(one), sign(two), sign(one, { sub: 'm2' })]);
    const principals = await Promise.all(tokens.map((token) => verifier.verify(token)));
    expect(principals.map(({ member }) => member)).toEqual(['m1', 'm1', 'm2']);
    expect(issuer.fetches).toBe(1);
  });

  test('that name no key are tried with every key that fits', async () => {
    const [first, second] = [signingKey('ES256', null), signingKey('ES256', null)];
    const issuer = await issuerWith(first, second);
    const verifier = verifierOf(issuer.url);
    await expect(verifier.verify(await sign(first))).resolves.toMatchObject({ member: 'm1' });
    await expect(verifier.verify(await sign(second))).resolves.toMatchObject({ member: 'm1' });
    expect(await codeOf(verifier.verify(await sign(signingKey('ES256', null))))).toBe('UNAUTHENTICATED');
  });

  test('never pass with HMAC, whatever the set says', async () => {
    const issuer = await issuerWith(one);
    const secret = 'an oct key that somebody put into a public set';
    issuer.respond((_, response) =>
      response.end(JSON.stringify({ keys: [{ kty: 'oct', alg: 'HS256', k: Buffer.from(secret).toString('base64url') }] })),
    );
    const verifier = verifierOf(issuer.url);
    await ready(verifier);
    expect(await codeOf(verifier.verify(await sign({ secret })))).toBe('UNAUTHENTICATED');
  });

  test('signed with a good key pass although another key of the set is broken', async () => {
    const issuer = await issuerWith(one);
    const { kid, publicKey } = one;
    issuer.respond((_, response) =>
      response.end(
        JSON.stringify({
          keys: [
            { kty: 'RSA', kid: 'broken', n: '!', e: '?' },
            { ...publicKey.export({ format: 'jwk' }), kid },
          ],
        }),
      ),
    );
    const verifier = verifierOf(issuer.url);
    await expect(verifier.verify(await sign(one))).resolves.toMatchObject({ member: 'm1' });
    expect(await codeOf(verifier.verify(await sign({ ...two, kid: 'broken' })))).toBe('UNAUTHENTICATED');
  });
});

describe('key rotation', () => {
  test('takes a new key at once, and keeps tokens of the old key that were verified until they expire', async () => {
    let now = Date.now();
    const issuer = await issuerWith(one);
    const verifier = verifierOf(issuer.url, { now: () => now });
    const known = await sign(one);
    await verifier.verify(known);

    issuer.serve(two);
    await expect(verifier.verify(await sign(two))).resolves.toMatchObject({ member: 'm1' });
    expect(await codeOf(verifier.verify(known))).toBe('accepted');
    expect(await codeOf(verifier.verify(await sign(one, { sub: 'm2' })))).toBe('UNAUTHENTICATED');
    now += 600_000;
    expect(await codeOf(verifier.verify(known))).toBe('UNAUTHENTICATED');
  });

  test('is noticed where the issuer names no keys', async () => {
    const [before, after] = [signingKey('ES256', null), signingKey('ES256', null)];
    const issuer = await issuerWith(before);
    const verifier = verifierOf(issuer.url);
    await verifier.verify(await sign(before));
    issuer.serve(after);
    await expect(verifier.verify(await sign(after))).resolves.toMatchObject({ member: 'm1' });
  });

  test('cannot be faked to make us hammer the issuer: made-up keys cost one fetch in 5 s', async () => {
    let now = Date.now();
    const issuer = await issuerWith(one);
    const verifier = verifierOf(issuer.url, { now: () => now });
    await ready(verifier);
    const storm = async () => {
      const tokens = await Promise.all(Array.from({ length: 20 }, (_, index) => sign({ ...one, kid: `made-up-${index}` })));
      for (const token of tokens) expect(await codeOf(verifier.verify(token))).toBe('UNAUTHENTICATED');
    };
    await storm();
    expect(issuer.fetches).toBe(2);
    now += 4_999;
    await storm();
    expect(issuer.fetches).toBe(2);
    now += 1;
    await storm();
    expect(issuer.fetches).toBe(3);
  });
});

describe('a JWKS endpoint that fails', () => {
  test('after a good answer keeps everybody in with the last good set', async () => {
    const issuer = await issuerWith(one);
    const verifier = verifierOf(issuer.url);
    await ready(verifier);
    await issuer.stop();
    await expect(verifier.verify(await sign(one))).resolves.toMatchObject({ member: 'm1' });
    expect(await codeOf(verifier.verify(await sign({ ...one, kid: 'newer' })))).toBe('UNAVAILABLE');
    await expect(verifier.verify(await sign(one, { sub: 'm2' }))).resolves.toMatchObject({ member: 'm2' });
    expect(verifier.health()).toEqual({ ok: true });
  });

  test('from the beginning is UNAVAILABLE, red with the reason, and no verdict on the token; it heals by itself', async () => {
    const issuer = await issuerWith(one);
    await issuer.stop();
    const { logger, lines } = recordingLogger();
    const verifier = verifierOf(issuer.url, { logger });
    const token = await sign(one);
    expect(await codeOf(verifier.verify(token))).toBe('UNAVAILABLE');
    expect(verifier.health()).toMatchObject({ ok: false, reason: expect.stringContaining('ECONNREFUSED') });
    await issuer.start();
    await ready(verifier);
    await expect(verifier.verify(token)).resolves.toMatchObject({ member: 'm1' });
    expect(lines.map(({ level }) => level)).toEqual(['warn', 'info']);
  });

  test.for<[what: string, answer: Parameters<Awaited<ReturnType<typeof startIssuer>>['respond']>[0], says: string]>([
    ['an error', (_, response) => response.writeHead(500).end('{"keys":[{"kty":"RSA"}]}'), 'answered 500'],
    ['a redirect', (_, response) => response.writeHead(302, { location: '/elsewhere' }).end(), 'answered 302'],
    ['a page', (_, response) => response.end('<html>'), 'not JSON'],
    ['no key', (_, response) => response.end('{"keys":[]}'), 'at least one key'],
    ['keys that are none', (_, response) => response.end('{"keys":[null]}'), 'at least one key'],
    ['something else', (_, response) => response.end('{"error":"sorry"}'), 'at least one key'],
    ['too much', (_, response) => response.end(`{"keys":[],"more":"${'x'.repeat(600_000)}"}`), 'larger than'],
    [
      'half an answer',
      (_, response) => void response.writeHead(200, { 'content-length': 100 }).write('{', () => response.destroy()),
      '',
    ],
  ])('with %s keeps the last good set', async ([, answer, says]) => {
    const issuer = await issuerWith(one);
    const verifier = verifierOf(issuer.url);
    await ready(verifier);
    issuer.respond(answer);
    expect(await codeOf(verifier.verify(await sign({ ...one, kid: 'newer' })))).toBe('UNAVAILABLE');
    await expect(verifier.verify(await sign(one))).resolves.toMatchObject({ member: 'm1' });

    const fresh = verifierOf(issuer.url);
    expect(await codeOf(fresh.verify(await sign(one)))).toBe('UNAVAILABLE');
    expect(fresh.health()).toMatchObject({ ok: false, reason: expect.stringContaining(says) });
  });

  test('by never answering holds up neither known keys nor the end', async () => {
    const issuer = await issuerWith(one);
    const verifier = verifierOf(issuer.url);
    await ready(verifier);
    const asked = Promise.withResolvers<void>();
    issuer.respond(() => asked.resolve());
    const waiting = codeOf(verifier.verify(await sign({ ...one, kid: 'newer' })));
    await asked.promise;
    await expect(verifier.verify(await sign(one))).resolves.toMatchObject({ member: 'm1' });
    await verifier.close();
    expect(await waiting).toBe('UNAVAILABLE');
  });

  test('after the verifier was closed is not asked again', async () => {
    const issuer = await issuerWith(one);
    const verifier = verifierOf(issuer.url);
    await ready(verifier);
    await verifier.close();
    const fetches = issuer.fetches;
    expect(await codeOf(verifier.verify(await sign({ ...one, kid: 'newer' })))).toBe('UNAUTHENTICATED');
    expect(issuer.fetches).toBe(fetches);
  });
});

test('an expired token of a known key is refused without asking the issuer', async () => {
  const issuer = await issuerWith(one);
  const verifier = verifierOf(issuer.url);
  await ready(verifier);
  expect(await codeOf(verifier.verify(await sign(one, { exp: inSeconds(-60) })))).toBe('UNAUTHENTICATED');
  expect(issuer.fetches).toBe(1);
});
