import { afterEach, expect, test } from 'vitest';

import { createKeyDocument } from '../../src/auth/key-document.ts';
import { eventually } from '../support/eventually.ts';
import { recordingLogger, signingKey, startIssuer } from './issuer.ts';

const opened: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((close) => close()));
});

test('the key set is fetched again in the background, without any token asking for it', async () => {
  const issuer = await startIssuer(signingKey('ES256', 'one'));
  const { logger, lines } = recordingLogger();
  const document = createKeyDocument({ url: new URL(issuer.url), logger, refreshMs: 20 });
  opened.push(() => document.close(), issuer.stop);
  await eventually(() => document.current?.keys[0]?.['kid'] === 'one');
  issuer.serve(signingKey('ES256', 'two'));
  await eventually(() => document.current?.keys[0]?.['kid'] === 'two');
  expect(lines).toEqual([]);
});

test('a failing refresh is logged once when it starts and once when it is over, however often it is tried', async () => {
  const issuer = await startIssuer(signingKey('ES256', 'one'));
  const { logger, lines } = recordingLogger();
  const document = createKeyDocument({ url: new URL(issuer.url), logger, refreshMs: 20 });
  opened.push(() => document.close(), issuer.stop);
  await eventually(() => document.current);
  issuer.respond((_, response) => response.writeHead(503).end());
  const before = issuer.fetches;
  await eventually(() => issuer.fetches >= before + 3);
  expect(document.failure).toContain('503');
  expect(document.current?.keys).toHaveLength(1);
  expect(lines.map(({ level }) => level)).toEqual(['warn']);
  issuer.serve(signingKey('ES256', 'two'));
  await eventually(() => lines.length === 2);
  expect(lines.map(({ level }) => level)).toEqual(['warn', 'info']);
  expect(document.failure).toBeNull();
});

test('an endpoint that does not answer in time has failed', async () => {
  const issuer = await startIssuer();
  issuer.respond(() => {});
  const document = createKeyDocument({ url: new URL(issuer.url), logger: recordingLogger().logger, timeoutMs: 50 });
  opened.push(() => document.close(), issuer.stop);
  expect(await document.refresh()).toBe(false);
  expect(document.failure).toContain('in time');
});

test('an answer that trickles in for ever has failed too', async () => {
  const issuer = await startIssuer();
  issuer.respond((_, response) => {
    const trickle = setInterval(() => response.write(' '), 5);
    response.on('close', () => clearInterval(trickle));
  });
  const document = createKeyDocument({ url: new URL(issuer.url), logger: recordingLogger().logger, timeoutMs: 100 });
  opened.push(() => document.close(), issuer.stop);
  expect(await document.refresh()).toBe(false);
  expect(document.failure).toContain('in time');
});
