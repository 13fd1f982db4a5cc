import type { Platform } from './client.ts';
import { errorOf } from './errors.ts';
import { isAnswer } from './operation.ts';
import type { PushConnection, PushEnd, PushListener, PushTransport, SubscriptionSink } from './push.ts';

/** The server says something every 12 s at least; a proxy that holds it back for this long buffers, or the link is dead. */
const silentForMs = 30_000;

/** GraphQL over Server-Sent Events in the distinct connections mode, by fetch: an EventSource can send no token. */
export function createSseTransport(
  url: string,
  { fetch, setTimeout, clearTimeout }: Platform,
  /** How long to wait until the first bytes of the first stream, ms. */
  connectWithinMs: () => number,
): PushTransport {
  const open = (token: string, listener: PushListener): PushConnection => {
    let ended = false;
    let opened = false;
    const streams = new Set<AbortController>();

    const close = () => {
      ended = true;
      for (const stream of streams) stream.abort();
    };
    const end = (how: Partial<PushEnd> & { readonly reason: string }) => {
      if (ended) return;
      close();
      listener.onEnd({ unauthenticated: false, overloaded: false, ...how });
    };
    /** Each stream is a connection of its own, and each has to show that it lives. */
    const watchdog = (abort: AbortController) => {
      let timer: unknown;
      const expect = (withinMs: number, reason: string) => {
        clearTimeout(timer);
        timer = setTimeout(() => end({ reason }), withinMs);
      };
      abort.signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
      expect(connectWithinMs(), 'No event stream began in time.');
      return () => {
        if (ended) return;
        expect(silentForMs, 'The event stream is silent.');
        if (!opened) {
          opened = true;
          listener.onOpen();
        }
        listener.onSignOfLife();
      };
    };

    const read = async (operation: object, sink: SubscriptionSink, abort: AbortController) => {
      const alive = watchdog(abort);
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'text/event-stream', authorization: `Bearer ${token}` },
        body: JSON.stringify(operation),
        cache: 'no-store',
        credentials: 'omit',
        signal: abort.signal,
      });
      if (!(response.headers.get('content-type') ?? '').startsWith('text/event-stream') || response.body === null) {
        const refusal: unknown = JSON.parse(await response.text());
        if (!isAnswer(refusal)) throw new TypeError('What answered is not Lifeline.');
        const error = errorOf(refusal.errors);
        return end({
          reason: error.message,
          unauthenticated: error.code === 'UNAUTHENTICATED',
          overloaded: error.code === 'RATE_LIMITED' || error.code === 'UNAVAILABLE',
        });
      }
      const frames = createFrames();
      const decoder = new TextDecoder();
      const reader = response.body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done || abort.signal.aborted) break;
        alive();
        for (const frame of frames(decoder.decode(value, { stream: true }))) {
          if (frame.event === 'complete') {
            release(abort);
            return sink.complete();
          }
          if (frame.event !== 'next') continue;
          const answer: unknown = JSON.parse(frame.data);
          if (isAnswer(answer)) sink.next(answer);
          if (abort.signal.aborted) return;
        }
      }
      throw new TypeError('The event stream broke off.');
    };

    const release = (abort: AbortController) => {
      streams.delete(abort);
      abort.abort();
    };
    return {
      refreshable: false,
      request: null,
      subscribe(operation, sink) {
        const abort = new AbortController();
        if (ended) return () => undefined;
        streams.add(abort);
        read(operation, sink, abort).catch((error: unknown) => {
          if (!abort.signal.aborted) end({ reason: error instanceof Error ? error.message : 'The event stream failed.' });
        });
        return () => release(abort);
      },
      check: () => undefined, // nothing can be asked on an event stream; the next heartbeat tells
      close,
    };
  };
  return { open };
}

interface Frame {
  readonly event: string;
  readonly data: string;
}

/** Takes text as it comes, in any pieces, and answers the frames that are whole (HTML Standard, 9.2.6). */
export function createFrames(): (text: string) => Frame[] {
  let rest = '';
  return (text) => {
    rest += text;
    const frames: Frame[] = [];
    for (;;) {
      const end = /\r\n\r\n|\n\n|\r\r/.exec(rest);
      if (end === null) return frames;
      const lines = rest.slice(0, end.index).split(/\r\n|\n|\r/);
      rest = rest.slice(end.index + end[0].length);
      let event = 'message';
      const data: string[] = [];
      for (const line of lines) {
        const colon = line.indexOf(':');
        const [field, value] = colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')];
        if (field === 'event') event = value;
        else if (field === 'data') data.push(value);
      }
      if (data.length > 0 || event !== 'message') frames.push({ event, data: data.join('\n') });
    }
  };
}
