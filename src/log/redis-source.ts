import type { AppendResult, Gap, SourcePosition, SourceWriter } from './log.ts';
import { append, type AppendParts, type Parcel, parcelsOf } from './redis-append.ts';
import { list, number, numberOrNull, text } from './redis-reply.ts';
import { type RedisAnswer, runIdOfServer } from './redis-send.ts';

/** What a source writer needs of the log. Rejections are LifelineErrors already. */
export interface RedisStore extends Omit<AppendParts, 'field'> {
  /** Told every answer to a write: what Redis says there is its health. */
  onAnswers(answers: readonly RedisAnswer[]): void;
  /** One field of many hashes in one round trip per server. */
  fields(keys: readonly string[], field: string): Promise<readonly unknown[]>;
  /** What a failed script's error becomes for the caller. */
  unavailable(error: Error): Error;
}

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
  const send = async (parcels: readonly Parcel[]) => {
    const answering = append(parcels, { ...store, field });
    // fail-point: inside append's await
    const answers = await answering;
    store.onAnswers(answers);
    const total = { appended: 0, duplicates: 0, stale: 0, crowded: 0 };
    const behind = new Map<number, number | null>();
    let failure: Error | undefined;
    for (const [index, answer] of answers.entries()) {
      const part = parcels[index]?.part ?? 0;
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
      believed[part] = Math.max(believed[part] ?? 0, parcels[index]?.to ?? 0);
      total.appended += number(counts[0]);
      total.duplicates += number(counts[1]);
      total.stale += number(counts[2]);
      total.crowded += number(counts[3]);
    }
    if (failure !== undefined) throw store.unavailable(failure);
    return learn(behind) ?? total;
  };

  const place = async (offset: number, how: 'begin' | 'restart') => {
    const answers = await store.run(
      allParts.map((part) => ({
        script: 'begin',
        keys: [keys.part(part)],
        args: [field, offset, store.epochCandidate(), runIdOfServer, how],
      })),
    );
    store.onAnswers(answers);
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
        const outcome = await send(parcelsOf(to, records, { keys, from: (part) => believed[part] ?? null, rewound }));
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
        const outcome = await send(
          late.map((part) => ({ part, from: believed[part] ?? null, to, rewound: rewound.has(part), records: [], bytes: 0 })),
        );
        return 'status' in outcome ? outcome : { status: 'ok' };
      }),
    restart: (offset) =>
      inTurn(async () => {
        await place(offset, 'restart');
        rewound.clear();
      }),
  };
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
