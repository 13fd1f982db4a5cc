import { deliveryId } from '../../../src/event/event.ts';
import { type ExampleEvent, exampleEvent, type ExampleOptions, structuredRecord } from '../../support/events.ts';
import type { Fleet } from './fleet.ts';

type Target = Pick<Fleet, 'kafka' | 'topics'>;

/** Produces events in one go. @returns their delivery ids, once Kafka has acknowledged them */
export async function produce({ kafka, topics }: Target, events: readonly ExampleEvent[]): Promise<string[]> {
  await kafka.produce(topics.coverage, events.map(structuredRecord));
  return events.map(({ source, id }) => deliveryId(source, id));
}

/** As many critical events of one member as asked for, each of a channel of its own. */
export function produceFor(fleet: Target, member: string, count: number, options: ExampleOptions = {}): Promise<string[]> {
  return produce(
    fleet,
    Array.from({ length: count }, (_, nth) =>
      exampleEvent('rte.failed', { member, channelId: `w-${Date.now()}-${nth}`, ...options }),
    ),
  );
}
