import type { MemberEvent } from '../../src/event/event.ts';
import { accountId, coverage, type Stamp, workflowId } from './event.ts';

const source = '/services/realtime-eligibility';
const type = 'rte.completed';
const weekMs = 7 * 24 * 3_600_000;

/** The event as the product's bridge would have decoded it, from the record at `offset` of the `bench` topic. */
export function memberEvent(stamp: Stamp, offset: number, run: string): MemberEvent {
  const { member, sequence } = stamp;
  const now = Date.now();
  const workflow = workflowId(stamp);
  // As unique and as long as the real one, without the hash that the bridge takes, in another process, of source and id.
  const id = `${run}${member}.${sequence}`.padEnd(22, '_');
  return {
    id,
    type,
    member,
    channel: `/member/${member}/rte/${workflow}`,
    occurredAt: now,
    expiresAt: now + weekMs,
    accountId,
    data: { workflowId: workflow, accountId, coverage: coverage() },
    attributes: {
      specversion: '1.0',
      id,
      source,
      type,
      subject: member,
      time: instant(now),
      datacontenttype: 'application/json',
    },
    origin: { topic: 'bench', partition: 0, offset, timestamp: now },
  };
}

let lastMs = 0;
let lastText = '';

/** A Date a millisecond, not one an event: the generator must cost next to nothing. */
function instant(ms: number): string {
  if (ms !== lastMs) {
    lastMs = ms;
    lastText = new Date(ms).toISOString();
  }
  return lastText;
}
