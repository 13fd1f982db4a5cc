import type { IncomingHttpHeaders } from 'node:http';

import { getOperationAST, type ExecutionArgs, type ExecutionResult, type GraphQLError } from 'graphql';

import { createSession, type Session, type SessionWatcher } from '../auth/session.ts';
import { LifelineError } from '../errors.ts';
import type { Metrics } from '../operations/metrics.ts';
import type { Channel } from './channel.ts';
import type { ClientErrors } from './client-error.ts';
import type { Context } from './context.ts';
import type { Credentials } from './credentials.ts';
import type { Engine, OpenStream } from './engine.ts';
import { completeMessage, Express, nextMessage, type Outlet } from './express.ts';
import { Inbox, type InboxOwner } from './inbox.ts';
import { limits } from './limits.ts';
import { tokenOfConnection } from './tokens.ts';
import { createTurns } from './turns.ts';

/** Close codes that the stock client retries; what is not a client's own mistake must end in one of them. */
export const closeCodes = { forbidden: 4403, restart: 1012, overload: 1013 } as const;

/** What a connection's resolvers get beside its session. */
export type Services = Omit<Context, 'session' | 'transport' | 'streamOpened' | 'signal'>;

/** What all connections share. */
export interface ConnectionServices {
  readonly engine: Engine;
  readonly errors: ClientErrors;
  readonly credentials: Credentials;
  readonly metrics: Metrics;
  readonly now: () => number;
}

/** What graphql-ws knows of a connection. */
export interface Protocol {
  /** By id: the operations that a client may end, and that end with the connection. */
  readonly subscriptions: Record<string, AsyncIterable<unknown> | null>;
}

interface OperationRequest {
  readonly query: string;
  readonly operationName?: string | null | undefined;
  readonly variables?: Record<string, unknown> | null | undefined;
}

/** A slow phone needs more than the 3 s that graphql-ws gives it, whose timer stays for as long as the connection does. */
const initTimeoutMs = 10_000;

/** One WebSocket connection: whose it is, what its operations run with, and the streams that they have become. */
export class Connection implements SessionWatcher, InboxOwner, Outlet {
  readonly channel: Channel;
  readonly inbox = new Inbox(this);
  readonly services: Services;
  readonly #shared: ConnectionServices;
  /** Of the upgrade request, until it starts; not the request itself, which would keep its buffers. */
  #headers: IncomingHttpHeaders | undefined;
  #initTimer: NodeJS.Timeout | undefined;
  #protocol: Protocol | undefined;
  #session: Session | null = null;
  #subscribed = false;
  #streams = 0;

  constructor(channel: Channel, headers: IncomingHttpHeaders, services: Services, shared: ConnectionServices) {
    this.channel = channel;
    this.services = services;
    this.#shared = shared;
    this.#headers = headers;
    this.#initTimer = setTimeout(() => this.close(4408, 'Connection initialisation timeout'), initTimeoutMs);
  }

  get session(): Session | null {
    return this.#session;
  }

