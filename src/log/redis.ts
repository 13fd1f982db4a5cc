import { randomBytes } from 'node:crypto';

import { LifelineError } from '../errors.ts';
import type { Logger } from '../operations/logger.ts';
import { createDoorbell } from './doorbell.ts';
import { accountText, parseEntry, parseEvent } from './entry-text.ts';
import { type Acknowledgement, defaultRetention, type EventLog, type Page, type Position, type Retention } from './log.ts';
import { createRedisConnection, type Redis, type RedisEndpoint } from './redis-connection.ts';
import { createKeys } from './redis-keys.ts';
import { coalesceMs, reap } from './redis-reap.ts';
import { list, number, text } from './redis-reply.ts';
import { loadScripts, runScript, runScripts, type ScriptCall } from './redis-scripts.ts';
import { inspectServer } from './redis-server.ts';
import { createRedisSource } from './redis-source.ts';

/** Entry text in one page, and sequences looked at for it: what keeps a read short for Redis and its answer small for the heap. */
const pageBytes = 1024 * 1024;
const pageLooked = 2_000;
/** Members, sequences or ids that one script call names at most. */
const perCall = 500;

export interface RedisLogOptions extends RedisEndpoint {
  /** In front of every key. Default `lifeline`. */
  readonly prefix?: string | undefined;
  /** Into how many hash tags members are divided; fixed for the life of the data. Default 128. */
  readonly hashTags?: number | undefined;
  readonly retention?: Retention | undefined;
  readonly logger: Logger;
}

/**
 * The log in Redis. Connects in the background, for ever; until it is connected calls reject with UNAVAILABLE within three seconds.
 * `ready` resolves once it is, and rejects when this Redis must not be used (it may evict, or holds a log of another shape).
 */
export type RedisLog = EventLog & { readonly ready: Promise<void> };

