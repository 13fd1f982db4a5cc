import { createAcks } from './acks.ts';
import type { ClientOptions, EventStream, LifelineClient, StreamOptions, StreamSource, Trace } from './client.ts';
import { createConnection } from './connection.ts';
import { createHandled, type Handled } from './dedupe.ts';
import { platformOf } from './environment.ts';
import { ClientError } from './errors.ts';
import { type EventFacts, factsOf } from './event.ts';
import { AskSessionDocument, AskVideoVisitDocument, RefreshSessionDocument, type AskSessionQuery } from './generated.ts';
import type { VideoVisit } from './documents.ts';
import { fields } from './fields.ts';
import { createHealth } from './health.ts';
import { createHttp } from './http.ts';
import { createMemory } from './memory.ts';
import { asClientError, type Answer, fieldOf, type Operation } from './operation.ts';
import type { PushConnection } from './push.ts';
import { createSseTransport } from './sse.ts';
import { createStatus } from './status.ts';
import { defaultStorage } from './storage.ts';
import type { Mode } from './stream.ts';
import { createStreams } from './streams.ts';
import type { State } from './transitions.ts';
import { createTokenSource } from './token.ts';
import { createWebSocketTransport } from './websocket.ts';
import { waitForCoverage } from './wait-for-coverage.ts';
import { watchDevice } from './device.ts';

/** How streams get their events in each state. */
const modes: Readonly<Record<State, Mode>> = {
  idle: 'rest',
  connecting: 'waiting',
  push: 'push',
  degraded: 'waiting',
  poll: 'poll',
  offline: 'rest',
  background: 'rest',
  closed: 'rest',
};

const askSession: Operation = { query: AskSessionDocument.toString(), variables: {} };

/** Without streams the connection is kept for a moment: views come and go. */
const lingerMs = 3_000;
/** What the server advises is worth so much delay before the first try, ms. */
const adviceWithinMs = 2_000;
/** A connect on a quick network is not waited for longer; a slow one gets the more. */
const connectMs = { least: 4_000, most: 12_000, roundTrips: 6 };

