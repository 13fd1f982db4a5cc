import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { createGunzip, gzip } from 'node:zlib';

import { graphiqlClient } from './graphiql-client.ts';

export interface GraphiQLOptions {
  /** What a new visitor finds in the editor. */
  readonly defaultQuery?: string;
  /** And in the headers pane, e.g. a token. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Opens GraphiQL and runs what is in its editor. */
const runFragment = '#run';

/**
 * GraphiQL in one page of 9 MB without an external address: rendered and packed at the first visit, then kept packed, and on the next
 * visits not sent at all (ETag).
 */
export function createGraphiQL(options: GraphiQLOptions) {
  let page: Promise<Page> | undefined;

  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    page ??= render(options);
    const { packed, tag } = await page.catch((error: unknown) => {
      page = undefined; // the next visit may have more luck
      throw error;
    });
    const headers = { etag: tag, 'cache-control': 'no-cache', vary: 'Accept, Accept-Encoding' };
    if (request.headers['if-none-match'] === tag) {
      response.writeHead(304, headers).end();
      return;
    }
    const takesGzip = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
    response.writeHead(200, {
      ...headers,
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': contentSecurity,
      'referrer-policy': 'no-referrer',
      ...(takesGzip ? { 'content-encoding': 'gzip', 'content-length': packed.length } : {}),
    });
    if (request.method === 'HEAD') response.end();
    else if (takesGzip) response.end(packed);
    else
      createGunzip()
        .on('error', () => response.destroy())
        .end(packed)
        .pipe(response);
  };
}

interface Page {
  readonly packed: Buffer;
  readonly tag: string;
}

/** Nothing from anywhere else, whatever the page contains. Its editor compiles code and runs workers from blobs. */
const contentSecurity = [
  "default-src 'none'",
  "script-src 'unsafe-inline' 'unsafe-eval' blob:",
  'worker-src blob:',
  "style-src 'unsafe-inline'",
  'font-src data:',
  "img-src 'self' data:",
  "connect-src 'self' ws: wss:",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

async function render({ defaultQuery, headers }: GraphiQLOptions): Promise<Page> {
  // Not at the top: 9 MB of text that a server without GraphiQL never needs.
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql');
  const settings = {
    title: 'Lifeline',
    // A token is for the headers pane, not for the browser's storage, where it would outlive this server and be sent to the next one.
    shouldPersistHeaders: false,
    ...(defaultQuery === undefined ? {} : { defaultQuery }),
    ...(headers === undefined
      ? {}
      : { headers: JSON.stringify(headers, null, 2), initialHeaders: JSON.stringify(headers, null, 2) }),
  };
  const [before, after, ...more] = renderGraphiQL(settings).split(JSON.stringify(settings));
  if (before === undefined || after === undefined || more.length > 0)
    throw new Error('GraphiQL is not rendered as this version expects.');
  const client = `(${graphiqlClient.toString()})(${JSON.stringify(runFragment)})`;
  const html = Buffer.from(`${before}{ ...${forScript(settings)}, ...${client} }${after}`);
  const packed = await promisify(gzip)(html);
  return { packed, tag: `"${createHash('sha256').update(packed).digest('base64url')}"` };
}

/** JSON that cannot end the script element it stands in. */
function forScript(value: object): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}
