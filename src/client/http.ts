import type { Platform } from './client.ts';
import { ClientError, errorOf } from './errors.ts';
import { type Answer, isAnswer, type Operation } from './operation.ts';

/** A page of one thousand events over a slow mobile link takes some seconds; more than this is a link that is dead. */
const answerWithinMs = 15_000;

export interface Http {
  /**
   * One query or mutation.
   * @throws ClientError NETWORK when what answered is not Lifeline (a captive portal's page with status 200, a proxy's 502),
   * UNAUTHENTICATED when the whole request was refused for its token; the signal's reason when aborted
   */
  request(operation: Operation, token: string, signal?: AbortSignal): Promise<Answer>;
  /** How long the last answer took, ms; null before the first. A slow network deserves more patience. */
  readonly lastRoundTripMs: number | null;
}

export function createHttp(url: string, { fetch, elapsed, setTimeout, clearTimeout }: Platform): Http {
  let lastRoundTripMs: number | null = null;

  const send = async (operation: Operation, token: string, signal: AbortSignal): Promise<Answer> => {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/graphql-response+json, application/json',
        authorization: `Bearer ${token}`,
      },
      body: JSON.stringify(operation),
      cache: 'no-store',
      credentials: 'omit',
      signal,
    });
    const body: unknown = JSON.parse(await response.text());
    if (!isAnswer(body)) throw new TypeError(`Status ${String(response.status)} without a GraphQL answer`);
    return body;
  };

  return {
    get lastRoundTripMs() {
      return lastRoundTripMs;
    },
    async request(operation, token, signal) {
      // Not AbortSignal.any and .timeout: React Native has neither.
      const abort = new AbortController();
      const onAbort = () => abort.abort(signal?.reason);
      signal?.throwIfAborted();
      signal?.addEventListener('abort', onAbort, { once: true });
      const timer = setTimeout(() => abort.abort(new Error('No answer in time')), answerWithinMs);
      const startedAt = elapsed();
      try {
        const answer = await send(operation, token, abort.signal);
        lastRoundTripMs = Math.max(0, elapsed() - startedAt);
        const { data, errors } = answer;
        if (errors !== undefined && (data === undefined || data === null)) throw errorOf(errors);
        return answer;
      } catch (error) {
        if (error instanceof ClientError) throw error;
        signal?.throwIfAborted();
        throw new ClientError('NETWORK', 'backoff', 'No answer from Lifeline. It is tried again.', { cause: error });
      } finally {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      }
    },
  };
}