/** The client of one signed-in member; nothing happens before the first stream is listened to. */
export function createClient(options: ClientOptions): LifelineClient {
  const platform = platformOf(options.platform);
  const { now, setTimeout, clearTimeout } = platform;
  const onError = (error: unknown) => options.onError?.(asClientError(error));
  const tokens = createTokenSource(options.token, platform);
  const http = createHttp(options.url, platform);
  const health = createHealth();
  const ids = createHandled();
  const handled: Handled = {
    ...ids,
    add(stream, id) {
      ids.add(stream, id);
      memory.changed();
    },
  };
  const ending = new AbortController();
  let lastEventAt: number | null = null;
  let trouble = false;
  let lingering: unknown;

  const pauses = new Set<unknown>();
  const after = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        pauses.delete(timer);
        resolve();
      }, ms);
      pauses.add(timer);
    });
  const trace = (kind: Trace['kind'], { id, type }: Pick<EventFacts, 'id' | 'type'>) =>
    options.onTrace?.({ kind, id, type, at: now() });

  // ---- asking

  const post = async (operation: Operation, signal: AbortSignal | undefined): Promise<Answer> => {
    const token = await tokens.get();
    await memory.load(tokens.member ?? '');
    try {
      const answer = await http.request(operation, token, signal);
      health.reached(platform.elapsed());
      if (trouble) {
        trouble = false;
        health.forget(); // what failed while nothing got through says nothing about transports
        connection.hurry(); // the network is good again
      }
      return answer;
    } catch (thrown) {
      const error = asClientError(thrown);
      if (error.code === 'NETWORK') trouble = true;
      if (error.code === 'UNAUTHENTICATED') tokens.refuse(token);
      throw error;
    }
  };
  const ask = async (operation: Operation, signal?: AbortSignal): Promise<Answer> => {
    try {
      return await post(operation, signal);
    } catch (error) {
      if (asClientError(error).code !== 'UNAUTHENTICATED') throw error;
      return post(operation, signal); // with a fresh token
    }
  };

  // ---- acknowledging

  const acks = createAcks({
    platform,
    ask: (operation) => {
      const request = connection.state === 'push' ? connection.push?.request : null;
      return request === null || request === undefined ? ask(operation) : request(operation);
    },
    save: () => memory.save(),
    onAnswered(ids) {
      for (const id of ids) trace('acknowledged', { id, type: null });
    },
    onError,
  });
  const memory = createMemory({ storage: options.storage ?? defaultStorage(), handled, acks, after });

  // ---- connecting

  const prepare = async () => {
    await memory.load(tokens.member ?? '');
    if (options.transports !== undefined) return health.advise(options.transports);
    try {
      const answer = await Promise.race([ask(askSession, ending.signal), after(adviceWithinMs)]);
      if (answer === undefined) return;
      const { transports } = fieldOf(answer, 'session') as AskSessionQuery['session']; // what the document asks for
      health.advise(transports.map(({ kind }) => kind));
    } catch {
      // The order that we know is as good a guess.
    }
  };
  const connectWithinMs = () => {
    const roundTrip = http.lastRoundTripMs ?? 0;
    return Math.min(Math.max(roundTrip * connectMs.roundTrips, connectMs.least), connectMs.most);
  };
  const refresh = async (push: PushConnection, token: string): Promise<boolean> => {
    if (push.request === null || !push.refreshable) return false;
    const answer = await push.request({ query: RefreshSessionDocument.toString(), variables: { token } });
    return answer.errors === undefined;
  };
  const connection = createConnection({
    platform,
    tokens,
    health,
    transports: {
      WEBSOCKET: createWebSocketTransport(options.url.replace(/^http/, 'ws'), platform, connectWithinMs),
      SSE: createSseTransport(options.url, platform, connectWithinMs),
    },
    prepare,
    refresh,
    onError,
    onPush: (push) => streams.each((stream) => stream.connect(push)),
    onSignOfLife: () => streams.each((stream) => stream.signOfLife()),
    onChange() {
      const mode = modes[connection.state];
      streams.each((stream) => stream.setMode(mode));
      if (connection.state === 'push') acks.flush();
      report();
    },
  });

  // ---- status

  const status = createStatus(
    { state: 'idle', transport: null, since: now(), lastEventAt: null, nextPollAt: null, attempt: 0, reason: null },
    onError,
  );
  const report = () => {
    const due: number[] = [];
    streams.each(({ nextPollAt }) => nextPollAt !== null && due.push(nextPollAt));
    const { state, since, transport, attempt, reason } = connection;
    status.set({
      state,
      transport: transport ?? (state === 'poll' ? 'POLLING' : null),
      since,
      lastEventAt,
      nextPollAt: due.length === 0 ? null : Math.min(...due),
      attempt,
      reason,
    });
  };
  if (options.onStatus !== undefined) {
    const { onStatus } = options;
    status.subscribe(() => onStatus(status.get()));
  }

  // ---- streams

  const videoVisit = async (callId: string, signal?: AbortSignal): Promise<VideoVisit | null> => {
    const answer = await ask({ query: AskVideoVisitDocument.toString(), variables: { callId } }, signal);
    if (answer.data?.['videoVisit'] === null && answer.errors === undefined) return null;
    return fieldOf(answer, 'videoVisit') as VideoVisit; // what the document asks for
  };
  const streams = createStreams(
    {
      platform,
      handled,
      acknowledge: (id) => acks.add(id),
      ask,
      onEvent() {
        lastEventAt = now();
        report();
      },
      onPollDue: () => report(),
      onPushSilent: () => connection.hurry(),
      onUnauthenticated: () => connection.unauthenticated(),
      verifyEnded: async (callId) => ((await videoVisit(callId, ending.signal))?.status ?? 'ENDED') === 'ENDED',
      trace,
    },
    (stream) => {
      clearTimeout(lingering);
      connection.signal('wanted');
      device.settle();
      stream.setMode(modes[connection.state]);
      if (connection.push !== null) stream.connect(connection.push);
    },
    () => {
      report();
      clearTimeout(lingering);
      if (streams.size === 0) lingering = setTimeout(() => connection.signal('unwanted'), lingerMs);
    },
  );
  const open = <Event>(source: StreamSource<Event>, streamOptions: StreamOptions<Event> = {}): EventStream<Event> => {
    if (ending.signal.aborted) throw new ClientError('CLOSED', 'never', 'This client is closed. Create another one.');
    return streams.open(
      {
        subscription: source.subscription,
        query: source.query,
        field: source.field,
        variables: source.variables ?? {},
        factsOf: source.factsOf ?? factsOf,
      },
      streamOptions,
    );
  };

  const device = watchDevice({
    platform,
    connection,
    onReturn: () => streams.each((stream) => stream.poll()),
    onHidden: () => memory.save(),
    async probe() {
      if (streams.size === 0) return false;
      return ask(askSession, ending.signal).then(
        () => true,
        () => false,
      );
    },
  });

  let closing: Promise<void> | null = null;
  const close = async () => {
    ending.abort();
    device.stop();
    clearTimeout(lingering);
    for (const timer of pauses) clearTimeout(timer);
    streams.stop(new ClientError('CLOSED', 'never', 'The client was closed.'));
    connection.signal('close');
    acks.stop();
    memory.save();
  };

  const client: LifelineClient = {
    coverageUpdates: (variables, streamOptions) => open(fields.coverageUpdates(variables), streamOptions),
    videoVisitEvents: (variables, streamOptions) => open(fields.videoVisitEvents(variables), streamOptions),
    memberEvents: (variables, streamOptions) => open(fields.memberEvents(variables), streamOptions),
    stream: open,
    waitForCoverage: (workflowId, waitOptions) =>
      waitForCoverage({ open, ask, platform, tokens, ending: ending.signal }, workflowId, waitOptions),
    videoVisit: (callId, { signal } = {}) => videoVisit(callId, signal),
    async acknowledge(ids) {
      streams.each(({ intake }) => intake.acknowledged(ids));
      await acks.addAll(ids);
    },
    status,
    wake: () => device.wake(),
    close: () => (closing ??= close()),
  };
  return client;
}
