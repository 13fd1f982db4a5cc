import type { Entry, Health } from '../log/log.ts';
import type { Reason } from './decode.ts';
import type { KafkaRecord, RecordHeaders } from './records.ts';

/** Where records go that will never be delivered. */
export interface DeadLetters {
  /** Resolves once every in-sync replica has all of them; after a rejection some may be there. Settles within a minute. */
  send(letters: readonly DeadLetter[]): Promise<void>;
  health(): Health;
}

export interface DeadLetter {
  readonly reason: Reason;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: RecordHeaders;
}

/** The record as it was, and why. */
export function deadLetterOf({ key, value, headers, origin }: KafkaRecord, reason: Reason, detail: string): DeadLetter {
  return { reason, key, value, headers: { ...headers, ...explanation(origin, reason, detail) } };
}

/** An entry that expired un-acknowledged: its CloudEvent again, structured, because its record's bytes are not kept. */
export function deadLetterOfEntry({ event }: Entry): DeadLetter {
  return {
    reason: 'expired',
    key: Buffer.from(event.member),
    value: Buffer.from(JSON.stringify({ ...event.attributes, data: event.data })),
    headers: {
      'content-type': 'application/cloudevents+json; charset=UTF-8',
      ...explanation(event.origin, 'expired', 'not acknowledged in time'),
    },
  };
}

function explanation({ topic, partition, offset }: KafkaRecord['origin'], reason: Reason, detail: string): RecordHeaders {
  return {
    'lifeline-reason': reason,
    'lifeline-detail': detail,
    'lifeline-topic': topic,
    'lifeline-partition': String(partition),
    'lifeline-offset': String(offset),
  };
}
