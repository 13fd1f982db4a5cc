import { decide } from '../auth/allow.ts';
import { LifelineError } from '../errors.ts';
import type { EventLog, Position } from '../log/log.ts';
import type { Delivery, DeliveryPage, PageRequest } from './delivery.ts';

/** Entries looked at in one read; a sparse filter takes several. */
const readAtMost = 500;

/**
 * The poll path: the same entries a subscription would get, asked for. The end position is the head as it was read together with the last
 * entries, so that subscribing with it misses nothing.
 *
 * @throws LifelineError RESYNC_REQUIRED when the log of `after` is gone
 */
export async function readPage(log: EventLog, request: PageRequest, now: () => number): Promise<DeliveryPage> {
  const { principal, filter, first, pendingOnly = false } = request;
  const { member } = principal;
  const deliveries: Delivery[] = [];
  let { after } = request;
  let from = after?.sequence ?? 0;
  let end: Position | undefined;
  let began: Position | undefined;
  for (;;) {
    const page = await log.read(member, { after, from, pendingOnly, limit: Math.min(first + 1, readAtMost) });
    began ??= page.head;
    if (page.continuity === 'lost' || page.head.epoch !== began.epoch) throw new LifelineError('RESYNC_REQUIRED');
    const rewound = page.continuity === 'rewound';
    if (rewound || page.head.generation !== began.generation) {
      // What stood at the cursor was lost in a failover: all there is comes again, and the client drops what it knows. And where a failover
      // came between two reads, the first ones may be of what is no more.
      if (rewound) after = { ...page.head, sequence: 0, chain: '' };
      from = after?.sequence ?? 0;
      deliveries.length = 0;
      end = undefined;
      began = page.head;
      continue;
    }
    for (const entry of page.entries) {
      const visible = decide(principal, { do: 'see', member: entry.event.member, account: entry.event.accountId }) === 'allow';
      if (!visible || !filter(entry.event)) continue;
      if (deliveries.length === first) return { deliveries, end: end ?? page.head, hasNext: true };
      const { event, position, acknowledgedAt } = entry;
      deliveries.push({ event, position, sequence: position.sequence, attempt: 1, replayed: true, acknowledgedAt, sentAt: now() });
      end = position;
    }
    if (page.done) return { deliveries, end: page.head, hasNext: false };
    from = page.scannedTo;
  }
}
