import { accountText } from './entry-text.ts';
import { crowdedAt, type AppendResult, type Gap, type SourcePosition, type SourceRecord, type SourceWriter } from './log.ts';
import type { Keys } from './redis-keys.ts';
import { list, number, numberOrNull, text } from './redis-reply.ts';
import { type RedisAnswer, type RedisCall, runIdOfServer } from './redis-send.ts';

/** What a source writer needs of the log. Rejections are LifelineErrors already. */
export interface RedisStore {
  readonly keys: Keys;
  /** Runs calls in one round trip per server, those of one hash tag in order. */
  run(calls: readonly RedisCall[]): Promise<RedisAnswer[]>;
  /** One field of many hashes in one round trip per server. */
  fields(keys: readonly string[], field: string): Promise<readonly unknown[]>;
  /** The name of the data, where a hash tag turns out to be empty. */
  epochCandidate(): string;
  /** What a failed script's error becomes for the caller. */
  unavailable(error: Error): Error;
}

/** One script call carries at most this much: Redis does nothing else meanwhile. */
const recordsPerCall = 256;
const bytesPerCall = 512 * 1024;
/** Best-effort events are kept this long. */
const latestForMs = 60_000;

/**
 * The writing side for one Kafka partition. Every hash tag has its own position; a tag only learns of an advance when it gets a record,
 * or from `settle`. So each tag's chain has its own belief, and `covered` is what this writer may claim for all of them.
 */
