import type { IncomingMessage, ServerResponse } from 'node:http';

import type { DevTokens } from '../auth/token.ts';
import { channelIdPattern } from '../event/event.ts';
import { pathOf } from '../operations/endpoints.ts';
import type { Logger } from '../operations/logger.ts';
import type { Ingest, Submitted } from './ingest.ts';
import type { Stage } from './stage.ts';
import { storyMember } from './story.ts';
import { readWish, scenesFor } from './wish.ts';

/** A batch of a few hundred events; one event alone is held to the record limit by `decode`. */
const maxBodyBytes = 1024 * 1024;
const batchAtMost = 1_000;

const defaultTokenSeconds = 3_600;
const longestTokenSeconds = 30 * 24 * 3_600;

export interface DevEndpoints {
  /** Answers requests below `/dev/`; false for every other path, which is left alone. */
  handle(request: IncomingMessage, response: ServerResponse): boolean;
}

/** What exists only in the embedded mode: a token for anybody, events without Kafka, and scenes of the story for any member. */
export function createDevEndpoints({
  tokens,
  ingest,
  stage,
  logger,
}: {
  tokens: DevTokens;
  ingest: Ingest;
  stage: Stage;
  logger: Logger;
}): DevEndpoints {
  const routes: Record<
    string,
    { method: string; answer: (request: IncomingMessage, parameters: URLSearchParams) => Promise<Answer> }
  > = {
    '/dev/token': { method: 'GET', answer: (request, parameters) => issueToken(tokens, request, parameters) },
    '/dev/events': { method: 'POST', answer: (request) => takeEvents(ingest, request) },
    '/dev/scenes': { method: 'POST', answer: (request) => playScenes(stage, request) },
  };
  return {
    handle(request, response) {
      const path = pathOf(request);
      const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
      if (route === undefined) return false;
      const answer =
        request.method === route.method
          ? route.answer(request, new URLSearchParams(request.url?.slice(path.length)))
          : Promise.resolve(problem(405, `Use ${route.method} here.`, { allow: route.method }));
      answer
        .catch((error: unknown) => {
          logger.error({ err: error }, 'a development endpoint failed');
          return problem(500, 'Something went wrong on our side; the log says what.');
        })
        .then(({ status, headers, body }) => response.writeHead(status, { 'cache-control': 'no-store', ...headers }).end(body))
        .catch((error: unknown) => logger.debug({ err: error }, 'nobody took the answer'));
      return true;
    },
  };
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

const json = (status: number, body: object, headers: Record<string, string> = {}): Answer => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
  body: `${JSON.stringify(body)}\n`,
});
const problem = (status: number, error: string, headers?: Record<string, string>) => json(status, { error }, headers);

async function issueToken(tokens: DevTokens, request: IncomingMessage, parameters: URLSearchParams): Promise<Answer> {
  const member = parameters.get('member') ?? storyMember;
  const accounts = parameters.get('accounts');
  const ttlSeconds = Number(parameters.get('ttl') ?? defaultTokenSeconds);
  if (!channelIdPattern.test(member)) return problem(400, `member must match ${channelIdPattern.source}`);
  if (!Number.isInteger(ttlSeconds) || ttlSeconds < 1 || ttlSeconds > longestTokenSeconds) {
    return problem(400, `ttl must be whole seconds, 1 to ${longestTokenSeconds}`);
  }
  const list = accounts === null ? null : accounts.split(',').filter((account) => account !== '');
  const token = await tokens.issue({ member, accounts: list, ttlSeconds });
  if (request.headers.accept?.includes('application/json') === true) return json(200, { token });
  return { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: token };
}

/** CloudEvents HTTP protocol binding 1.0: structured, batched (§3.3) and binary (§3.1). */
async function takeEvents(ingest: Ingest, request: IncomingMessage): Promise<Answer> {
  const media = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const known = ['application/cloudevents+json', 'application/cloudevents-batch+json', 'application/json'];
  if (!known.includes(media)) return problem(415, `Send ${known[0]}, ${known[1]}, or ${known[2]} with ce-* headers.`);
  const body = await readBody(request);
  if (body === null) return problem(413, `The body is larger than ${maxBodyBytes} bytes.`);

  const records = media === known[1] ? splitBatch(body) : [media === known[0] ? structured(body) : binary(body, request)];
  if (typeof records === 'string') return json(400, { reason: 'invalid-json', detail: records });
  if (records.includes(null))
    return json(400, { reason: 'invalid-envelope', detail: 'headers: ce-* values must be percent-encoded UTF-8' });
  const answers = await ingest.submit(records.filter((record) => record !== null));
  const bad = answers.findIndex(({ ok }) => !ok);
  const refused = answers[bad];
  if (refused?.ok !== false) return json(202, { accepted: answers.length });
  const { reason, detail } = refused;
  return json(400, answers.length > 1 ? { reason, detail, index: bad } : { reason, detail });
}

const structuredHeaders = { 'content-type': 'application/cloudevents+json' };
const structured = (value: Buffer): Submitted => ({ value, headers: structuredHeaders });

/**
 * Plays a check or a visit for the member, as a service would: the events come whatever becomes of who asked.
 * JSON only, so that no page of another origin can ask without a preflight.
 */
async function playScenes(stage: Stage, request: IncomingMessage): Promise<Answer> {
  if ((request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() !== 'application/json')
    return problem(415, 'Send application/json.');
  const wish = readWish(await readBody(request));
  if (typeof wish === 'string') return problem(400, wish);
  const { scenes, answer } = scenesFor(wish);
  if (!stage.play(wish.member, scenes)) return problem(429, 'Too many scenes are being played; wait until some are over.');
  return json(202, answer);
}

function splitBatch(body: Buffer): Submitted[] | string {
  let events: unknown;
  try {
    events = JSON.parse(body.toString('utf8'));
  } catch {
    return 'body: must be JSON';
  }
  if (!Array.isArray(events)) return 'body: must be a JSON array of events';
  if (events.length > batchAtMost) return `body: must not hold more than ${batchAtMost} events`;
  return events.map((event: unknown) => structured(Buffer.from(JSON.stringify(event))));
}

/** The Kafka binding's header names for the HTTP binding's; values are percent-encoded over HTTP (§3.1.3.2). Null when one is not. */
function binary(value: Buffer, request: IncomingMessage): Submitted | null {
  const headers: Record<string, string> = { 'content-type': request.headers['content-type'] ?? '' };
  for (const [name, raw] of Object.entries(request.headers)) {
    if (!name.startsWith('ce-') || typeof raw !== 'string') continue;
    try {
      headers[`ce_${name.slice('ce-'.length)}`] = decodeURIComponent(raw);
    } catch {
      return null;
    }
  }
  // Without a mark of its own it is binary all the same, and lacks what a CloudEvent must have; never taken for structured.
  if (!Object.hasOwn(headers, 'ce_specversion')) headers['ce_specversion'] = '';
  return { value, headers };
}

async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    // Node's types say `any`; a request without setEncoding gives buffers.
    const bytes = chunk as Buffer;
    size += bytes.length;
    if (size <= maxBodyBytes) chunks.push(bytes);
  }
  return size <= maxBodyBytes ? Buffer.concat(chunks) : null;
}
