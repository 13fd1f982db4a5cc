import { randomUUID } from 'node:crypto';

import type { EventType } from '../../src/event/catalogue.ts';
import { exampleEvent } from './events.ts';
import type { Lifeline } from './lifeline.ts';

/** A member of an embedded server that nobody else uses, and what happens to it. */
export function newMember(lifeline: Lifeline) {
  const member = `m-${randomUUID().slice(0, 8)}`;
  const token = async () => (await fetch(new URL(`/dev/token?member=${member}&accounts=A123`, lifeline.url))).text();
  return {
    member,
    token,
    async send(type: EventType, channelId: string, data: Record<string, string | number> = {}) {
      const response = await fetch(new URL('/dev/events', lifeline.url), {
        method: 'POST',
        headers: { 'content-type': 'application/cloudevents+json' },
        body: JSON.stringify(exampleEvent(type, { member, channelId, data })),
      });
      if (response.status !== 202) throw new Error(await response.text());
    },
    async pending(): Promise<number> {
      const response = await fetch(lifeline.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${await token()}` },
        body: JSON.stringify({ query: '{ pendingDeliveries { nodes { delivery { id } } } }' }),
      });
      const { data } = (await response.json()) as { data: { pendingDeliveries: { nodes: object[] } } };
      return data.pendingDeliveries.nodes.length;
    },
  };
}

export type Member = ReturnType<typeof newMember>;
