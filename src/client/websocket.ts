import { createClient } from 'graphql-ws/client';

import type { Platform } from './client.ts';
import { ClientError } from './errors.ts';
import type { Answer } from './operation.ts';
import type { PushConnection, PushEnd, PushListener, PushTransport } from './push.ts';

/** A socket can be dead without the device knowing: seen after these two together at the latest, which is within 35 s. */
const pingEveryMs = 10_000;
const pongWithinMs = 10_000;

const codes: Readonly<Record<number, Partial<PushEnd>>> = {
  4403: { unauthenticated: true },
  1012: { overloaded: false },
  1013: { overloaded: true },
};

/**
 * `graphql-transport-ws` by the stock client, which does the protocol and nothing else: it neither retries (it would give up on codes that
 * pass, and re-send the first cursor) nor keeps alive (it pings, but waits for no answer).
 */
export function createWebSocketTransport(
  url: string,
  { WebSocket, elapsed, setTimeout, clearTimeout }: Platform,
  /** How long to wait until the server accepts the token, ms. */
  connectWithinMs: () => number,
): PushTransport {
  const open = (token: string, listener: PushListener): PushConnection => {
    let ended = false;
    let socket: WebSocket | undefined;
    let timer: unknown;
    let checking = false;
    const waiting = new Set<(error: ClientError) => void>();

    const end = (how: Partial<PushEnd> & { readonly reason: string }) => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      client.terminate();
      const error = new ClientError('NETWORK', 'backoff', how.reason);
      for (const reject of waiting) reject(error);
      listener.onEnd({ unauthenticated: false, overloaded: false, ...how });
    };
    const watch = (withinMs: number, whenSilent: () => void) => {
      clearTimeout(timer);
      const due = elapsed() + withinMs;
      timer = setTimeout(() => {
        // The device slept: the answer may wait in the socket, behind this timer.
        if (checking && elapsed() - due > 2_000) check(3_000);
        else whenSilent();
      }, withinMs);
    };
    const check = (withinMs: number) => {
      if (ended || socket?.readyState !== 1) return;
      checking = true;
      socket.send('{"type":"ping"}');
      watch(withinMs, () => end({ reason: 'The connection is silent.' }));
    };
    const alive = () => {
      if (ended) return;
      checking = false;
      watch(pingEveryMs, () => check(pongWithinMs));
      listener.onSignOfLife();
    };

    // A page that may not connect (mixed content, its policy) throws in the constructor, which the stock client would not survive.
    const guarded = new Proxy(WebSocket, {
      construct(real, args: [string, string]) {
        try {
          return new real(...args);
        } catch (error) {
          void Promise.resolve().then(() => end({ reason: String(error) }));
          return { readyState: 3, send: () => undefined, close: () => undefined };
        }
      },
    });
    const client = createClient({
      url,
      webSocketImpl: guarded,
      lazy: false,
      retryAttempts: 0,
      onNonLazyError: () => undefined, // `closed` and `error` tell
      connectionParams: { token },
      on: {
        opened: (opened) => (socket = opened as WebSocket), // the implementation given above
        connected: () => {
          if (ended) return;
          listener.onOpen();
          alive();
        },
        message: alive,
        closed: (event) => {
          const { code = 1006, reason = '' } = event as { code?: number; reason?: string }; // a CloseEvent, by the protocol
          end({ ...codes[code], reason: `The connection closed (${String(code)}${reason === '' ? '' : `, ${reason}`}).` });
        },
        error: () => undefined, // `closed` follows, and a browser tells nothing here
      },
    });
    watch(connectWithinMs(), () => end({ reason: 'The server did not answer in time.' }));

    return {
      refreshable: true,
      subscribe(operation, sink) {
        let over = ended;
        if (over) return () => undefined; // the stock client would open another connection for it
        const stop = client.subscribe(
          { query: operation.query, variables: { ...operation.variables } },
          {
            next: (answer) => {
              if (!over && !ended) sink.next(answer as Answer); // the protocol's ExecutionResult
            },
            error: (errors) => {
              if (over || ended || !Array.isArray(errors)) return; // otherwise the connection ended, and `onEnd` tells
              over = true;
              sink.next({ errors });
              sink.complete();
            },
            complete: () => {
              if (over || ended) return;
              over = true;
              sink.complete();
            },
          },
        );
        return () => {
          over = true;
          stop();
        };
      },
      request(operation) {
        return new Promise<Answer>((resolve, reject) => {
          if (ended) return reject(new ClientError('NETWORK', 'backoff', 'The connection is gone.'));
          waiting.add(reject);
          const settle = (finish: () => void) => {
            waiting.delete(reject);
            finish();
          };
          client.subscribe(
            { query: operation.query, variables: { ...operation.variables } },
            {
              next: (answer) => settle(() => resolve(answer as Answer)), // the protocol's ExecutionResult
              error: (errors) =>
                settle(() =>
                  Array.isArray(errors)
                    ? resolve({ errors })
                    : reject(new ClientError('NETWORK', 'backoff', 'The connection ended before the answer.')),
                ),
              complete: () => settle(() => reject(new ClientError('NETWORK', 'backoff', 'There was no answer.'))),
            },
          );
        });
      },
      check,
      close() {
        if (ended) return;
        ended = true;
        clearTimeout(timer);
        for (const reject of waiting) reject(new ClientError('NETWORK', 'backoff', 'The connection was closed.'));
        client.terminate();
      },
    };
  };
  return { open };
}
