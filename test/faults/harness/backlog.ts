import type { EventType } from '../../../src/event/catalogue.ts';
import { exampleEvent, structuredRecord } from '../../support/events.ts';
import { eventually } from '../../support/eventually.ts';
import { acknowledge, type Answer, type EventNode, request } from '../../support/graphql.ts';
import { kafkaTools } from '../../support/kafka.ts';
import type { Fleet } from './fleet.ts';

const batch = 1_000;

/** Produces this many events for one member, and waits until that many are pending. */
export async function fillBacklog(
  fleet: Fleet,
  member: string,
  token: string,
  count: number,
  { prefix = 'b', type = 'rte.failed' }: { readonly prefix?: string; readonly type?: EventType } = {},
): Promise<void> {
  const kafka = kafkaTools(fleet.kafka.brokers);
  try {
    for (let at = 0; at < count; at += batch) {
      const numbers = Array.from({ length: Math.min(batch, count - at) }, (_, n) => at + n);
      const events = numbers.map((n) => exampleEvent(type, { member, id: `${member}-${prefix}-${n}`, channelId: `w-${n}` }));
      await kafka.produce(fleet.topics.coverage, events.map(structuredRecord));
    }
  } finally {
    await kafka.close();
  }
  await eventually(async () => (await pendingOf(fleet, token, count)).length === count, { withinMs: 60_000, what: 'the backlog' });
}

type Page = { memberEvents: { nodes: EventNode[]; pageInfo: { endCursor: string; hasNextPage: boolean } } };
const pageQuery =
  'query ($channel: String!, $after: String) { memberEvents(channel: $channel, after: $after, first: 1000) { nodes { delivery { id cursor acknowledgedAt } } pageInfo { endCursor hasNextPage } } }';

/** The ids that the member has not acknowledged, oldest first, and the cursor of each; at most `most`. */
export async function pendingOf(fleet: Fleet, token: string, most = Number.POSITIVE_INFINITY): Promise<EventNode['delivery'][]> {
  const url = fleet.gateways.find(({ alive }) => alive)?.lifeline.url ?? '';
  const member = (JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { sub: string }).sub; // our own token
  const found: EventNode['delivery'][] = [];
  let after: string | null = null;
  while (found.length < most) {
    const answer: Answer<Page> = await request<Page>(url, token, pageQuery, { channel: `/member/${member}/**`, after });
    if (answer.data === undefined || answer.data === null) break;
    const { nodes, pageInfo } = answer.data.memberEvents;
    found.push(...nodes.map(({ delivery }) => delivery).filter(({ acknowledgedAt }) => acknowledgedAt === null));
    if (!pageInfo.hasNextPage) break;
    after = pageInfo.endCursor;
  }
  return found;
}

/** Acknowledges them all, a thousand at a time. */
export async function acknowledgeAll(url: string, token: string, ids: readonly string[]): Promise<void> {
  for (let at = 0; at < ids.length; at += batch) await request(url, token, acknowledge, { ids: ids.slice(at, at + batch) });
}
