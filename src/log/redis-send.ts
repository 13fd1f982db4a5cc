import { isRedirection, type RedisNode, type RedisNodes } from './redis-nodes.ts';
import type { ScriptName, Scripts } from './redis-scripts.ts';

/** Stands in the arguments of a script for the run_id of the server that will run it, which is known only when it is sent. */
export const runIdOfServer = Symbol('run_id');

/** All keys are of one hash tag; the first one says where the call goes. */
export type RedisCall =
  | {
      readonly script: ScriptName;
      readonly keys: readonly [string, ...string[]];
      readonly args: readonly (string | number | typeof runIdOfServer)[];
    }
  | {
      readonly command: 'get' | 'hget' | 'set';
      readonly keys: readonly [string];
      readonly args: readonly (string | number)[];
    };

export type RedisAnswer = { readonly ok: true; readonly reply: unknown } | { readonly ok: false; readonly error: Error };

/** How long calls follow servers that point elsewhere, ms. */
const followForMs = 2_000;

interface Pending {
  readonly index: number;
  readonly call: RedisCall;
}

/** Calls of one slot, in order. */
interface SlotCalls {
  readonly slot: number;
  readonly calls: readonly Pending[];
  /** Where a server said they should go; otherwise to the slot's owner. */
  readonly to?: { readonly node: RedisNode; readonly asking: boolean };
}

/**
 * Sends calls to the servers that have their keys, in one round trip per server, all servers at once. Calls of one slot are executed in
 * order. Every answer stands by itself, because a call that failed does not stop the ones behind it. Never rejects.
 */
export async function send(nodes: RedisNodes, scripts: Scripts, calls: readonly RedisCall[]): Promise<RedisAnswer[]> {
  const [only] = calls;
  return calls.length === 1 && only !== undefined ? [await sendOne(nodes, scripts, only)] : sendTogether(nodes, scripts, calls);
}

/** As `send`, what most calls are: one. */
export async function sendOne(nodes: RedisNodes, scripts: Scripts, call: RedisCall): Promise<RedisAnswer> {
  const answer = (await sendAlone(nodes, scripts, call)) ?? (await sendTogether(nodes, scripts, [call]))[0];
  return answer ?? silence();
}

/**
 * What most calls are, acknowledgements first of all, on the way that they usually go: the connection's own pipeline takes together what is
 * sent in the same tick. Null: it was not executed, and has to go another way.
 */
async function sendAlone(nodes: RedisNodes, scripts: Scripts, call: RedisCall): Promise<RedisAnswer | null> {
  try {
    const node = await nodes.owner(nodes.slotOf(call.keys[0]));
    const [name, args] = words(call, node, scripts, 'evalsha');
    return { ok: true, reply: await node.redis.call(name, ...args) };
  } catch (reason) {
    const error = asError(reason);
    return isRedirection(error) || isUnknownScript(error) ? null : { ok: false, error };
  }
}

async function sendTogether(nodes: RedisNodes, scripts: Scripts, calls: readonly RedisCall[]): Promise<RedisAnswer[]> {
  const answers: RedisAnswer[] = [];
  const bySlot = Map.groupBy(calls.entries(), ([, call]) => nodes.slotOf(call.keys[0]));
  let batches: SlotCalls[] = [...bySlot].map(([slot, own]) => ({ slot, calls: own.map(([index, call]) => ({ index, call })) }));
  const until = performance.now() + followForMs;

  const fail = (some: readonly Pending[], reason: unknown) => {
    for (const { index } of some) answers[index] = { ok: false, error: asError(reason) };
  };
  /** What of a batch has to go elsewhere; null when all of it is answered. */
  const rest = async ({ slot, calls: own }: SlotCalls, node: RedisNode, attempt: number): Promise<SlotCalls | null> => {
    // Their order counts, and each of them may be repeated: from the first one that was pointed elsewhere on all are sent again.
    const first = own.findIndex(({ index }) => redirectionIn(answers[index]) !== null);
    const { index = -1 } = own[first] ?? {};
    const error = redirectionIn(answers[index]);
    if (error === null) return null;
    if (performance.now() > until) {
      // Which of the two nodes was asked last says nothing.
      if (!error.message.startsWith('CLUSTERDOWN')) error.message = `hash slot ${slot} is between two nodes of the Cluster`;
      return null;
    }
    try {
      const to = await nodes.redirect(slot, node, error, attempt);
      return to && { slot, calls: own.slice(first), to };
    } catch (failure) {
      fail(own.slice(first), failure);
      return null;
    }
  };
  const deliver = async (node: RedisNode, some: readonly SlotCalls[], attempt: number): Promise<(SlotCalls | null)[]> => {
    for (const [index, answer] of await execute(node, scripts, some)) answers[index] = answer;
    return Promise.all(some.map((batch) => rest(batch, node, attempt)));
  };

  for (let attempt = 0; batches.length > 0; attempt++) {
    const placed = await Promise.all(
      batches.map(async (batch) => {
        try {
          return { batch, node: batch.to?.node ?? (await nodes.owner(batch.slot)) };
        } catch (failure) {
          fail(batch.calls, failure);
          return null;
        }
      }),
    );
    const perNode = Map.groupBy(
      placed.filter((each) => each !== null),
      ({ node }) => node,
    );
    const left = await Promise.all(
      [...perNode].map(([node, own]) =>
        deliver(
          node,
          own.map(({ batch }) => batch),
          attempt,
        ),
      ),
    );
    batches = left.flat().filter((batch) => batch !== null);
  }
  return calls.map((_, index) => answers[index] ?? silence());
}

