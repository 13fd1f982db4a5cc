import { decode, type Decoded } from '../bridge/decode.ts';
import type { KafkaRecord } from '../bridge/records.ts';
import type { EventLog } from '../log/log.ts';

/** The topic that records without a Kafka pretend to come from. */
const topic = 'embedded';

/** A record as it comes over HTTP or from the story: what decides where it stands is added here. */
export type Submitted = Pick<KafkaRecord, 'value' | 'headers'>;

/** Kafka's stand-in: gives records offsets in one partition and applies them to the log, one call after the other. */
export interface Ingest {
  /** All of them or, when one cannot be decoded, none. One answer a record, in their order. */
  submit(records: readonly Submitted[]): Promise<Decoded[]>;
}

export function createIngest(log: EventLog, now: () => number = Date.now): Ingest {
  const writer = log.source(topic, 0);
  let offset = 0;
  let last: Promise<unknown> = writer.resume().then(() => writer.begin(0));

  const apply = async (records: readonly Submitted[]) => {
    const decoded = records.map(({ value, headers }, index) =>
      decode({ key: null, value, headers, origin: { topic, partition: 0, offset: offset + index, timestamp: now() } }, now()),
    );
    const good = decoded.filter((answer) => answer.ok);
    if (good.length < decoded.length) return decoded;
    const end = offset + records.length;
    const result = await writer.append(
      end,
      good.map(({ event }) => ({ offset: event.origin.offset, event, refed: false })),
    );
    if (result.status === 'gap') throw new Error('the memory log lost its position');
    offset = end;
    return decoded;
  };

  return {
    submit(records) {
      const result = last.then(() => apply(records));
      last = result.catch(() => undefined); // its caller has the error
      return result;
    },
  };
}
