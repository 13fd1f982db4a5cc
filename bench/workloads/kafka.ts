/**
 * E: from Kafka to the client. What serves runs on one core, Kafka, Redis, producer and load client on the other.
 * `1000/s`: latency, from Kafka's acknowledgement. `8000/s`: CPU an event, beside Centrifugo where CENTRIFUGO_BIN names one. `max`: a backlog. `bridge alone`: a backlog
 * into the log, with nobody connected.
 */
import { inTurn } from '../runner/rounds.ts';
import { startBroker, startProducer } from './kafka-broker.ts';
import { startBridge, startCentrifugo, startForwarder, startLifeline } from './kafka-paths.ts';
import { alone, most, perMember, steady, steadyFromKafka } from './kafka-rounds.ts';
import type { Context, Result, Workload } from './workload.ts';

const sockets = 1_000;
const partitions = 4;
const topics = { split: 'split', all: 'all', bare: 'bare', bridge: 'bridge', deadLetters: 'dead' } as const;

export const workload: Workload = { letter: 'E', title: 'Kafka → client', run };

async function* run(context: Context): AsyncIterable<Result> {
  const { profile, roundMs } = context;
  const full = profile === 'full';
  const rounds = full ? context.rounds : Math.min(2, context.rounds);
  const redis = await context.startRedis();
  const kafka = await startBroker(context);
  for (const topic of Object.values(topics)) await kafka.createTopic(topic, partitions);
  const surroundings = {
    brokers: kafka.brokers,
    redisUrl: redis.url,
    deadLetterTopic: topics.deadLetters,
    members: Array.from({ length: sockets }, (_, index) => `m${index}`),
    produce: await startProducer(context, kafka.brokers),
  };

  context.note(`${sockets} sockets behind each path`);
  const paths = [
    await startLifeline(context, surroundings, topics.split, 'split'),
    await startForwarder(context, surroundings, topics.bare),
  ];
  if (full) paths.push(await startLifeline(context, surroundings, topics.all, 'all'));
  const withPeer = [...paths];
  if ((process.env['CENTRIFUGO_BIN'] ?? '') === '') context.note('no Centrifugo: CENTRIFUGO_BIN is not set');
  else withPeer.push(await startCentrifugo(context, { ...surroundings, redisUrl: (await context.startRedis()).url }));

  yield* inRounds(withPeer, rounds, (path) => steady(path, { rate: 8_000, roundMs, sockets }));
  yield* inRounds(paths, rounds, (path) => most(path, (full ? perMember : perMember / 2) * sockets, sockets));
  // Last, because it takes some ten thousand events until latencies no longer fall.
  yield* inRounds(paths, rounds, (path) => steadyFromKafka(path, { rate: 1_000, roundMs, sockets }));

  const bridge = await startBridge(context, surroundings, topics.bridge);
  const backlog = full ? 60_000 : 20_000;
  yield* inRounds([bridge], rounds, () => alone(bridge, redis, surroundings.produce, topics.bridge, backlog));
}

/** Everybody in turn, the first round to warm up. */
async function* inRounds<T>(
  all: readonly T[],
  rounds: number,
  measure: (one: T) => Promise<Omit<Result, 'round'>>,
): AsyncIterable<Result> {
  for (let round = 0; round <= rounds; round++) {
    for (const one of inTurn(all, round)) {
      const line = await measure(one);
      if (round > 0) yield { ...line, round };
    }
  }
}
