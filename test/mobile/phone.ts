import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startProxy, type Proxy } from '../faults/harness/proxy.ts';
import type { Lifeline } from '../support/lifeline.ts';
import { startKotlin, type KotlinProgram } from './kotlin-program.ts';
import { startTokenServer, type TokenServer } from './token-server.ts';

/** HTTP and WebSocket each by a proxy of its own, tokens from a server of its own, and a folder that outlives the app. */
export interface Phone {
  readonly http: Proxy;
  readonly socket: Proxy;
  readonly tokens: TokenServer;
  /** Starts the app with `--name value` for each stream. */
  readonly start: (streams: Readonly<Record<string, string>>) => KotlinProgram;
}

export interface PhoneOptions {
  readonly lifeline: Lifeline;
  readonly classPath: string;
  /** What the n-th ask for a token brings, from 0. */
  readonly issue: (before: number) => Promise<string> | string;
  /** Called with what ends each thing that was started. */
  readonly cleanUp: (clean: () => Promise<void>) => void;
}

export const portOf = ({ url }: Lifeline) => Number(new URL(url).port);

export async function startPhone({ lifeline, classPath, issue, cleanUp }: PhoneOptions): Promise<Phone> {
  const state = await mkdtemp(join(tmpdir(), 'lifeline-kotlin-'));
  cleanUp(() => rm(state, { recursive: true, force: true }));
  const started = async <T extends Proxy | TokenServer>(starting: Promise<T>): Promise<T> => {
    const server = await starting;
    cleanUp(() => server.stop());
    return server;
  };
  const http = await started(startProxy(portOf(lifeline)));
  const socket = await started(startProxy(portOf(lifeline)));
  const tokens = await started(startTokenServer(issue));
  return {
    http,
    socket,
    tokens,
    start(streams) {
      const app = startKotlin(classPath, {
        url: `http://127.0.0.1:${http.port}/graphql`,
        'socket-url': `ws://127.0.0.1:${socket.port}/graphql`,
        'token-url': tokens.url,
        'heartbeat-ms': '700',
        state,
        ...streams,
      });
      cleanUp(() => app.kill());
      return app;
    },
  };
}
