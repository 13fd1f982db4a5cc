import { channelOf } from '../../src/event/channel.ts';
import { deliveryId, type MemberEvent } from '../../src/event/event.ts';
import type { EventLog } from '../../src/log/log.ts';

const HOUR = 3_600_000;

/** A critical event of `member`, `n` making it unique. */
export function coverageResult(member: string, n: number | string, more: Partial<MemberEvent> = {}): MemberEvent {
  const attributes = { id: `e-${member}-${n}`, source: '/test', type: 'rte.completed', subject: member };
  return {
    id: deliveryId(attributes.source, attributes.id),
    type: 'rte.completed',
    member,
    channel: channelOf('rte.completed', member, `wf-${n}`),
    occurredAt: Date.now(),
    expiresAt: Date.now() + HOUR,
    accountId: 'A1',
    data: { workflowId: `wf-${n}`, accountId: 'A1' },
    attributes,
    origin: { topic: 'test', partition: 0, offset: 0, timestamp: Date.now() },
    ...more,
  };
}

export function coverageProgress(member: string, n: number | string, percent: number): MemberEvent {
  const data = { workflowId: `wf-${n}`, accountId: 'A1', percent };
  return {
    ...coverageResult(member, `${n}-${percent}`),
    type: 'rte.progress',
    channel: channelOf('rte.progress', member, `wf-${n}`),
    expiresAt: null,
    data,
  };
}

/** A producer that needs no Kafka: applies events to the log under consecutive offsets of a partition of its own. */
export async function createAppender(log: EventLog, topic = `topic-${Math.random().toString(36).slice(2)}`) {
  const writer = log.source(topic, 0);
  let offset = 0;
  await writer.resume();
  await writer.begin(0);
  return async (...events: MemberEvent[]) => {
    const records = events.map((event) => ({ offset: offset++, event, refed: false }));
    const result = await writer.append(offset, records);
    if (result.status !== 'ok') throw new Error(`append answered ${result.status}`);
    return result;
  };
}
