import { randomUUID } from 'node:crypto';

import { LifelineError } from '../errors.ts';
import type { Logger } from '../operations/logger.ts';
import { parseRedisUrl } from '../redis-url.ts';
import { createDoorbell } from './doorbell.ts';
import { accountText, parseEntry, parseEvent } from './entry-text.ts';
import { type Acknowledgement, defaultRetention, type EventLog, type Page, type Position, type Retention } from './log.ts';
import { isCrossSlot } from './redis-append.ts';
import { createClusterTopology } from './redis-cluster.ts';
import { createKeys } from './redis-keys.ts';
import { createRedisNodes } from './redis-nodes.ts';
import { coalesceMs, reap } from './redis-reap.ts';
import { list, number, text } from './redis-reply.ts';
import { createScripts } from './redis-scripts.ts';
import { type RedisCall, runIdOfServer, send, sendOne } from './redis-send.ts';
import { checkDivision, inspectServer } from './redis-server.ts';
import { createRedisSource } from './redis-source.ts';
import { createSingleTopology } from './redis-topology.ts';

/** Entry text in one page, and sequences looked at for it: what keeps a read short for Redis and its answer small for the heap. */
const pageBytes = 1024 * 1024;
const pageLooked = 2_000;
/** Members, sequences or ids that one script call names at most. */
const perCall = 500;

export interface RedisLogOptions {
  /** One server, Sentinels, or the nodes of a Cluster: `parseRedisUrl` tells the forms. */
  readonly url: string;
  /** PEM of the authority that signed the servers' certificates, where it is not a public one; only for TLS. */
  readonly tlsCa?: string | undefined;
  /** In front of every key. Default `lifeline`. */
  readonly prefix?: string | undefined;
  /** Into how many hash tags members are divided; fixed for the life of the data. Default 128. */
  readonly hashTags?: number | undefined;
  readonly retention?: Retention | undefined;
  readonly logger: Logger;
}

/**
 * The log in Redis: one server, a primary that Sentinels name, or a Cluster. Connects in the background, for ever; until it is connected calls reject with UNAVAILABLE within three seconds.
 * `ready` resolves once it is, and rejects when this Redis must not be used (it may evict, or holds a log of another shape).
 */
export type RedisLog = EventLog & { readonly ready: Promise<void> };

