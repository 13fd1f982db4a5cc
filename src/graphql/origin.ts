import type { IncomingMessage, ServerResponse } from 'node:http';

/** Which pages may talk to this server. */
export interface CrossOrigin {
  /** Origins as browsers send them, e.g. `https://app.example`; `*` stands for any. Pages of this server itself need no entry. */
  readonly origins: readonly string[];
  /** This server's own public address, where its Host header is not it. */
  readonly publicUrl: string | undefined;
}

/**
 * CORS. An origin that is not listed gets no header at all (`null` would be a match for sandboxed frames), and nobody gets
 * Allow-Credentials: the token travels in a header that the page must set itself, never in a cookie.
 */
export function allowOrigin({ origins }: CrossOrigin, { headers, method }: IncomingMessage, response: ServerResponse): void {
  if (origins.length === 0) return;
  const any = origins.includes('*');
  if (!any) response.setHeader('vary', 'Origin');
  const { origin } = headers;
  if (origin === undefined || !(any || origins.includes(origin))) return;
  response.setHeader('access-control-allow-origin', any ? '*' : origin);
  if (method === 'OPTIONS') {
    response.setHeader('access-control-allow-methods', 'GET, POST');
    response.setHeader('access-control-allow-headers', headers['access-control-request-headers'] ?? 'authorization, content-type');
    response.setHeader('access-control-max-age', '7200');
  }
}

/**
 * Whether a WebSocket may be opened: browsers open them across origins without asking, so the server has to look. Clients that are no
 * browsers send no Origin.
 */
export function mayUpgrade({ origins, publicUrl }: CrossOrigin, { headers }: IncomingMessage): boolean {
  const { origin, host } = headers;
  if (origin === undefined || origins.includes('*') || origins.includes(origin)) return true;
  const from = URL.parse(origin);
  if (from === null) return false; // `null` too: a sandboxed frame
  return from.host === host || (publicUrl !== undefined && from.origin === URL.parse(publicUrl)?.origin);
}
