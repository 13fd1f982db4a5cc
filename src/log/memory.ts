import { randomBytes } from 'node:crypto';

import { LifelineError } from '../errors.ts';
import type { MemberEvent } from '../event/event.ts';
import {
  defaultRetention,
  type Entry,
  type EventLog,
  type Page,
  type Position,
  type ReadRequest,
  type Retention,
  type Ring,
} from './log.ts';
import { MemberLog, type Readable } from './memory-member.ts';
import { createMemorySource, type MemoryStore } from './memory-source.ts';

const latestForMs = 60_000;
/** How many expired entries are handed over for burial at once. */
const burialSize = 100;

/** The log in one process's memory: for the embedded mode, and the reference that other implementations are compared with. */
export function createMemoryLog({
  now = Date.now,
  retention = defaultRetention,
}: { readonly now?: () => number; readonly retention?: Retention } = {}): EventLog {
  const epoch = randomBytes(6).toString('base64url');
  let generation = 1;
  let closed = false;
  let reaping = false;
  const members = new Map<string, MemberLog>();
  const positions = new Map<string, number>();
  const latest = new Map<string, { readonly event: MemberEvent; readonly until: number }>();
  const listeners = new Map<string, Set<(ring: Ring) => void>>();

  const usable = () => {
    if (closed) throw new LifelineError('UNAVAILABLE', 'The log is closed.');
  };
  const position = (sequence: number, chain: string): Position => ({ epoch, generation, sequence, chain });
  const headOf = (member: MemberLog | undefined) => position(member?.sequence ?? 0, member?.chain ?? '');
  const toEntry = ({ event, sequence, chain, acknowledgedAt, refed }: Readable): Entry => ({
    event,
    position: position(sequence, chain),
    acknowledgedAt,
    refed,
  });
  const ring = (member: string, rung: Ring) => {
    // Later than the change that caused it, as over a network: a listener that calls the log again must not come between two rings.
    queueMicrotask(() => {
      for (const onRing of listeners.get(member) ?? []) onRing(rung);
    });
  };

  const continuityOf = (member: MemberLog | undefined, after: Position | null): Page['continuity'] => {
    if (after === null) return 'kept';
    if (after.epoch !== epoch) return 'lost';
    if (after.sequence > (member?.sequence ?? 0)) return 'rewound';
    const chain = after.sequence === 0 ? '' : member?.chainAt(after.sequence);
    // Forgotten, so nothing can be compared: the generation alone decides.
    if (chain === undefined) return after.generation === generation ? 'kept' : 'rewound';
    return chain === after.chain ? 'kept' : 'rewound';
  };

  const read = (memberId: string, { after, pendingOnly = false, from = 0, limit }: ReadRequest): Page => {
    const member = members.get(memberId);
    const head = headOf(member);
    const continuity = continuityOf(member, after);
    const behind = continuity === 'kept' ? (after?.sequence ?? 0) : 0;
    const entries: Entry[] = [];
    for (const entry of member?.readableFrom(from, now()) ?? []) {
      if (entry.state !== 'pending' && (pendingOnly || entry.sequence <= behind)) continue;
      entries.push(toEntry(entry));
      if (entries.length === Math.max(limit, 1)) break;
    }
    const last = entries.at(-1)?.position.sequence ?? 0;
    const scannedTo = entries.length === Math.max(limit, 1) ? last : Math.max(head.sequence, from);
    return { entries, head, scannedTo, done: scannedTo >= head.sequence, continuity };
  };

  const store: MemoryStore = {
    positions,
    usable,
    newGeneration: () => void generation++,
    appendCritical(event, expiresAt, refed) {
      let member = members.get(event.member);
      if (member === undefined) members.set(event.member, (member = new MemberLog()));
      const entry = member.append(event, expiresAt, refed, now());
      if (entry !== null) ring(event.member, { kind: 'entry', entry: toEntry(entry) });
      return { appended: entry !== null, pending: member.pending };
    },
    passBy(event) {
      const known = latest.get(event.channel);
      if (known !== undefined && known.until > now() && known.event.id === event.id) return false;
      latest.set(event.channel, { event, until: now() + latestForMs });
      ring(event.member, { kind: 'passing', event });
      return true;
    },
  };

  return {
    source: (topic, partition) => createMemorySource(store, `${topic}:${partition}`),
    async read(member, request) {
      usable();
      return read(member, request);
    },
    async fetch(member, sequences) {
      usable();
      const log = members.get(member);
      return sequences.map((sequence) => {
        const entry = log?.readable(sequence, now()) ?? null;
        return entry === null ? null : toEntry(entry);
      });
    },
    partOf: () => 0,
    async heads(asked) {
      usable();
      return asked.map((member) => headOf(members.get(member)));
    },
    async latest(member, channel) {
      usable();
      const found = latest.get(channel);
      return found !== undefined && found.until > now() && found.event.member === member ? found.event : null;
    },
    async acknowledge(member, ids, accounts) {
      usable();
      const answer = members.get(member)?.acknowledge(ids, accounts, now());
      if (answer === undefined) return { acknowledged: [], alreadyAcknowledged: [], unknown: [...new Set(ids)] };
      if (answer.acknowledged.length > 0) ring(member, { kind: 'acknowledged', ids: answer.acknowledged });
      return answer;
    },
    async listen(member, onRing) {
      usable();
      let own = listeners.get(member);
      if (own === undefined) listeners.set(member, (own = new Set()));
      const listener = (rung: Ring) => onRing(rung); // its own identity: one callback may listen twice
      own.add(listener);
      return {
        close() {
          if (own.delete(listener) && own.size === 0 && listeners.get(member) === own) listeners.delete(member);
        },
      };
    },
    async reap(bury) {
      usable();
      const report = { buried: 0, unburied: 0, trimmed: 0, forgotten: 0 };
      if (reaping) return report;
      reaping = true;
      try {
        for (const member of members.values()) {
          const expired = member.expired(now());
          for (let start = 0; start < expired.length && report.unburied === 0; start += burialSize) {
            const some = expired.slice(start, start + burialSize);
            try {
              await bury(some.map(toEntry));
              report.buried += member.bury(some.map((entry) => entry.sequence));
            } catch {
              report.unburied += some.length; // they stay, and the caller sees it in the report
            }
          }
          report.trimmed += member.trim(retention, now());
          report.forgotten += member.forget(retention, now());
        }
        for (const [channel, { until }] of latest) if (until <= now()) latest.delete(channel);
      } finally {
        reaping = false;
      }
      return report;
    },
    health: () => (closed ? { ok: false, reason: 'The log is closed.' } : { ok: true }),
    async close() {
      closed = true;
      listeners.clear();
    },
  };
}