/** One round trip, and a second one where the server has forgotten its scripts. */
async function execute(node: RedisNode, scripts: Scripts, batches: readonly SlotCalls[]): Promise<Map<number, RedisAnswer>> {
  const answers = await transmit(node, scripts, batches, 'evalsha');
  // Scripts were flushed: SCRIPT FLUSH, or a restart behind a proxy that kept our connection. What was not found had no effect; from the
  // first such call of a slot on all are sent again, because their order counts and each of them may be repeated.
  const unknown = batches.flatMap((batch) => {
    const first = batch.calls.findIndex(({ index }) => {
      const answer = answers.get(index);
      return answer?.ok === false && isUnknownScript(answer.error);
    });
    return first < 0 ? [] : [{ ...batch, calls: batch.calls.slice(first) }];
  });
  if (unknown.length > 0) for (const [index, answer] of await transmit(node, scripts, unknown, 'eval')) answers.set(index, answer);
  return answers;
}

async function transmit(node: RedisNode, scripts: Scripts, batches: readonly SlotCalls[], how: 'evalsha' | 'eval') {
  const answers = new Map<number, RedisAnswer>();
  const all = batches.flatMap(({ calls, to }) => calls.map((pending) => ({ ...pending, asking: to?.asking === true })));
  try {
    const pipeline = node.redis.pipeline();
    const places: (number | null)[] = [];
    for (const { index, call, asking } of all) {
      if (asking) {
        pipeline.asking(); // for the next command only
        places.push(null);
      }
      const [name, args] = words(call, node, scripts, how);
      pipeline.call(name, ...args);
      places.push(index);
    }
    const replies = (await pipeline.exec()) ?? [];
    for (const [at, index] of places.entries()) {
      const [error, reply] = replies[at] ?? [new Error('Redis did not answer.')];
      if (index !== null) answers.set(index, error ? { ok: false, error } : { ok: true, reply });
    }
  } catch (error) {
    for (const { index } of all) if (!answers.has(index)) answers.set(index, { ok: false, error: asError(error) });
  }
  return answers;
}

/** A call as Redis reads it. */
function words(call: RedisCall, node: RedisNode, scripts: Scripts, how: 'evalsha' | 'eval'): [string, (string | number)[]] {
  if ('command' in call) return [call.command, [...call.keys, ...call.args]];
  const { sha, source } = scripts.get(call.script);
  const args = call.args.map((arg) => (arg === runIdOfServer ? node.runId() : arg));
  return [how, [how === 'evalsha' ? sha : source, call.keys.length, ...call.keys, ...args]];
}

function silence(): RedisAnswer {
  return { ok: false, error: new Error('Redis did not answer.') };
}

function redirectionIn(answer: RedisAnswer | undefined): Error | null {
  return answer?.ok === false && isRedirection(answer.error) ? answer.error : null;
}

function isUnknownScript({ message }: Error): boolean {
  return message.startsWith('NOSCRIPT');
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
