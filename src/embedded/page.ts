import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname } from 'node:path';
import { gzipSync } from 'node:zlib';

import { pathOf, sendJson } from '../operations/endpoints.ts';
import type { Logger } from '../operations/logger.ts';
import { findPageFiles, type PageFiles } from './page-files.ts';

export interface Page {
  /** Answers `/` and the files of the page; false for every other path, which is left alone. */
  handle(request: IncomingMessage, response: ServerResponse): boolean;
}

interface Packed {
  readonly body: Buffer;
  readonly gzipped: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The page that shows the client library at work, from memory: all of it is a few files. It is read, or built, at the first visit, which
 * waits for it. Null where it is neither there nor can be built, as in a source tree installed without development dependencies.
 */
export function openPage(logger: Logger): Page | null {
  const read = findPageFiles();
  if (read === null) return null;
  let packed: Promise<ReadonlyMap<string, Packed>> | undefined;
  const visit = async (path: string, request: IncomingMessage, response: ServerResponse) => {
    packed ??= read().then(pack);
    const file = (await packed).get(path);
    if (file === undefined) sendJson(response, 404, { error: 'This page has no such file.' });
    else send(file, request, response);
  };

  return {
    handle(request, response) {
      const path = pathOf(request);
      if (path !== '/' && !path.startsWith('/assets/')) return false;
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        sendJson(response, 405, { error: 'Use GET here.' }, { allow: 'GET, HEAD' });
        return true;
      }
      visit(path, request, response).catch((error: unknown) => {
        packed = undefined; // the next visit may have more luck
        logger.error({ err: error }, 'the page could not be built');
        sendJson(response, 500, { error: 'The page could not be built; the log says why. GraphQL is at /graphql.' });
      });
      return true;
    },
  };
}

function send({ body, gzipped, headers }: Packed, request: IncomingMessage, response: ServerResponse): void {
  if (request.headers['if-none-match'] === headers['etag']) {
    response.writeHead(304, headers).end();
    return;
  }
  const takesGzip = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
  const bytes = takesGzip ? gzipped : body;
  response.writeHead(200, {
    ...headers,
    ...(takesGzip ? { 'content-encoding': 'gzip' } : {}),
    'content-length': bytes.length,
  });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

const mediaTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Nothing from anywhere else, no inline script, no inline style. `data:` is the icon of the tab. */
const contentSecurity = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

function pack(files: PageFiles): ReadonlyMap<string, Packed> {
  return new Map(
    [...files].map(([name, content]) => {
      const body = Buffer.from(content);
      const type = mediaTypes[extname(name)];
      if (type === undefined) throw new Error(`No media type for ${name}.`);
      const headers = {
        'content-type': type,
        // Assets carry a hash of their content in their names; the page itself names them.
        'cache-control': name === 'index.html' ? 'no-cache' : 'public, max-age=31536000, immutable',
        etag: `"${createHash('sha256').update(body).digest('base64url')}"`,
        vary: 'Accept-Encoding',
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'content-security-policy': contentSecurity,
      };
      return [name === 'index.html' ? '/' : `/${name}`, { body, gzipped: gzipSync(body), headers }];
    }),
  );
}
