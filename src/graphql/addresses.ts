import type { IncomingMessage } from 'node:http';

/** Absolute addresses of the GraphQL endpoint. */
export interface Addresses {
  readonly http: string;
  readonly websocket: string;
}

// What may stand in a Host header (name, IPv4 or bracketed IPv6, port). It is echoed to the client, so nothing else passes.
const hostPattern = /^(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;

/** As `addressesFor`, the same texts for all who come by one name: nearly everybody does, and every connection holds them. */
export function createAddresses(publicUrl: string | undefined, fallback: () => string): (request: IncomingMessage) => Addresses {
  let latest: { readonly host: unknown; readonly forwarded: unknown; readonly addresses: Addresses } | undefined;
  return (request) => {
    const { host, 'x-forwarded-proto': forwarded } = request.headers;
    if (latest === undefined || latest.host !== host || latest.forwarded !== forwarded)
      latest = { host, forwarded, addresses: addressesFor(request, publicUrl, fallback()) };
    return latest.addresses;
  };
}

/**
 * As the client of this request sees the server: the configured public address, else the Host header with the proxy's word on TLS,
 * else (no usable Host) `fallback`.
 */
export function addressesFor(request: IncomingMessage, publicUrl: string | undefined, fallback: string): Addresses {
  const base = publicUrl ?? fromHeaders(request) ?? fallback;
  const http = `${base.replace(/\/+$/, '').replace(/\/graphql$/, '')}/graphql`;
  return { http, websocket: http.replace(/^http/, 'ws') };
}

function fromHeaders(request: IncomingMessage): string | null {
  const { host } = request.headers;
  if (host === undefined || !hostPattern.test(host)) return null;
  const forwarded = String(request.headers['x-forwarded-proto'] ?? '')
    .split(',', 1)[0]
    ?.trim()
    .toLowerCase();
  return `${forwarded === 'https' || forwarded === 'wss' ? 'https' : 'http'}://${host}`;
}
