import { setTimeout as sleep } from 'node:timers/promises';

import type { Logger } from '../operations/logger.ts';
import { retryForever } from '../operations/retry.ts';

/** A JSON Web Key Set as far as the fetch has to know it. */
export interface KeyDocument {
  readonly keys: readonly Readonly<Record<string, unknown>>[];
}

export interface KeyDocumentOptions {
  readonly url: URL;
  readonly logger: Logger;
  /** From one good fetch to the next, ms; spread by ±10 % so that gateways do not ask all at once. */
  readonly refreshMs?: number;
  /** Between two fetches that tokens asked for, ms: nobody can make us hammer the issuer with made-up key ids. */
  readonly cooldownMs?: number;
  readonly timeoutMs?: number;
  readonly now?: () => number;
}

/** Far above any real key set (a key with a certificate chain is some 6 KiB). */
const largestBytes = 512 * 1024;

/**
 * Keeps the last good answer of a JWKS endpoint for as long as the process lives: an issuer that is down must not log anybody out.
 * Fetches in the background, at once after `start`, then again and again; no token waits for a fetch unless it names an unknown key.
 */
export function createKeyDocument({
  url,
  logger,
  refreshMs = 5 * 60_000,
  cooldownMs = 5_000,
  timeoutMs = 5_000,
  now = Date.now,
}: KeyDocumentOptions) {
  const closing = new AbortController();
  let current: KeyDocument | null = null;
  let failure: string | null = 'not fetched yet';
  let fetching: Promise<void> | null = null;
  let askedAt = Number.NEGATIVE_INFINITY;

  const load = async () => {
    try {
      current = await fetchKeyDocument(url, AbortSignal.any([closing.signal, AbortSignal.timeout(timeoutMs)]));
      failure = null;
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error);
      throw error;
    }
  };
  const loadOnce = () => (fetching ??= load().finally(() => (fetching = null)));

  const keepFresh = async () => {
    while (!closing.signal.aborted) {
      await retryForever('JWKS endpoint', loadOnce, { signal: closing.signal, log: logger });
      await sleep(refreshMs * (0.9 + Math.random() * 0.2), undefined, { signal: closing.signal, ref: false });
    }
  };
  const running = keepFresh().catch((error: unknown) => {
    if (!closing.signal.aborted) logger.error({ err: error }, 'JWKS endpoint: no longer refreshed; tokens use the last key set');
  });

  return {
    /** The last good key set; null before the first. */
    get current(): KeyDocument | null {
      return current;
    },
    /** Why the latest fetch failed; null when it did not. */
    get failure(): string | null {
      return failure;
    },
    /** Fetches now, or joins the fetch under way. Answers false where the cool-down forbids it or the fetch failed. Never rejects. */
    async refresh(): Promise<boolean> {
      if (closing.signal.aborted) return false;
      if (fetching === null && now() - askedAt < cooldownMs) return false;
      if (fetching === null) askedAt = now();
      return loadOnce().then(
        () => true,
        () => false,
      );
    },
    /** Ends the background work; resolves once nothing of it is left. */
    async close(): Promise<void> {
      closing.abort();
      await running;
    },
  };
}

/** @throws Error with a sentence: why the endpoint's answer is no key set */
async function fetchKeyDocument(url: URL, signal: AbortSignal): Promise<KeyDocument> {
  let response: Response;
  try {
    // A redirect could lead to anyone: the operator names the final address.
    response = await fetch(url, { signal, redirect: 'manual', headers: { accept: 'application/jwk-set+json, application/json' } });
  } catch (error) {
    throw new Error(explain(error), { cause: error });
  }
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`the endpoint answered ${response.status} instead of 200`);
  }
  let document: unknown;
  try {
    document = JSON.parse(await readText(response));
  } catch (error) {
    if (error instanceof SyntaxError) throw new Error('the answer is not JSON', { cause: error });
    throw new Error(explain(error), { cause: error });
  }
  // An empty set is a deployment accident, not the news that nobody may come in: the last good one stays.
  if (!isKeyDocument(document)) throw new Error('the answer is not a JSON Web Key Set with at least one key');
  return document;
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > largestBytes) throw new Error(`the answer is larger than ${largestBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function isKeyDocument(value: unknown): value is KeyDocument {
  if (typeof value !== 'object' || value === null || !('keys' in value) || !Array.isArray(value.keys)) return false;
  const keys: readonly unknown[] = value.keys;
  return (
    keys.length > 0 && keys.every((key) => typeof key === 'object' && key !== null && 'kty' in key && typeof key.kty === 'string')
  );
}

/** undici says only `fetch failed`; the reason is in the cause. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return 'the endpoint did not answer in time';
  const cause = error.cause;
  if (cause instanceof Error && 'code' in cause) return `the endpoint cannot be reached (${String(cause.code)})`;
  return error.message;
}
