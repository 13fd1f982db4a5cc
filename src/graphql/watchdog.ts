import type { Socket } from 'node:net';

import type { Logger } from '../operations/logger.ts';
import type { Metrics } from '../operations/metrics.ts';

/** A socket that streams events, as the watchdog sees it. */
export interface Peer {
  readonly socket: Socket;
  /** Bytes handed over that the kernel has not taken. */
  queued(): number;
  cut(): void;
  /** Sends something the peer answers; null where the protocol has no such thing. */
  readonly ping: (() => void) | null;
}

export interface Watched {
  /** The peer said something: it is alive. */
  heard(): void;
  release(): void;
}

export interface Watchdog {
  watch(peer: Peer): Watched;
  stop(): void;
}

/** More than this in memory for one socket: whatever it is doing, it is not reading. */
const mostQueuedBytes = 1024 * 1024;
/** Nothing taken for this long although there was something to take. */
const stalledAfterMs = 15_000;
/**
 * Nothing heard for this long. Below the idle timeouts of load balancers (30 s and more), and twice within the time to find a dead peer: 24 s
 * with the round.
 */
const pingAfterMs = 10_000;
const deadAfterMs = 22_500;
/** Every socket is looked at once in a round, some of them in each turn: a look at ten thousand at once kept events waiting for 50 ms. */
const roundMs = 1_000;
const turnMs = 50;
/** Between two turns: this process itself stood still (suspended, or a long pause), and what it did not hear then says nothing about peers. */
const stoodStillMs = 5_000;

/**
 * Grows as the kernel takes bytes, and only then. Node's own `bytesWritten` counts what waits in Node as well, so that a ping behind a full
 * buffer would look like progress, and its `writableLength` moves by whole writes, of which one can be a megabyte to a slow phone. libuv's
 * two counters tell; Node's own socket timeout reads them in the same undocumented place.
 */
function takenBy(socket: Socket): number {
  const { _handle: handle } = socket as { _handle?: { readonly bytesWritten: number; readonly writeQueueSize: number } | null }; // not in the types
  return handle === null || handle === undefined ? 0 : handle.bytesWritten - handle.writeQueueSize;
}

/**
 * Cuts sockets that stopped reading or died without a word; their events are still pending. One timer for all of them: at tens of
 * thousands of sockets, two timers each would cost more than the events.
 */
export function createWatchdog({
  metrics,
  logger,
  now = () => performance.now(),
}: {
  metrics: Metrics;
  logger: Logger;
  now?: () => number;
}): Watchdog {
  const watched = new Set<WatchedPeer>();
  let turnedAt = Math.floor(now()); // a fraction would be a number of its own on the heap, four times for each socket
  /** Of the newest turn, by a clock that stands still when this process does. */
  let time = 0;
  const latest = () => time;
  /** Where the round is. */
  let next = watched.values();

  const cut = (state: WatchedPeer, reason: 'buffer' | 'stalled' | 'silent') => {
    watched.delete(state);
    metrics.socketsTerminated.inc({ reason });
    logger.info({ reason }, 'Cut a socket that does not take its events');
    state.peer.cut();
  };
  const look = (state: WatchedPeer) => {
    const { peer } = state;
    const queued = peer.queued();
    const taken = queued === 0 ? state.taken : takenBy(peer.socket);
    if (queued === 0 || taken !== state.taken) state.takenAt = time;
    state.taken = taken;
    if (queued > mostQueuedBytes) cut(state, 'buffer');
    else if (time - state.takenAt >= stalledAfterMs) cut(state, 'stalled');
    else if (peer.ping !== null && time - state.heardAt >= deadAfterMs) cut(state, 'silent');
    else if (peer.ping !== null && time - Math.max(state.heardAt, state.pingedAt) >= pingAfterMs) {
      state.pingedAt = time;
      peer.ping();
    }
  };
  const takeTurn = () => {
    const passed = Math.floor(now()) - turnedAt;
    turnedAt += passed;
    if (passed <= stoodStillMs) time += passed;
    // In a longer turn more of them: late is the worst that can happen.
    const share = Math.ceil(watched.size * Math.min(passed / roundMs, 1));
    for (let looked = 0; looked < share; looked++) {
      let { value: state } = next.next();
      if (state === undefined) {
        next = watched.values();
        ({ value: state } = next.next());
      }
      if (state !== undefined) look(state);
    }
  };
  const timer = setInterval(takeTurn, turnMs);
  timer.unref();

  return {
    watch: (peer) => new WatchedPeer(peer, watched, latest),
    stop() {
      clearInterval(timer);
      watched.clear();
    },
  };
}

class WatchedPeer implements Watched {
  readonly peer: Peer;
  readonly #all: Set<WatchedPeer>;
  readonly #latest: () => number;
  taken = 0;
  takenAt: number;
  heardAt: number;
  pingedAt: number;

  /** @param latest the time of the newest turn */
  constructor(peer: Peer, all: Set<WatchedPeer>, latest: () => number) {
    this.peer = peer;
    this.#all = all;
    this.#latest = latest;
    this.takenAt = this.heardAt = this.pingedAt = latest();
    all.add(this);
  }

  heard(): void {
    this.heardAt = this.#latest(); // precise enough, and saves a clock call for every message
  }

  release(): void {
    this.#all.delete(this);
  }
}
