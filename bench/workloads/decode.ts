/** K: what it costs to make events of Kafka's bytes, by size of the record batch and compression. */
import type { Codec, Decode, Decoding } from '../load/decoder.ts';
import { conversation } from '../runner/conversation.ts';
import { inTurn } from '../runner/rounds.ts';
import type { Context, Result, Workload } from './workload.ts';

const batches = ([1, 16, 500] as const).flatMap((records) =>
  (['plain', 'gzip'] as const).map((codec: Codec) => ({ records, codec })),
);
const subjects = { lifeline: 'lifeline', json: 'json-parse' } as const satisfies Record<Decoding, string>;
const decodings = Object.keys(subjects) as readonly Decoding[]; // Object.keys loses the literal keys

/** Each of the twelve gets this part of a round. */
const share = 1 / 6;

export const workload: Workload = { letter: 'K', title: 'Kafka record batch → events', run };

async function* run(context: Context): AsyncIterable<Result> {
  const decoder = conversation('decoder', context.startNode(['bench/load/decoder.ts'], { name: 'decoder', core: 0 }));
  const ms = Math.max(100, context.roundMs * share);
  for (let round = 0; round <= context.rounds; round++) {
    for (const { records, codec } of batches) {
      for (const how of inTurn(decodings, round)) {
        const answer = await decoder.ask('decode', { how, codec, records, ms } satisfies Decode, 60_000);
        const { decoded, micros, cpuMicros } = numbers(answer);
        if (round === 0) continue; // warm-up
        yield {
          workload: 'K',
          server: subjects[how],
          variant: `${codec} ${records}`,
          round,
          rate: decoded / (micros / 1e6),
          cpuPerEvent: cpuMicros / decoded,
        };
      }
    }
  }
}

function numbers(answer: Readonly<Record<string, unknown>>) {
  const at = (key: string) => Number(answer[key]);
  return { decoded: at('decoded'), micros: at('micros'), cpuMicros: at('cpuMicros') };
}