  /** @throws LifelineError when the token that came with the upgrade or with `payload` does not hold, or cannot be checked */
  async start(protocol: Protocol, payload: unknown): Promise<void> {
    clearTimeout(this.#initTimer);
    this.#initTimer = undefined;
    this.#protocol = protocol;
    const headers = this.#headers ?? {};
    this.#headers = undefined;
    const { credentials, now } = this.#shared;
    const principal = await credentials.principal(() => tokenOfConnection(headers, payload));
    // The client has left while its token was looked at: nobody would dispose the session.
    if (!this.channel.isOpen) return;
    this.#session = createSession(principal, now);
    this.#session.watch(this);
    this.channel.trust();
  }

  onSession(): void {
    if (this.#session?.ended !== true) return;
    this.#session.unwatch(this);
    // At once, before the streams hear of it: who is told that a stream is complete does not resume it, while the stock client
    // resumes everything by itself after this close, with the token that it is then given.
    this.close(closeCodes.forbidden, 'The token has expired.');
  }

  /** The operation, ready to run, or the errors that keep it from running. Never throws. */
  prepare(request: OperationRequest): ExecutionArgs | readonly GraphQLError[] {
    // Whatever is thrown in graphql-ws's onSubscribe closes the whole socket with 4500.
    const { errors } = this.#shared;
    try {
      return this.#prepare(request);
    } catch (error) {
      return [errors.from(error)];
    }
  }

  /** A query or mutation, in its turn. Never rejects. */
  execute(args: ExecutionArgs): Promise<ExecutionResult> {
    const { channel } = this;
    const { execute } = this.#shared.engine;
    return (channel.turns ??= createTurns({ execute, hasRoom: () => channel.hasRoom })).execute(args);
  }

  /** Sends what the stream brings, instead of graphql-ws. */
  adopt(id: string, stream: OpenStream): void {
    const { subscriptions } = this.#protocol ?? {};
    if (subscriptions === undefined || !(id in subscriptions)) {
      stream.items.close(); // completed before it began, or the client is gone
      return;
    }
    // It has nothing to say any more, not even `complete`, and forgets the id; once it has, the id is that of the stream. Nothing comes in
    // between: those are steps of one turn.
    delete subscriptions[id];
    const busy = this.inbox.onHandled(id, () => {
      const express = new Express(stream, id, this);
      subscriptions[id] = express;
      this.#streams += 1;
      express.begin();
    });
    if (!busy) stream.items.close();
  }

  /** Sends the one result of a query or mutation, and its end with it, instead of graphql-ws: acknowledgements are as many as events. */
  answer(id: string, result: ExecutionResult): void {
    const { subscriptions } = this.#protocol ?? {};
    if (subscriptions === undefined || !(id in subscriptions)) return; // the client does not want it any more
    delete subscriptions[id]; // graphql-ws then has nothing to say
    this.channel.sendTogether([nextMessage(id, result), completeMessage(id)]);
  }

  isStreaming(id: string): boolean {
    return this.#protocol !== undefined && id in this.#protocol.subscriptions;
  }

  push(text: string, bytes: number): Promise<void> | undefined {
    return this.channel.push(text, bytes);
  }

  send(text: string): Promise<void> {
    return this.channel.send(text);
  }

  ended(id: string, stream: Express, failure: unknown): void {
    this.#streams -= 1;
    const { subscriptions } = this.#protocol ?? {};
    if (subscriptions?.[id] !== stream) return; // the client ended it, or is gone
    delete subscriptions[id];
    if (failure === null) this.#say(completeMessage(id));
    else this.refuse(id, failure);
  }

  async handle(text: string): Promise<void> {
    try {
      await this.channel.receive(text);
    } catch (error) {
      if (!this.channel.isOpen) return; // a send that failed because the client left
      this.#shared.errors.from(error);
      this.close(closeCodes.overload, 'Something went wrong on our side. Connect again.');
    }
  }

  refuse(id: string, error: unknown): void {
    this.#say(JSON.stringify({ id, type: 'error', payload: [this.#shared.errors.from(error)] }));
  }

  close(code: number, reason: string): void {
    this.channel.close(code, reason);
  }

  /** Whether a connection is a client coming back is told by its first subscription. */
  subscribed(resumes: boolean): void {
    if (!this.#subscribed && resumes) this.#shared.metrics.reconnectsTotal.inc();
    this.#subscribed = true;
  }

  dispose(): void {
    clearTimeout(this.#initTimer);
    this.#session?.dispose();
    this.channel.turns?.close();
  }

  #prepare({ query, operationName, variables }: OperationRequest): ExecutionArgs | readonly GraphQLError[] {
    const { engine } = this.#shared;
    if (this.inbox.running + this.#streams > limits.operationsPerSocket) {
      const most = String(limits.operationsPerSocket);
      throw new LifelineError('RATE_LIMITED', `At most ${most} operations at once run over one connection. Complete some.`);
    }
    const document = engine.parse(query);
    const invalid = engine.validate(document);
    if (invalid.length > 0) return invalid;
    if (!getOperationAST(document, operationName)) {
      throw new LifelineError('BAD_USER_INPUT', 'The document has no such operation, or several and no operationName.');
    }
    return {
      schema: engine.schema,
      document,
      rootValue: undefined, // graphql-ws would add it, out of line; every stream keeps these
      operationName: operationName ?? null,
      variableValues: variables ?? null,
      contextValue: new OperationContext(this),
    };
  }

  #say(text: string): void {
    this.channel.send(text).catch(() => {}); // the client has left
  }
}

/** What an operation's resolvers get: a view of its connection, because every stream holds one. */
export class OperationContext implements Context {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get connection(): Connection {
    return this.#connection;
  }

  get session(): Context['session'] {
    return this.#connection.session;
  }

  get transport(): Context['transport'] {
    return 'websocket';
  }

  get delivery(): Context['delivery'] {
    return this.#connection.services.delivery;
  }

  get cursors(): Context['cursors'] {
    return this.#connection.services.cursors;
  }

  get authenticate(): Context['authenticate'] {
    return this.#connection.services.authenticate;
  }

  get addresses(): Context['addresses'] {
    return this.#connection.services.addresses;
  }

  get signal(): Context['signal'] {
    return null;
  }

  streamOpened(resumes: boolean): () => void {
    this.#connection.subscribed(resumes);
    return nothing;
  }
}

const nothing = () => {};