export function createRedisSource(store: RedisStore, topic: string, partition: number): SourceWriter {
  const { keys } = store;
  const field = keys.position(topic, partition);
  const allParts = Array.from({ length: keys.parts }, (_, part) => part);
  /** Per tag, where the log was last known to stand; null: no position. */
  let believed: (number | null)[] = allParts.map(() => null);
  /** Everything below is applied or irrelevant in every tag, or known to be missing (`believed` below it is then just late). */
  let covered: number | null = null;
  /** Tags that fell back: their next append starts a generation. */
  const rewound = new Set<number>();

  // One call at a time: each builds on what the one before it learnt.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work);
    last = turn.catch(() => {});
    return turn;
  };

  const stored = async () =>
    (
      await store.fields(
        allParts.map((part) => keys.part(part)),
        field,
      )
    ).map(numberOrNull);
  const adopt = (positions: (number | null)[]) => {
    believed = positions;
    covered = smallest(positions);
  };

  /** Takes in what tags answered; the smallest of the positions that are behind, if any is. */
  const learn = (behind: ReadonlyMap<number, number | null>): Gap | null => {
    if (behind.size === 0) return null;
    for (const [part, position] of behind) {
      const before = believed[part] ?? null;
      if (before !== null && position !== null && position < before) rewound.add(part);
      believed[part] = position;
    }
    // Never forward: while one loss is being read again, another one that went less far back must not end that early.
    covered = smallest([covered, ...behind.values()]);
    return { status: 'gap', next: covered };
  };

  /** Sends appends and takes in the answers. An error outweighs a gap: behind a call that failed, its successors only seem to gap. */
  const send = async (batches: readonly Batch[]) => {
    const answering = store.run(batches.map(appendCall));
    // fail-point: inside append's await
    const answers = await answering;
    const total = { appended: 0, duplicates: 0, stale: 0, crowded: 0 };
    const behind = new Map<number, number | null>();
    let failure: Error | undefined;
    for (const [index, answer] of answers.entries()) {
      const part = batches[index]?.part ?? 0;
      if (!answer.ok) {
        failure ??= answer.error;
        continue;
      }
      const [status, position, ...counts] = list(answer.reply);
      if (text(status) === 'GAP') {
        if (!behind.has(part)) behind.set(part, numberOrNull(position));
        continue;
      }
      rewound.delete(part);
      // Not the answered position, which may be another writer's: only what this one has to notice missing.
      believed[part] = Math.max(believed[part] ?? 0, batches[index]?.to ?? 0);
      total.appended += number(counts[0]);
      total.duplicates += number(counts[1]);
      total.stale += number(counts[2]);
      total.crowded += number(counts[3]);
    }
    if (failure !== undefined) throw store.unavailable(failure);
    return learn(behind) ?? total;
  };

  const appendCall = ({ part, from, to, records }: Batch): RedisCall => {
    const members = [...new Set(records.map(({ event }) => event.member))];
    const passing = records.map(({ event }) => (event.expiresAt === null ? keys.latest(event.member, event.channel) : null));
    const latest = [...new Set(passing.filter((key) => key !== null))];
    // Once is enough, so the first of several pieces.
    const startGeneration = rewound.has(part) && from === believed[part];
    return {
      script: 'append',
      keys: [keys.part(part), keys.due(part), ...members.map((member) => keys.member(member)), ...latest],
      args: [
        field,
        from ?? '',
        to,
        store.epochCandidate(),
        runIdOfServer,
        startGeneration ? 1 : 0,
        crowdedAt,
        keys.bells(part),
        latestForMs,
        members.length,
        ...members,
        ...records.flatMap(({ offset, event, refed, json }, index) => [
          members.indexOf(event.member) + 1,
          latest.indexOf(passing[index] ?? '') + 1,
          offset,
          event.id,
          refed ? 1 : 0,
          Math.trunc(event.expiresAt ?? 0),
          accountText(event.accountId),
          json,
        ]),
      ],
    };
  };

  const place = async (offset: number, how: 'begin' | 'restart') => {
    const answers = await store.run(
      allParts.map((part) => ({
        script: 'begin',
        keys: [keys.part(part)],
        args: [field, offset, store.epochCandidate(), runIdOfServer, how],
      })),
    );
    adopt(
      answers.map((answer) => {
        if (!answer.ok) throw store.unavailable(answer.error);
        return number(answer.reply);
      }),
    );
  };

  return {
    resume: () =>
      inTurn(async (): Promise<SourcePosition> => {
        adopt(await stored());
        return { next: covered, known: smallest(believed.filter((position) => position !== null)) };
      }),
    begin: (offset) => inTurn(() => place(offset, 'begin')),
    append: (to, records) =>
      inTurn(async (): Promise<AppendResult> => {
        if (covered === null) {
          adopt(await stored());
          return { status: 'gap', next: covered };
        }
        const outcome = await send(batchesOf(to, records, keys, believed));
        if ('status' in outcome) return outcome;
        covered = Math.max(covered, to);
        return { status: 'ok', ...outcome };
      }),
    verify: () =>
      inTurn(async () => {
        const positions = await stored();
        const behind = allParts.filter((part) => {
          const [position, belief] = [positions[part] ?? null, believed[part] ?? null];
          return position === null || belief === null || position < belief;
        });
        return learn(new Map(behind.map((part) => [part, positions[part] ?? null]))) ?? { status: 'ok' };
      }),
    settle: () =>
      inTurn(async () => {
        const to = covered;
        if (to === null) {
          adopt(await stored());
          return { status: 'gap', next: covered };
        }
        const late = allParts.filter((part) => (believed[part] ?? null) === null || (believed[part] ?? 0) < to);
        const outcome = await send(late.map((part) => ({ part, from: believed[part] ?? null, to, records: [] })));
        return 'status' in outcome ? outcome : { status: 'ok' };
      }),
    restart: (offset) =>
      inTurn(async () => {
        await place(offset, 'restart');
        rewound.clear();
      }),
  };
}

interface Batch {
  readonly part: number;
  readonly from: number | null;
  readonly to: number;
  readonly records: readonly Written[];
}

interface Written extends SourceRecord {
  readonly json: string;
}

/** Records by hash tag, in pieces that a script may hold Redis up for, each piece chained to the one before it. */
function batchesOf(to: number, records: readonly SourceRecord[], keys: Keys, believed: readonly (number | null)[]): Batch[] {
  const byPart = Map.groupBy(records, ({ event }) => keys.partOf(event.member));
  const batches: Batch[] = [];
  for (const [part, own] of byPart) {
    let from = believed[part] ?? null;
    let piece: Written[] = [];
    let bytes = 0;
    for (const record of own) {
      if (piece.length >= recordsPerCall || bytes >= bytesPerCall) {
        batches.push({ part, from, to: record.offset, records: piece });
        from = record.offset;
        piece = [];
        bytes = 0;
      }
      const json = JSON.stringify(record.event);
      piece.push({ ...record, json });
      bytes += json.length;
    }
    batches.push({ part, from, to, records: piece });
  }
  return batches;
}

/** null when any of them is missing */
function smallest(positions: readonly (number | null)[]): number | null {
  let result: number | null = null;
  for (const position of positions) {
    if (position === null) return null;
    if (result === null || position < result) result = position;
  }
  return result;
}