export function createRedisLog({
  prefix = 'lifeline',
  hashTags = 128,
  retention = defaultRetention,
  logger,
  ...endpoint
}: RedisLogOptions): RedisLog {
  const keys = createKeys(prefix, hashTags);
  const log = logger.child({ part: 'log' });
  let runId = '';
  /** Why writes fail though Redis answers (out of memory, failing disk); undefined while they do not. */
  let writeFailure: string | undefined;

  const inspect = async (redis: Redis) => {
    runId = await inspectServer(redis, keys);
  };
  const commands = createRedisConnection(endpoint, {
    log,
    options: { enableAutoPipelining: true },
    // Again and again: a primary may be demoted, reconfigured or (behind a proxy) replaced under a connection that stays.
    watch: inspect,
    async prepare(redis) {
      await inspect(redis);
      await loadScripts(redis);
      writeFailure = undefined; // of another connection
    },
  });
  const doorbell = createDoorbell(endpoint, logger.child({ part: 'doorbell' }));
  const { redis } = commands;

  // Errors of ioredis carry the command with all its arguments, payloads and passwords too: only the sentence goes on.
  const unavailable = (error: Error) => new LifelineError('UNAVAILABLE', undefined, { cause: new Error(error.message) });
  const incarnation = () => ({ epochCandidate: randomBytes(6).toString('base64url'), runId });

  /** `work` on a connection that is up; every way to fail is UNAVAILABLE. */
  const use = async <T>(work: () => Promise<T>): Promise<T> => {
    await commands.usable();
    try {
      return await work();
    } catch (error) {
      if (error instanceof LifelineError) throw error;
      throw unavailable(error instanceof Error ? error : new Error(String(error)));
    }
  };
  const run = (call: () => ScriptCall) => use(() => runScript(redis, call()));
  const runMany = async (calls: readonly ScriptCall[]): Promise<unknown[]> =>
    use(async () =>
      (await runScripts(redis, calls)).map((answer) => {
        if (!answer.ok) throw answer.error;
        return answer.reply;
      }),
    );

  /** What was asked of a member in pieces, in one list. */
  const inPieces = <T, R>(items: readonly T[], ask: (piece: readonly T[]) => Promise<readonly R[]>): Promise<R[]> =>
    Promise.all(pieces(items).map(ask)).then((answers) => answers.flat());

  return {
    ready: commands.ready,

    source: (topic, partition) =>
      createRedisSource(
        {
          keys,
          unavailable,
          run: (calls) =>
            use(async () => {
              const answers = await runScripts(redis, calls(incarnation()));
              // Only what Redis itself said: a broken connection has a health of its own.
              const failed = answers.find((answer) => !answer.ok && answer.error.name === 'ReplyError');
              const failure = failed?.ok === false ? failed.error.message : undefined;
              if (failure !== undefined && failure !== writeFailure) log.error({ reason: failure }, 'Redis refuses to write');
              if (failure === undefined && writeFailure !== undefined) log.info({}, 'Redis writes again');
              writeFailure = failure;
              return answers;
            }),
          fields: (hashes, field) => use(() => Promise.all(hashes.map((hash) => redis.hget(hash, field)))),
        },
        topic,
        partition,
      ),

    async read(member, { after, pendingOnly = false, from = 0, limit }) {
      const reply = list(
        await run(() => {
          const { epochCandidate, runId } = incarnation();
          const { epoch, generation, sequence, chain } = after ?? { epoch: '', generation: 0, sequence: 0, chain: '' };
          return {
            script: 'read',
            keys: [keys.part(keys.partOf(member)), keys.member(member)],
            args: [
              epochCandidate,
              runId,
              epoch,
              generation,
              sequence,
              chain,
              pendingOnly ? 1 : 0,
              from,
              Math.max(limit, 1),
              pageBytes,
              pageLooked,
            ],
          };
        }),
      );
      const [epoch, generation, sequence, chain, continuity, scannedTo, ...found] = reply;
      const head = { epoch: text(epoch), generation: number(generation), sequence: number(sequence), chain: text(chain) };
      const entries = [];
      for (let at = 0; at < found.length; at += 2) {
        entries.push(parseEntry(text(found[at + 1]), head.epoch, head.generation, number(found[at])));
      }
      return {
        entries,
        head,
        scannedTo: number(scannedTo),
        done: number(scannedTo) >= head.sequence,
        continuity: text(continuity) as Page['continuity'], // read.lua knows no other word
      };
    },

    fetch: (member, sequences) =>
      inPieces(sequences, async (piece) => {
        const [epoch, generation, ...found] = list(
          await run(() => {
            const { epochCandidate, runId } = incarnation();
            return {
              script: 'fetch',
              keys: [keys.part(keys.partOf(member)), keys.member(member)],
              args: [epochCandidate, runId, ...piece],
            };
          }),
        );
        return piece.map((sequence, index) => {
          const entry = text(found[index]);
          return entry === '' ? null : parseEntry(entry, text(epoch), number(generation), sequence);
        });
      }),

    async heads(members) {
      const heads = new Map<string, Position>();
      const calls = [...Map.groupBy(new Set(members), (member) => keys.partOf(member))].flatMap(([part, own]) =>
        pieces(own).map((piece) => ({ part, piece })),
      );
      const replies = await use(() => {
        const { epochCandidate, runId } = incarnation();
        const asked = calls.map(({ part, piece }) => ({
          script: 'heads' as const,
          keys: [keys.part(part), ...piece.map((member) => keys.member(member))],
          args: [epochCandidate, runId],
        }));
        return runMany(asked);
      });
      for (const [index, reply] of replies.entries()) {
        const [epoch, generation, ...found] = list(reply);
        for (const [at, member] of (calls[index]?.piece ?? []).entries()) {
          heads.set(member, {
            epoch: text(epoch),
            generation: number(generation),
            sequence: number(found[2 * at]),
            chain: text(found[2 * at + 1]),
          });
        }
      }
      return members.map((member) => heads.get(member) ?? { epoch: '', generation: 0, sequence: 0, chain: '' });
    },

    async latest(member, channel) {
      const value = await use(() => redis.get(keys.latest(member, channel)));
      const event = value === null ? null : parseEvent(value.slice(value.indexOf('|') + 1));
      // The key names only the channel: two members of one hash tag share the name space.
      return event?.member === member ? event : null;
    },

    async acknowledge(member, ids, accounts) {
      const asked = [...new Set(ids)];
      const letters = await inPieces(asked, async (piece) =>
        list(
          await run(() => ({
            script: 'acknowledge',
            keys: [keys.member(member), keys.due(keys.partOf(member))],
            args: [
              member,
              keys.bell(member),
              retention.acknowledgedForMs,
              retention.acknowledgedAtMost,
              coalesceMs(retention),
              accounts?.length ?? -1,
              ...(accounts ?? []).map(accountText),
              ...piece,
            ],
          })),
        ),
      );
      const withLetter = (letter: string) => asked.filter((_, index) => letters[index] === letter);
      return {
        acknowledged: withLetter('A'),
        alreadyAcknowledged: withLetter('B'),
        unknown: withLetter('U'),
      } satisfies Acknowledgement;
    },

    listen: (member, onRing) => doorbell.listen(keys.bell(member), onRing),

    reap: (bury) =>
      reap(
        {
          keys,
          retention,
          run: (call) => run(() => call),
          runAll: runMany,
          lease: async (key, token, ms) => (await use(() => redis.set(key, token, 'PX', ms, 'NX'))) === 'OK',
        },
        bury,
      ),

    health() {
      const reason = commands.failure() ?? doorbell.connection.failure();
      if (reason !== null) return { ok: false, reason };
      return writeFailure === undefined ? { ok: true } : { ok: false, reason: `Redis refuses to write: ${writeFailure}` };
    },

    async close() {
      await Promise.all([commands.close(), doorbell.close()]);
    },
  };
}

function pieces<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / perCall) }, (_, index) =>
    items.slice(index * perCall, (index + 1) * perCall),
  );
}
