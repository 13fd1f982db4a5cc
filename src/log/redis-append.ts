import { accountText } from './entry-text.ts';
import { crowdedAt, type SourceRecord } from './log.ts';
import type { Keys } from './redis-keys.ts';
import { list } from './redis-reply.ts';
import { type RedisAnswer, type RedisCall, runIdOfServer } from './redis-send.ts';

/** Records of one hash tag, in order, and where they lead. */
export interface Parcel {
  readonly part: number;
  /** Where the tag is believed to stand; null: nothing is believed. */
  readonly from: number | null;
  readonly to: number;
  /** The tag fell back: a generation begins. */
  readonly rewound: boolean;
  readonly records: readonly Written[];
  /** Of the records' JSON, about. */
  readonly bytes: number;
}

interface Written extends SourceRecord {
  readonly json: string;
}

export interface AppendParts {
  readonly keys: Keys;
  /** Of a tag's part hash: the position that moves. */
  readonly field: string;
  /** Whether one call may name keys of several hash tags, as far as is known. */
  readonly mayShare: () => boolean;
  /** A server said that it may not. */
  readonly onCrossSlot: () => void;
  /** The name of the data, where a hash tag turns out to be empty. */
  readonly epochCandidate: () => string;
  readonly run: (calls: readonly RedisCall[]) => Promise<RedisAnswer[]>;
}

/** One script call carries at most this much: Redis does nothing else meanwhile. */
const recordsPerCall = 256;
const bytesPerCall = 512 * 1024;
const parcelsPerCall = 256;
/** Best-effort events are kept this long. */
const latestForMs = 60_000;

/** Records by hash tag, in pieces that a script may hold Redis up for, each piece chained to the one before it. */
export function parcelsOf(
  to: number,
  records: readonly SourceRecord[],
  { keys, from, rewound }: { keys: Keys; from: (part: number) => number | null; rewound: ReadonlySet<number> },
): Parcel[] {
  const byPart = Map.groupBy(records, ({ event }) => keys.partOf(event.member));
  const parcels: Parcel[] = [];
  for (const [part, own] of byPart) {
    let next = { part, from: from(part), rewound: rewound.has(part) };
    let piece: Written[] = [];
    let bytes = 0;
    for (const record of own) {
      if (piece.length >= recordsPerCall || bytes >= bytesPerCall) {
        parcels.push({ ...next, to: record.offset, records: piece, bytes });
        next = { part, from: record.offset, rewound: false }; // once is enough
        [piece, bytes] = [[], 0];
      }
      const json = JSON.stringify(record.event);
      piece.push({ ...record, json });
      bytes += json.length;
    }
    parcels.push({ ...next, to, records: piece, bytes });
  }
  return parcels;
}

/**
 * Applies parcels, those of one hash tag in order; an answer each. Where one server has all tags they share calls: a batch of a hundred
 * records has almost as many tags, and a call for each would cost Redis, and the writer, more than all that happens in it (`bench`, W).
 */
export async function append(parcels: readonly Parcel[], parts: AppendParts): Promise<RedisAnswer[]> {
  if (parts.mayShare()) {
    const answers = await applied(together(parcels), parts);
    if (!answers.some((answer) => !answer.ok && isCrossSlot(answer.error))) return answers;
    // What looked like one server is a Cluster of one node, or a proxy. What was applied is known when it comes again.
    parts.onCrossSlot();
  }
  return applied(
    parcels.map((parcel) => [parcel]),
    parts,
  );
}

export function isCrossSlot({ message }: Error): boolean {
  return message.startsWith('CROSSSLOT');
}

type Group = readonly Parcel[];

function together(parcels: readonly Parcel[]): Group[] {
  const groups: Parcel[][] = [];
  let [group, records, bytes]: [Parcel[], number, number] = [[], 0, 0];
  for (const parcel of parcels) {
    const more = { records: records + parcel.records.length, bytes: bytes + parcel.bytes };
    const full = group.length >= parcelsPerCall || more.records > recordsPerCall || more.bytes > bytesPerCall;
    if (groups.length === 0 || full) {
      groups.push((group = []));
      [records, bytes] = [0, 0];
    }
    group.push(parcel);
    records += parcel.records.length;
    bytes += parcel.bytes;
  }
  return groups;
}

async function applied(groups: readonly Group[], parts: AppendParts): Promise<RedisAnswer[]> {
  const answers = await parts.run(groups.map((group) => callOf(group, parts)));
  return answers.flatMap((answer, index): RedisAnswer[] => {
    if (!answer.ok) return (groups[index] ?? []).map(() => answer);
    return list(answer.reply).map((reply) => (reply instanceof Error ? { ok: false, error: reply } : { ok: true, reply }));
  });
}

function callOf(group: Group, { keys, field, epochCandidate }: AppendParts): RedisCall {
  const named: string[] = [];
  const args: (string | number | typeof runIdOfServer)[] = [
    field,
    epochCandidate(),
    runIdOfServer,
    crowdedAt,
    latestForMs,
    group.length,
  ];
  for (const { part, from, to, rewound, records } of group) {
    const byMember = Map.groupBy(records, ({ event }) => event.member);
    const latest = new Map<string, number>();
    const latestOf = ({ event }: Written) => {
      if (event.expiresAt !== null) return 0;
      const key = keys.latest(event.member, event.channel);
      const known = latest.get(key);
      if (known === undefined) latest.set(key, latest.size + 1);
      return known ?? latest.size;
    };
    const own: (string | number)[] = [];
    for (const [member, theirs] of byMember) {
      const at = own.push(member, theirs.length, '') - 1;
      let earliest = Number.POSITIVE_INFINITY;
      for (const record of theirs) {
        const { id, expiresAt, accountId } = record.event;
        own.push(latestOf(record), record.offset, id);
        if (expiresAt === null) own.push('', record.json);
        else {
          const expires = Math.trunc(expiresAt);
          earliest = Math.min(earliest, expires);
          own.push(`${record.refed ? '1' : '0'}|${expires}|0|`, `${accountText(accountId)}|${record.json}`);
        }
      }
      if (earliest < Number.POSITIVE_INFINITY) own[at] = earliest;
    }
    named.push(keys.part(part), keys.due(part));
    for (const member of byMember.keys()) named.push(keys.member(member));
    named.push(...latest.keys());
    const lowest = records[0]?.offset ?? to;
    args.push(from ?? '', to, lowest, rewound ? 1 : 0, keys.bells(part), byMember.size, latest.size, own.length, ...own);
  }
  const [first = keys.meta, ...others] = named; // a group has a parcel
  return { script: 'append', keys: [first, ...others], args };
}
