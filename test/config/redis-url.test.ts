import { expect, test } from 'vitest';

import { parseRedisUrl } from '../../src/redis-url.ts';

test.each([
  ['redis://redis', { kind: 'single', url: 'redis://redis', tls: false }],
  [
    'REDISS://user:p%40ss,word@redis.example:6380/3',
    { kind: 'single', url: 'REDISS://user:p%40ss,word@redis.example:6380/3', tls: true },
  ],
  ['redis://[::1]:6379', { kind: 'single', url: 'redis://[::1]:6379', tls: false }],
])('%s is one server, as it always was', (url, address) => {
  expect(parseRedisUrl(url)).toEqual(address);
});

test('Sentinels: their addresses with the usual port, the name, the database, the users of both', () => {
  expect(
    parseRedisUrl('rediss+sentinel://app:p%40,ss@s-1,s-2:26380,[::1]:26381/my.master/2?sentinel_username=s&sentinel_password=%26'),
  ).toEqual({
    kind: 'sentinel',
    tls: true,
    username: 'app',
    password: 'p@,ss',
    sentinels: [
      { host: 's-1', port: 26_379 },
      { host: 's-2', port: 26_380 },
      { host: '::1', port: 26_381 },
    ],
    master: 'my.master',
    db: 2,
    sentinelUsername: 's',
    sentinelPassword: '&',
  });
  expect(parseRedisUrl('redis+sentinel://s:80/master')).toEqual({
    kind: 'sentinel',
    tls: false,
    sentinels: [{ host: 's', port: 80 }],
    master: 'master',
    db: 0,
  });
});

const nodes = [
  { host: 'a', port: 6379 },
  { host: 'b', port: 6380 },
];
test.each([
  ['redis://a,b:6380', { kind: 'cluster', tls: false, nodes }],
  ['redis://a:6379/, redis://b:6380/0', { kind: 'cluster', tls: false, nodes }],
  ['redis://a,b:6380,a:6379', { kind: 'cluster', tls: false, nodes }],
  ['rediss://:p,w@a,b:6380', { kind: 'cluster', tls: true, password: 'p,w', nodes }],
  ['redis://u:p@a,redis://b:6380', { kind: 'cluster', tls: false, username: 'u', password: 'p', nodes }],
  ['redis://u:p@a,redis://u:p@b:6380', { kind: 'cluster', tls: false, username: 'u', password: 'p', nodes }],
  ['redis+cluster://a', { kind: 'cluster', tls: false, nodes: nodes.slice(0, 1) }],
  ['rediss+cluster://a,b:6380', { kind: 'cluster', tls: true, nodes }],
])('%s is a Cluster', (url, address) => {
  expect(parseRedisUrl(url)).toEqual(address);
});

test('no message quotes what may be secret', () => {
  for (const url of [
    'redis://u:secret@',
    'redis+sentinel://u:secret@h/',
    'redis://u:%secret@a,b',
    'secret://u:secret@h',
    'redis://u:secret@a,b/7',
  ]) {
    expect(() => parseRedisUrl(url)).toThrow(/^(?!.*secret)/);
  }
});
