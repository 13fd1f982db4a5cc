import { eventJson, type Stamp } from '../servers/event.ts';

export interface ProducedMessage {
  readonly key: string;
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
}

const headers = { 'content-type': 'application/cloudevents+json; charset=UTF-8' };

/** The event as its service produces it: a structured CloudEvent, keyed by member. `run` makes its id one that no other run has. */
export function kafkaRecord(stamp: Stamp, run: string): ProducedMessage {
  const { member, sequence } = stamp;
  const attributes =
    `"specversion":"1.0","id":"${run}-${member}-${sequence}","source":"/services/realtime-eligibility","type":"rte.completed",` +
    `"subject":"${member}","time":"${new Date().toISOString()}","datacontenttype":"application/json"`;
  return { key: member, value: `{${attributes},"data":${eventJson(stamp)}}`, headers };
}
