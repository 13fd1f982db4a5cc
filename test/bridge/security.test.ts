import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';

import type { SaslOptions } from '../../src/bridge/kafkajs.ts';
import { createMemoryLog } from '../../src/log/memory.ts';
import { eventually } from '../support/eventually.ts';
import { exampleEvent, structuredRecord } from '../support/events.ts';
import { startKafka, type TestKafka } from '../support/kafka.ts';
import { idsOf, startTestBridge, unique, type TestBridgeOptions } from './harness.ts';

const user = { username: 'lifeline', password: 'a-secret-of-the-bridge' };
let kafka: TestKafka;
let folder: string;
let ca: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lifeline-kafka-tls-'));
  const [cert, key, store] = ['cert.pem', 'key.pem', 'store.pem'].map((name) => join(folder, name)) as [string, string, string]; // three in, three out
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const files = ['-keyout', key, '-out', cert];
  await promisify(execFile)('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject, ...files]);
  ca = await readFile(cert, 'utf8');
  await writeFile(store, (await readFile(key, 'utf8')) + ca);

  const plain = 'org.apache.kafka.common.security.plain.PlainLoginModule required';
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
  const keyStore = { 'ssl.keystore.type': 'PEM', 'ssl.keystore.location': store };
  const properties: Record<string, string> = {};
  const forListener = (name: string, own: Readonly<Record<string, string>>) => {
    for (const [property, value] of Object.entries(own)) properties[`listener.name.${name.toLowerCase()}.${property}`] = value;
  };
  forListener('TLS', keyStore);
  forListener('USERS', {
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    'plain.sasl.jaas.config': `${plain} user_${user.username}="${user.password}";`,
    'scram-sha-256.sasl.jaas.config': scram,
    'scram-sha-512.sasl.jaas.config': scram,
  });
  forListener('TLSUSERS', { ...keyStore, 'sasl.enabled.mechanisms': 'SCRAM-SHA-512', 'scram-sha-512.sasl.jaas.config': scram });
  kafka = await startKafka({
    listeners: { TLS: 'SSL', USERS: 'SASL_PLAINTEXT', TLSUSERS: 'SASL_SSL' },
    properties,
    scramUsers: ['SCRAM-SHA-256', 'SCRAM-SHA-512'].map((name) => `${name}=[name=${user.username},password=${user.password}]`),
  });
}, 120_000);
afterAll(async () => {
  await kafka?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function start(listener: string, security: NonNullable<TestBridgeOptions['security']>) {
  const [topic, deadLetterTopic] = [unique('topic'), unique('dlq')];
  await kafka.createTopic(topic);
  await kafka.createTopic(deadLetterTopic);
  const log = createMemoryLog();
  const bridge = startTestBridge({ brokers: [kafka.addressOf(listener)], log, topics: [topic], deadLetterTopic, security });
  return { topic, deadLetterTopic, log, bridge };
}

const mechanism = (name: SaslOptions['mechanism']) => ({ ...user, mechanism: name });

it.each([
  ['TLS', 'TLS', null],
  ['SASL PLAIN', 'USERS', mechanism('plain')],
  ['SASL SCRAM-SHA-256', 'USERS', mechanism('scram-sha-256')],
  ['SASL SCRAM-SHA-512', 'USERS', mechanism('scram-sha-512')],
  ['SASL SCRAM-SHA-512 over TLS', 'TLSUSERS', mechanism('scram-sha-512')],
] as const)('by %s events come in and dead letters go out', async (_, listener, sasl) => {
  const { topic, deadLetterTopic, log, bridge } = await start(listener, { ssl: listener.startsWith('TLS') ? { ca } : null, sasl });
  await kafka.produce(topic, [{ value: 'poison' }, structuredRecord(exampleEvent('call.join', { id: 'a' }))]);
  await eventually(async () => expect(await idsOf(log, 'm-1')).toEqual(['a']) ?? true);
  expect((await kafka.readAll(deadLetterTopic)).map(({ value }) => String(value))).toEqual(['poison']);
  await eventually(() => Object.values(bridge.bridge.health()).every(({ ok }) => ok));
  await bridge.stop();
});

it.each([
  ['an authority that nobody told us of', 'TLS', { ssl: { ca: null }, sasl: null }, /certificate/i],
  ['a wrong password', 'USERS', { ssl: null, sasl: { ...mechanism('scram-sha-256'), password: 'wrong' } }, /authentication/i],
] as const)(
  '%s turns the health red with the reason, and is retried without a word of the secret',
  async (_, listener, security, reason) => {
    const { bridge } = await start(listener, security);
    await eventually(() => expect(JSON.stringify(bridge.bridge.health().kafka)).toMatch(reason) ?? true);
    expect(JSON.stringify(bridge.lines)).not.toContain(user.password);
    await bridge.stop();
  },
);
