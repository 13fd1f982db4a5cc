import type { Platform } from '../../src/client/index.ts';
import { createGate } from './gate.ts';
import { createBreakableSockets } from './socket.ts';

/** The way to the server as the library sees it, and what can be done to it. */
export interface Network {
  readonly platform: Pick<Platform, 'fetch' | 'WebSocket' | 'setTimeout' | 'clearTimeout'>;
  /** While on: WebSockets and event streams break and cannot be opened; plain requests pass. */
  cut(on: boolean): void;
  /** Each message and each answer takes this much longer; 0: as fast as it is. */
  delay(ms: number): void;
  /** Nothing that arrives is seen and no timer runs until `wake`. */
  sleep(): void;
  wake(): void;
  /** From here on this token is sent in the place of the present one, until null says that the app has been asked for another. */
  substituteToken(token: string | null): void;
}

export function createNetwork(): Network {
  const gate = createGate();
  let isCut = false;
  let substitute: string | null = null;
  const streams = new Set<AbortController>();

  const sockets = createBreakableSockets({
    gate,
    refused: () => isCut,
    outgoing: (text) => (substitute === null ? text : withToken(text, substitute)),
  });
  const breakStreams = () => {
    sockets.sever();
    for (const stream of streams) stream.abort(new TypeError('The event stream was cut.'));
  };

  const breakableFetch: typeof fetch = async (input, init = {}) => {
    const headers = new Headers(init.headers);
    if (substitute !== null && headers.has('authorization')) headers.set('authorization', `Bearer ${substitute}`);
    const streaming = headers.get('accept')?.includes('text/event-stream') === true;
    await gate.passed();
    if (streaming && isCut) throw new TypeError('The event stream is cut.');
    const cut = new AbortController();
    if (streaming) streams.add(cut);
    try {
      const signals = [cut.signal, ...(init.signal ? [init.signal] : [])];
      const response = await fetch(input, { ...init, headers, signal: AbortSignal.any(signals) });
      await gate.passed();
      return streaming ? held(response, cut) : response;
    } catch (error) {
      streams.delete(cut);
      throw error;
    }
  };

  /** The same response, its body through the gate. */
  const held = (response: Response, cut: AbortController): Response => {
    const body = response.body?.pipeThrough(
      new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
        async transform(chunk, controller) {
          await gate.passed();
          controller.enqueue(chunk);
        },
        flush: () => void streams.delete(cut),
      }),
    );
    return new Response(body ?? null, { status: response.status, statusText: response.statusText, headers: response.headers });
  };

  const cancelled = new WeakSet<Timer>();
  return {
    platform: {
      fetch: breakableFetch,
      WebSocket: sockets.WebSocket,
      setTimeout(run, ms) {
        const timer: Timer = { id: 0 };
        timer.id = window.setTimeout(() => gate.whenAwake(() => (cancelled.has(timer) ? undefined : run())), ms);
        return timer;
      },
      clearTimeout(timer) {
        if (!isTimer(timer)) return;
        cancelled.add(timer); // it may be one that is due and waits for the tab to wake up
        window.clearTimeout(timer.id);
      },
    },
    cut(on) {
      isCut = on;
      if (on) breakStreams();
    },
    delay: (ms) => gate.delay(ms),
    sleep: () => gate.sleep(),
    wake: () => gate.wake(),
    substituteToken(token) {
      substitute = token;
      if (token !== null) breakStreams();
    },
  };
}

interface Timer {
  id: number;
}

function isTimer(value: unknown): value is Timer {
  return typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'number';
}

/** The handshake carries the token; other messages pass as they are. */
function withToken(text: string, token: string): string {
  const message = JSON.parse(text) as { type?: unknown }; // the protocol sends nothing else
  if (message.type !== 'connection_init') return text;
  return JSON.stringify({ type: 'connection_init', payload: { token } });
}
