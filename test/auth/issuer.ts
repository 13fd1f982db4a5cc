import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

import { SignJWT, type JWTPayload } from 'jose';

import type { Logger } from '../../src/operations/logger.ts';

export interface SigningKey {
  readonly kid: string | null;
  readonly alg: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly publicPem: string;
}

const generate: Readonly<Record<string, () => { privateKey: KeyObject; publicKey: KeyObject }>> = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  PS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  ES512: () => generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
};

export function signingKey(alg = 'ES256', kid: string | null = `kid-${Math.random().toString(36).slice(2)}`): SigningKey {
  const pair = generate[alg]?.();
  if (pair === undefined) throw new Error(`no generator for ${alg}`);
  return { kid, alg, ...pair, publicPem: pair.publicKey.export({ type: 'spki', format: 'pem' }).toString() };
}

export const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds;

/** A token with good claims unless told otherwise; `undefined` removes a claim. */
export function sign(
  key: SigningKey | { readonly secret: string; readonly alg?: string },
  claims: JWTPayload = {},
): Promise<string> {
  const token = new SignJWT({ sub: 'm1', exp: inSeconds(600), ...claims });
  if ('secret' in key) return token.setProtectedHeader({ alg: key.alg ?? 'HS256' }).sign(new TextEncoder().encode(key.secret));
  return token.setProtectedHeader({ alg: key.alg, ...(key.kid === null ? {} : { kid: key.kid }) }).sign(key.privateKey);
}

/** A JWKS endpoint on a free port whose answer the test decides, also while it runs. */
export async function startIssuer(...keys: SigningKey[]) {
  let answer: RequestListener = (_, response) => response.end('{}');
  let fetches = 0;
  const server = createServer((request, response) => {
    fetches += 1;
    answer(request, response);
  });
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port; // a TCP server's address is never a string
  };
  const port = await listen(0);
  const serve = (...next: SigningKey[]) => {
    const set = next.map(({ kid, alg, publicKey }) => ({
      ...publicKey.export({ format: 'jwk' }),
      alg,
      use: 'sig',
      ...(kid === null ? {} : { kid }),
    }));
    answer = (_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: set }));
  };
  const stop = async () => {
    if (!server.listening) return;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
  serve(...keys);

  return {
    url: `http://127.0.0.1:${port}/jwks`,
    get fetches() {
      return fetches;
    },
    serve,
    respond: (listener: RequestListener) => void (answer = listener),
    stop,
    start: () => listen(port),
    [Symbol.asyncDispose]: stop,
  };
}

export interface LogLine {
  readonly level: string;
  readonly fields: object;
  readonly message: string;
}

/** A logger whose lines the test reads. */
export function recordingLogger(): { readonly logger: Logger; readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at = (level: string) => (fields: object, message: string) => void lines.push({ level, fields, message });
  const logger: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: () => logger };
  return { logger, lines };
}
