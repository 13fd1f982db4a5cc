import type { EventStream, Platform, StreamOptions, StreamSource, WaitOptions } from './client.ts';
import type { CoverageUpdate, MemberEvent } from './documents.ts';
import { ClientError, CoverageTimeout } from './errors.ts';
import { isTerminal } from './event.ts';
import { AskCoverageUpdateDocument, PushMemberEventsDocument } from './generated.ts';
import { asClientError, type Answer, fieldOf, type Operation } from './operation.ts';
import { safetyPollMs, slower } from './schedule.ts';
import type { TokenSource } from './token.ts';

export interface WaitParts {
  readonly open: <Event>(source: StreamSource<Event>, options: StreamOptions<Event>) => EventStream<Event>;
  readonly ask: (operation: Operation, signal: AbortSignal) => Promise<Answer>;
  readonly platform: Platform;
  readonly tokens: TokenSource;
  /** Aborted when the client is closed. */
  readonly ending: AbortSignal;
}

const defaultTimeoutMs = 60_000;

/** The end of one check, by a stream of that check alone and by asking where it stands, whichever says so first. */
export function waitForCoverage(parts: WaitParts, workflowId: string, options: WaitOptions = {}): Promise<CoverageUpdate> {
  const { platform, tokens, ending } = parts;
  const { timeoutMs = defaultTimeoutMs, signal } = options;
  const { setTimeout, clearTimeout } = platform;

  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason as Error); // whatever the app aborted with
    const abort = new AbortController();
    let stream: EventStream<MemberEvent> | null = null;
    let lastKnown: CoverageUpdate | null = null;
    let pollTimer: unknown;
    let waitMs = safetyPollMs;
    let over = false;

    const finish = (settle: () => void) => {
      if (over) return;
      over = true;
      clearTimeout(pollTimer);
      clearTimeout(deadline);
      signal?.removeEventListener('abort', onAbort);
      ending.removeEventListener('abort', onClose);
      abort.abort();
      settle();
      // After the event that ended the wait is settled, so that it counts as handled.
      void Promise.resolve().then(() => stream?.close());
    };
    const onAbort = () => finish(() => reject(signal?.reason as Error)); // as above
    const onClose = () => finish(() => reject(new ClientError('CLOSED', 'never', 'The client was closed.')));
    const deadline = setTimeout(() => finish(() => reject(new CoverageTimeout(workflowId, timeoutMs, lastKnown))), timeoutMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    ending.addEventListener('abort', onClose, { once: true });
    if (ending.aborted) return onClose();

    const learn = (update: CoverageUpdate) => {
      lastKnown = update;
      if (isTerminal(update.type)) finish(() => resolve(update));
    };
    const fail = (error: ClientError) => {
      if (error.retry === 'never' && error.code !== 'CLOSED') finish(() => reject(error));
    };
    const poll = async () => {
      try {
        const answer = await parts.ask({ query: AskCoverageUpdateDocument.toString(), variables: { workflowId } }, abort.signal);
        const known = answer.data?.['coverageUpdate'];
        if (known === null && answer.errors === undefined) return; // not heard of yet
        learn(fieldOf(answer, 'coverageUpdate') as CoverageUpdate); // what the document asks for
      } catch (error) {
        fail(asClientError(error));
      } finally {
        if (!over) pollTimer = setTimeout(() => void poll(), waitMs);
        waitMs = slower(waitMs);
      }
    };
    const listen = async () => {
      await tokens.get();
      if (over || tokens.member === null) return; // a token that names nobody: asking it is
      stream = parts.open<MemberEvent>(
        {
          subscription: PushMemberEventsDocument.toString(),
          query: null,
          field: 'memberEvents',
          variables: { channel: `/member/${tokens.member}/rte/${workflowId}` },
        },
        {
          onEvent(event) {
            if (event.__typename === 'CoverageUpdate') learn(event);
          },
          onError: fail,
        },
      );
    };
    listen().catch(() => undefined); // no token just now: the queries go on asking for one
    void poll(); // never rejects
  });
}
