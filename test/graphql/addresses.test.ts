import type { IncomingMessage } from 'node:http';

import { expect, test } from 'vitest';

import { createAddresses } from '../../src/graphql/addresses.ts';

/** All that is looked at of a request. */
const request = (headers: Record<string, string>) => ({ headers }) as unknown as IncomingMessage;

test('each client is told the address that it came by, whoever came before', () => {
  const addressesOf = createAddresses(undefined, () => 'http://fallback:1');
  const seen = (headers: Record<string, string>) => addressesOf(request(headers)).http;
  for (let round = 0; round < 2; round++) {
    expect(seen({ host: 'a.example' })).toBe('http://a.example/graphql');
    expect(seen({ host: 'a.example', 'x-forwarded-proto': 'https' })).toBe('https://a.example/graphql');
    expect(seen({ host: 'b.example', 'x-forwarded-proto': 'https' })).toBe('https://b.example/graphql');
    expect(seen({})).toBe('http://fallback:1/graphql');
    expect(seen({ host: 'not a host' })).toBe('http://fallback:1/graphql');
  }
});

test('those who come by the same name share the texts', () => {
  const addressesOf = createAddresses(undefined, () => '');
  expect(addressesOf(request({ host: 'a.example' }))).toBe(addressesOf(request({ host: 'a.example' })));
});
