import { randomUUID } from 'node:crypto';

import { parseEntry } from './entry-text.ts';
import type { Entry, ReapReport, Retention } from './log.ts';
import type { Keys } from './redis-keys.ts';
import { list, number, text } from './redis-reply.ts';
import type { RedisCall } from './redis-send.ts';

/** A reaper that died leaves its hash tag to the others after this long, ms. Every sweep renews it. */
const leaseMs = 30_000;
const membersPerRound = 1_000;
const sequencesPerSweep = 500;
const expiredPerSweep = 100;
const expiredBytesPerSweep = 512 * 1024;
/** After so many it is not about members: Redis is in trouble. */
const failuresPerRound = 5;
const coalesceAtMostMs = 60_000;

/** To how many ms the visits that are not urgent are rounded up, so that a busy member is visited once a minute and not once an event. */
export function coalesceMs(retention: Retention): number {
  return Math.max(1, Math.min(coalesceAtMostMs, Math.floor(Math.min(retention.acknowledgedForMs, retention.idsForMs) / 60)));
}

/** What a round of housekeeping needs of the log. */
export interface ReapStore {
  readonly keys: Keys;
  readonly retention: Retention;
  run(call: RedisCall): Promise<unknown>;
  runAll(calls: readonly RedisCall[]): Promise<unknown[]>;
  /** SET NX PX. @returns whether the lease is ours now */
  lease(key: string, token: string, ms: number): Promise<boolean>;
}

/**
 * One round over every hash tag that has something due and that nobody else is at.
 *
 * @throws the first failure, after everything else was done all the same
 */
export async function reap(store: ReapStore, bury: (expired: readonly Entry[]) => Promise<void>): Promise<ReapReport> {
  const { keys } = store;
  const token = randomUUID();
  const round = new Round(store, token, bury);
  const failures: unknown[] = [];
  const parts = Array.from({ length: keys.parts }, (_, part) => part);
  const due = await store.runAll(parts.map((part) => ({ script: 'due', keys: [keys.due(part)], args: [membersPerRound] })));
  for (const [part, reply] of due.entries()) {
    const members = list(reply).map(text);
    if (members.length === 0 || !(await store.lease(keys.reaper(part), token, leaseMs))) continue;
    try {
      for (const member of members) {
        // One member whose log cannot be taken care of must not keep the others from it.
        const outcome = await round.visit(part, member).catch((error: unknown) => void failures.push(error));
        if (outcome === 'lease lost' || failures.length >= failuresPerRound) break;
      }
    } finally {
      await store.run({ script: 'release', keys: [keys.reaper(part)], args: [token] });
    }
    if (failures.length >= failuresPerRound) break;
  }
  if (failures.length > 0) throw failures[0];
  return round.report;
}

class Round {
  readonly report = { buried: 0, unburied: 0, trimmed: 0, forgotten: 0 };
  readonly #store: ReapStore;
  readonly #token: string;
  readonly #bury: (expired: readonly Entry[]) => Promise<void>;

  constructor(store: ReapStore, token: string, bury: (expired: readonly Entry[]) => Promise<void>) {
    this.#store = store;
    this.#token = token;
    this.#bury = bury;
  }

  async visit(part: number, member: string): Promise<'done' | 'lease lost'> {
    // What was buried on the way changes when to come again: a second pass finds that out.
    for (let buriedBefore = -1; buriedBefore < this.report.buried;) {
      buriedBefore = this.report.buried;
      let carried: [string, string, string] | null = ['0', '', ''];
      while (carried !== null) {
        const swept = await this.#sweep(part, member, carried);
        if (swept === 'lease lost') return swept;
        await this.#buryAll(member, swept.expired);
        carried = swept.next;
      }
    }
    return 'done';
  }

  async #sweep(part: number, member: string, [position, marker, visit]: [string, string, string]) {
    const { keys, retention } = this.#store;
    const { acknowledgedForMs, acknowledgedAtMost, idsForMs } = retention;
    const reply = list(
      await this.#store.run({
        script: 'sweep',
        keys: [keys.part(part), keys.due(part), keys.member(member), keys.reaper(part)],
        args: [
          this.#token,
          leaseMs,
          member,
          position,
          marker,
          visit,
          acknowledgedForMs,
          acknowledgedAtMost,
          idsForMs,
          coalesceMs(retention),
          sequencesPerSweep,
          expiredPerSweep,
          expiredBytesPerSweep,
        ],
      }),
    );
    if (reply.length === 0) return 'lease lost';
    const [nextPosition, nextMarker, nextVisit, done, trimmed, forgotten, epoch, generation, ...found] = reply;
    this.report.trimmed += number(trimmed);
    this.report.forgotten += number(forgotten);
    const expired: Entry[] = [];
    for (let at = 0; at < found.length; at += 2) {
      expired.push(parseEntry(text(found[at + 1]), text(epoch), number(generation), number(found[at])));
    }
    const next: [string, string, string] | null =
      number(done) === 1 ? null : [text(nextPosition), text(nextMarker), text(nextVisit)];
    return { expired, next };
  }

  /** After one refusal nothing is tried again in this round: whatever keeps the dead letters from being taken would take its time each time. */
  async #buryAll(member: string, expired: readonly Entry[]): Promise<void> {
    if (expired.length === 0 || this.report.unburied > 0) return;
    try {
      await this.#bury(expired);
    } catch {
      this.report.unburied += expired.length; // they stay, and the caller sees it in the report
      return;
    }
    const args = expired.flatMap(({ position, event }) => [position.sequence, event.id]);
    this.report.buried += number(await this.#store.run({ script: 'bury', keys: [this.#store.keys.member(member)], args }));
  }
}