export function createRedisLog({
  prefix = 'lifeline',
  hashTags = 128,
  retention = defaultRetention,
  logger,
  url,
  tlsCa,
}: RedisLogOptions): RedisLog {
  const keys = createKeys(prefix, hashTags);
  const log = logger.child({ part: 'log' });
  /** Why writes fail though Redis answers (out of memory, failing disk); undefined while they do not. */
  let writeFailure: string | undefined;

  const address = parseRedisUrl(url);
  /** Until a server says that keys of several hash tags are none of its business: a Cluster of one node, a proxy. */
  let mayShare = address.kind !== 'cluster';
  const parts = Array.from({ length: keys.parts }, (_, part) => keys.part(part));
  const topology =
    address.kind === 'cluster'
      ? createClusterTopology({ address, tlsCa, keys: [keys.meta, ...parts], log })
      : createSingleTopology(address, tlsCa);
  const scripts = createScripts(topology.sharded);
  const nodes = createRedisNodes({
    topology,
    first: keys.meta,
    log,
    inspect: (redis) => inspectServer(redis, { asCluster: topology.sharded }),
    inspectFirst: (redis) => checkDivision(redis, keys),
    async prepare(redis) {
      await scripts.load(redis);
      writeFailure = undefined; // of another connection
    },
    onOtherServer: (address) => doorbell.doubt(address),
  });
  const doorbell = createDoorbell(topology, logger.child({ part: 'doorbell' }), (address) => nodes.runIdAt(address));

  // Errors of ioredis carry the command with all its arguments, payloads and passwords too: only the sentence goes on.
  const asUnavailable = (error: Error) =>
    error instanceof LifelineError ? error : new LifelineError('UNAVAILABLE', undefined, { cause: new Error(error.message) });
  // 48 random bits. Every call brings one, and Node draws those of a UUID in advance.
  const epochCandidate = () => randomUUID().slice(-12);

  /** Answers in the order of the calls; every way to fail is UNAVAILABLE. */
  const runAll = async (calls: readonly RedisCall[]): Promise<unknown[]> =>
    (await send(nodes, scripts, calls)).map((answer) => {
      if (answer.ok) return answer.reply;
      throw asUnavailable(answer.error);
    });
  const run = async (call: RedisCall): Promise<unknown> => {
    const answer = await sendOne(nodes, scripts, call);
    if (answer.ok) return answer.reply;
    throw asUnavailable(answer.error);
  };

  /** What was asked of a member in pieces, in one list. */
  const inPieces = async <T, R>(items: readonly T[], ask: (piece: readonly T[]) => Promise<readonly R[]>): Promise<R[]> =>
    (await Promise.all(pieces(items).map(ask))).flat();

  return {
    ready: nodes.ready,

    source: (topic, partition) =>
      createRedisSource(
        {
          keys,
          mayShare: () => mayShare,
          onCrossSlot: () => (mayShare = false),
          epochCandidate,
          unavailable: asUnavailable,
          async run(calls) {
            // Nothing to do is no success while there is nobody to do it.
            if (calls.length === 0) await nodes.owner(nodes.slotOf(keys.meta));
            return send(nodes, scripts, calls);
          },
          onAnswers(answers) {
            // Only what Redis itself said: a broken connection has a health of its own.
            const failed = answers.find((answer) => !answer.ok && answer.error.name === 'ReplyError');
            const failure = failed?.ok === false ? failed.error.message : undefined;
            if (failure !== undefined && failure !== writeFailure) log.error({ reason: failure }, 'Redis refuses to write');
            const recovered = failure === undefined && writeFailure !== undefined && answers.some(({ ok }) => ok);
            if (recovered) log.info({}, 'Redis writes again');
            if (failure !== undefined || recovered) writeFailure = failure;
          },
          async fields(hashes, field) {
            const [first, ...others] = hashes;
            if (mayShare && first !== undefined) {
              const answer = await sendOne(nodes, scripts, { script: 'positions', keys: [first, ...others], args: [field] });
              if (answer.ok) return list(answer.reply);
              if (!isCrossSlot(answer.error)) throw asUnavailable(answer.error);
              mayShare = false;
            }
            return runAll(hashes.map((hash) => ({ command: 'hget', keys: [hash], args: [field] })));
          },
        },
        topic,
        partition,
      ),

    async read(member, { after, pendingOnly = false, from = 0, limit }) {
      const known = after ?? { epoch: '', generation: 0, sequence: 0, chain: '' };
      const reply = list(
        await run({
          script: 'read',
          keys: [keys.part(keys.partOf(member)), keys.member(member)],
          args: [
            epochCandidate(),
            runIdOfServer,
            known.epoch,
            known.generation,
            known.sequence,
            known.chain,
            pendingOnly ? 1 : 0,
            from,
            Math.max(limit, 1),
            pageBytes,
            pageLooked,
          ],
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
          await run({
            script: 'fetch',
            keys: [keys.part(keys.partOf(member)), keys.member(member)],
            args: [epochCandidate(), runIdOfServer, ...piece],
          }),
        );
        return piece.map((sequence, index) => {
          const entry = text(found[index]);
          return entry === '' ? null : parseEntry(entry, text(epoch), number(generation), sequence);
        });
      }),

    partOf: (member) => keys.partOf(member),

    async heads(members) {
      const heads = new Map<string, Position>();
      const calls = [...Map.groupBy(new Set(members), (member) => keys.partOf(member))].flatMap(([part, own]) =>
        pieces(own).map((piece) => ({ part, piece })),
      );
      const replies = await runAll(
        calls.map(({ part, piece }) => ({
          script: 'heads',
          keys: [keys.part(part), ...piece.map((member) => keys.member(member))],
          args: [epochCandidate(), runIdOfServer],
        })),
      );
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
      const value = await run({ command: 'get', keys: [keys.latest(member, channel)], args: [] });
      const event = value === null ? null : parseEvent(text(value).slice(text(value).indexOf('|') + 1));
      // The key names only the channel: two members of one hash tag share the name space.
      return event?.member === member ? event : null;
    },

    async acknowledge(member, ids, accounts) {
      const asked = [...new Set(ids)];
      const letters = await inPieces(asked, async (piece) =>
        list(
          await run({
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
          }),
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
          run,
          runAll,
          lease: async (key, token, ms) => (await run({ command: 'set', keys: [key], args: [token, 'PX', ms, 'NX'] })) === 'OK',
        },
        bury,
      ),

    health() {
      const reason = nodes.failure() ?? doorbell.failure();
      if (reason !== null) return { ok: false, reason };
      return writeFailure === undefined ? { ok: true } : { ok: false, reason: `Redis refuses to write: ${writeFailure}` };
    },

    async close() {
      await Promise.all([topology.close(), nodes.close(), doorbell.close()]);
    },
  };
}

function pieces<T>(items: readonly T[]): (readonly T[])[] {
  if (items.length > 0 && items.length <= perCall) return [items];
  return Array.from({ length: Math.ceil(items.length / perCall) }, (_, index) =>
    items.slice(index * perCall, (index + 1) * perCall),
  );
}
