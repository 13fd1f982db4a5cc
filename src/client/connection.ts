import type { Platform } from './client.ts';
import { asClientError } from './operation.ts';
import type { Health, PushKind } from './health.ts';
import type { PushConnection, PushEnd, PushTransport } from './push.ts';
import { reconnectDelay } from './schedule.ts';
import { next as transition, type Signal, type State } from './transitions.ts';
import type { TokenSource } from './token.ts';

export interface ConnectionParts {
  readonly platform: Platform;
  readonly tokens: TokenSource;
  readonly health: Health;
  readonly transports: Readonly<Record<PushKind, PushTransport>>;
  /** Runs once before the first try: what the server advises. Never rejects, and not for long. */
  readonly prepare: () => Promise<void>;
  /** The state, the transport or the count of tries changed. */
  readonly onChange: () => void;
  /** What to subscribe on from now on; null: nothing. */
  readonly onPush: (push: PushConnection | null) => void;
  readonly onSignOfLife: () => void;
  /** Continues the open connection under this token; false when it has to be opened again. */
  readonly refresh: (push: PushConnection, token: string) => Promise<boolean>;
  readonly onError: (error: unknown) => void;
}

export interface Connection {
  readonly state: State;
  readonly since: number;
  readonly transport: PushKind | null;
  readonly attempt: number;
  readonly reason: string | null;
  /** Takes `push` as it is, connected or not; null between two of them. */
  readonly push: PushConnection | null;
  signal(signal: Signal): void;
  /** Connected: looks whether that is still true. Otherwise tries at once. */
  hurry(): void;
  /** The token of the open connection does not hold. */
  unauthenticated(): void;
}

const triesBeforePolling = 3;
/** A connection that ends sooner did not work: it must not start the count of tries anew. */
const stableAfterMs = 5_000;
const checkWithinMs = 3_000;

/** Keeps push alive for as long as it is wanted: the one owner of the state table. */
export function createConnection(parts: ConnectionParts): Connection {
  const { platform, tokens, health, transports } = parts;
  const { now, elapsed, random, setTimeout, clearTimeout } = platform;

  let state: State = 'idle';
  let since = now();
  let transport: PushKind | null = null;
  let attempt = 0;
  let reason: string | null = null;
  let push: PushConnection | null = null;
  let prepared = false;
  /** Of the try or connection that counts; whatever else calls back is of the past. */
  let turn = 0;
  let startedAt = 0;
  let openedAt = 0;
  let awaySince = elapsed();
  let retryTimer: unknown;
  let renewTimer: unknown;

  const active = () => state === 'connecting' || state === 'degraded' || state === 'poll';

  const drop = () => {
    turn++;
    clearTimeout(retryTimer);
    clearTimeout(renewTimer);
    transport = null;
    if (push === null) return;
    push.close();
    push = null;
    parts.onPush(null);
  };

  const signal = (name: Signal) => {
    const before = state;
    state = transition(state, name);
    if (state === before) return;
    since = now();
    if (state === 'connecting') {
      attempt = 0;
      awaySince = elapsed();
      drop();
      void connect();
    } else if (state === 'offline' || state === 'background' || state === 'idle' || state === 'closed') {
      drop();
      reason = null;
    }
    if (name === 'online') health.forget();
    parts.onChange();
  };

  const failed = (end: PushEnd, kind: PushKind | null) => {
    attempt++;
    if (kind !== null && !end.unauthenticated) health.failed(kind, elapsed());
    if (attempt >= triesBeforePolling) signal('exhausted');
    retry(end);
  };
  const retry = (end: PushEnd) => {
    reason = end.reason;
    const delay = reconnectDelay({ awayMs: elapsed() - awaySince, attempt, overloaded: end.overloaded, random: random() });
    // Counted from the start of the try: one that hung for long enough is followed at once.
    retryTimer = setTimeout(() => void connect(), Math.max(0, startedAt + delay - elapsed()));
    parts.onChange();
  };

  const connect = async () => {
    if (!active()) return;
    drop();
    const mine = turn;
    const current = () => mine === turn && active();
    startedAt = elapsed();
    let token: string;
    try {
      token = await tokens.get();
      if (!prepared) await parts.prepare();
      prepared = true;
    } catch (thrown) {
      if (!current()) return;
      parts.onError(thrown);
      return failed({ reason: asClientError(thrown).message, unauthenticated: false, overloaded: false }, null);
    }
    if (!current()) return;
    const kind = health.next(elapsed());
    if (kind === null) return signal('exhausted'); // nothing pushes: polling it is
    try {
      open(kind, token, mine);
    } catch (error) {
      failed({ reason: `${kind}: ${String(error)}`, unauthenticated: false, overloaded: false }, kind); // e.g. there is no WebSocket here
    }
  };

  const open = (kind: PushKind, token: string, mine: number) => {
    let connected = false;
    const opened = transports[kind].open(token, {
      onOpen() {
        if (mine !== turn) return;
        connected = true;
        openedAt = elapsed();
        transport = kind;
        reason = null;
        health.worked(kind);
        signal('connected');
        renewInTime();
        parts.onChange();
      },
      onSignOfLife() {
        if (mine !== turn) return;
        if (connected && attempt > 0 && elapsed() - openedAt >= stableAfterMs) {
          attempt = 0;
          parts.onChange();
        }
        parts.onSignOfLife();
      },
      onEnd(end) {
        if (mine !== turn) return;
        if (end.unauthenticated) tokens.refuse(token);
        drop();
        if (!connected) return failed(end, kind);
        signal('lost');
        if (elapsed() - openedAt < stableAfterMs) return failed(end, kind);
        attempt = 0;
        awaySince = startedAt = elapsed();
        retry(end);
      },
    });
    if (mine !== turn) return opened.close();
    push = opened;
    parts.onPush(push);
  };

  const renewInTime = () => {
    clearTimeout(renewTimer);
    const at = tokens.renewAt;
    // setTimeout takes 31 bits; a token that lives longer is looked at again in a day.
    if (at !== null) renewTimer = setTimeout(() => void renew(), Math.min(Math.max(at - elapsed(), 1_000), 86_400_000));
  };
  const renew = async () => {
    const mine = turn;
    try {
      const token = await tokens.get();
      if (mine !== turn || push === null) return;
      if (!(await parts.refresh(push, token)) && mine === turn) reopen();
      else if (mine === turn) renewInTime();
    } catch (error) {
      if (mine !== turn) return;
      parts.onError(error);
      renewTimer = setTimeout(() => void renew(), 2_000 + Math.round(random() * 3_000));
    }
  };
  /** Opened again with the newest cursor of each stream: nothing is missed in between. */
  const reopen = () => {
    awaySince = elapsed();
    drop();
    signal('lost');
    void connect();
  };

  return {
    get state() {
      return state;
    },
    get since() {
      return since;
    },
    get transport() {
      return transport;
    },
    get attempt() {
      return attempt;
    },
    get reason() {
      return reason;
    },
    get push() {
      return push;
    },
    signal,
    hurry() {
      if (state === 'push') return push?.check(checkWithinMs);
      awaySince = elapsed(); // what failed before says little about now, and the first try of a new network often fails
      // A try that has only just begun is as good as another one.
      if (active() && (push === null || elapsed() - startedAt > 1_000)) void connect();
    },
    unauthenticated() {
      if (state === 'push') reopen();
    },
  };
}
