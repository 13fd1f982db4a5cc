/** One server with its own load client, every socket connected and subscribed. */
import { setTimeout as sleep } from 'node:timers/promises';

import type { Connected, ConnectOptions, LoadProcess } from '../runner/load-process.ts';
import type { ServerOptions, ServerProcess } from '../runner/server-process.ts';
import { entryOf, type StepOptions } from '../servers/catalogue.ts';
import { tokenFor } from '../servers/tokens.ts';
import type { Context } from './workload.ts';

export interface StandOptions extends ServerOptions, Omit<StepOptions, 'token'> {
  /** Whom each socket subscribes to: as many sockets as names. */
  readonly members: readonly string[];
}

export interface Stand {
  readonly server: ServerProcess;
  readonly load: LoadProcess;
  readonly sockets: number;
  /** Different ones among the sockets' members. */
  readonly members: number;
  /** Events a second that the last round saw. */
  rate?: number | undefined;
  /** Ends client and server: with many servers, before the workload does. */
  stop(): Promise<void>;
}

const subscribeMs = 60_000;

export async function stand(context: Context, name: string, { members, acks, cursor, ...options }: StandOptions): Promise<Stand> {
  const server = await context.startServer(name, options);
  const load = await context.startLoad();
  await load.target(server);
  for (const [frame, reply] of entryOf(name).pings) await load.ping(frame, reply);
  await connect(load, name, members, { ...(acks === undefined ? {} : { acks }), ...(cursor === undefined ? {} : { cursor }) });
  await subscribed(context, server, members.length);
  return {
    server,
    load,
    sockets: members.length,
    members: new Set(members).size,
    async stop() {
      await load.close();
      await server.stop();
    },
  };
}

/** One more socket for each name; a token of its own each where the server wants them. */
export async function connect(
  load: LoadProcess,
  name: string,
  members: readonly string[],
  steps: Omit<StepOptions, 'token'> = {},
  options: Partial<ConnectOptions> = {},
): Promise<Connected> {
  return load.connect(await stepsOf(name, members, steps), options);
}

/** What each of the members' sockets does to subscribe. */
export async function stepsOf(
  name: string,
  members: readonly string[],
  steps: Omit<StepOptions, 'token'> = {},
): Promise<string[][]> {
  const entry = entryOf(name);
  if (!name.startsWith('lifeline')) return members.map((member) => entry.steps(member, steps));
  const tokens = new Map<string, string>();
  for (const member of new Set(members)) tokens.set(member, await tokenFor(member));
  return members.map((member) => entry.steps(member, { ...steps, token: tokens.get(member) ?? '' }));
}

/** Waits until the server itself counts that many: the answer to a subscription is not the subscription. */
export async function subscribed(context: Context, server: ServerProcess, count: number): Promise<void> {
  const deadline = performance.now() + subscribeMs;
  for (;;) {
    const { subscriptions } = await server.stats();
    if (subscriptions >= count) return;
    if (performance.now() > deadline) throw new Error(`${server.name}: ${subscriptions} of ${count} subscriptions after a minute`);
    await sleep(20, undefined, { signal: context.signal });
  }
}
