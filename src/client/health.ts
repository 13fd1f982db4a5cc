import type { TransportKind } from './client.ts';

/** A transport that failed this often in a row, while plain requests got through, does not get through this network. */
const failuresInRow = 3;
/** For so long it is tried last, ms. */
const lastForMs = 10 * 60_000;

/** Which ways to push to try, best first. */
export interface Health {
  /** What the server advises or the app wants. What stands behind POLLING is worse than polling: it is not tried. */
  advise(kinds: readonly TransportKind[]): void;
  /** The one to try next; null where nothing pushes. */
  next(now: number): PushKind | null;
  failed(kind: PushKind, now: number): void;
  worked(kind: PushKind): void;
  /** A plain request got through: a transport that does not is to blame, not the server's restart. */
  reached(now: number): void;
  /** Another network: what was learned of the last one says nothing about it. */
  forget(): void;
}

export type PushKind = Exclude<TransportKind, 'POLLING'>;

export function createHealth(): Health {
  let order: readonly PushKind[] = ['WEBSOCKET', 'SSE'];
  let record = new Map<PushKind, { failures: number; since: number; lastUntil: number }>();
  let reachedAt = Number.NEGATIVE_INFINITY;
  return {
    advise(kinds) {
      const polling = kinds.indexOf('POLLING');
      order = (polling < 0 ? kinds : kinds.slice(0, polling)).filter((kind) => kind !== 'POLLING');
    },
    next(now) {
      const isLast = (kind: PushKind) => (record.get(kind)?.lastUntil ?? 0) > now;
      const failures = (kind: PushKind) => record.get(kind)?.failures ?? 0;
      const best = order.find((kind) => !isLast(kind));
      if (best !== undefined) return best;
      // All of them are last: in turns, so that the first one that gets through again is found.
      return [...order].sort((a, b) => failures(a) - failures(b))[0] ?? null;
    },
    failed(kind, now) {
      const { failures: before, since } = record.get(kind) ?? { failures: 0, since: now };
      const failures = before + 1;
      record.set(kind, { failures, since, lastUntil: failures >= failuresInRow && reachedAt >= since ? now + lastForMs : 0 });
    },
    worked(kind) {
      record.delete(kind);
    },
    reached(now) {
      reachedAt = now;
    },
    forget() {
      record = new Map();
    },
  };
}
