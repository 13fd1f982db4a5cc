/** What a run was, as everybody who took part noted it. Instants are ms since the epoch. */
export interface History {
  /** What Kafka acknowledged, in the order of each member's production. */
  readonly produced: readonly Produced[];
  /** What devices were handed, in the order of each device. */
  readonly deliveries: readonly Delivered[];
  /** Ids that a call answered as acknowledged, now or before. */
  readonly acknowledged: readonly { readonly member: string; readonly id: string; readonly at: number }[];
  /** At the end of the run. */
  readonly pending: readonly { readonly member: string; readonly id: string }[];
  readonly deadLetters: readonly { readonly id: string }[];
  /** What did not go back to where it was before the clients came, by name. */
  readonly leaks: readonly string[];
  /** What the fault is known to bring with it. */
  readonly allowed: {
    /** Everything was lost: acknowledged events come again, flagged. */
    readonly resurrection?: boolean;
    /** A member's order across its re-fed events. */
    readonly reorder?: boolean;
  };
}

export interface Produced {
  readonly member: string;
  readonly id: string;
  readonly at: number;
}

export interface Delivered {
  readonly device: string;
  readonly member: string;
  /** Whose token the device has. */
  readonly of: string;
  readonly id: string;
  readonly sequence: number | null;
  readonly attempt: number;
  readonly replayed: boolean;
  readonly at: number;
  /** Counts the device's connections; what came by query is on none. */
  readonly connection: number | null;
}

export type Verdict = 'lost' | 'foreign' | 'order' | 'unflagged-duplicate' | 'false-recovered' | 'resurrected' | 'leak';

export interface Finding {
  readonly verdict: Verdict;
  readonly what: string;
}

/** Everything that is wrong with a history. Pure. */
export function check(history: History): Finding[] {
  return [
    ...lost(history),
    ...foreign(history),
    ...perDevice(history),
    ...resurrected(history),
    ...history.leaks.map((what) => ({ verdict: 'leak' as const, what })),
  ];
}

function* lost({ produced, deliveries, acknowledged, pending, deadLetters }: History): Generator<Finding> {
  const acked = new Set(acknowledged.map(({ id }) => id));
  const delivered = new Set(deliveries.map(({ id }) => id));
  const kept = new Set([...pending, ...deadLetters].map(({ id }) => id));
  for (const { id, member } of produced) {
    const settled = (acked.has(id) && delivered.has(id)) || kept.has(id);
    if (!settled)
      yield {
        verdict: 'lost',
        what: `${id} of ${member}: ${delivered.has(id) ? 'delivered, and gone without an acknowledgement' : 'never delivered'}`,
      };
  }
}

function* foreign({ produced, deliveries }: History): Generator<Finding> {
  const owner = new Map(produced.map(({ id, member }) => [id, member]));
  for (const { id, member, of } of deliveries) {
    const own = owner.get(id);
    if (member !== of || (own !== undefined && own !== of))
      yield { verdict: 'foreign', what: `${id} of ${own ?? member} came to ${of}` };
  }
}

function* perDevice({ produced, deliveries, allowed }: History): Generator<Finding> {
  const devices = Map.groupBy(deliveries, ({ device }) => device);
  const order = new Map(produced.map(({ id }, index) => [id, index]));
  for (const [device, copies] of devices) {
    const seen = new Set<string>();
    let newest = -1;
    for (const copy of copies) {
      const repeat = seen.has(copy.id);
      const flagged = copy.attempt > 1 || copy.replayed;
      if (repeat && !flagged) yield { verdict: 'unflagged-duplicate', what: `${copy.id} at ${device}` };
      const place = order.get(copy.id);
      if (!repeat && place !== undefined) {
        if (place < newest && allowed.reorder !== true)
          yield { verdict: 'order', what: `${copy.id} at ${device} came after what was produced later` };
        newest = Math.max(newest, place);
      }
      seen.add(copy.id);
    }
    // Devices resume with their newest cursor and are there until the end: what was produced after their first event and
    // never came, they were told they had.
    const member = copies[0]?.of;
    const oldest = Math.min(...copies.map(({ id }) => order.get(id) ?? Number.POSITIVE_INFINITY));
    for (const { id, member: of } of produced) {
      const place = order.get(id) ?? 0;
      if (of === member && place > oldest && !seen.has(id)) {
        yield { verdict: 'false-recovered', what: `${id} never came to ${device}, which was told that nothing is missing` };
      }
    }
  }
}

/** How long a copy may still be on its way when its acknowledgement is answered. */
const onItsWayMs = 1_000;

function* resurrected({ deliveries, acknowledged, allowed }: History): Generator<Finding> {
  if (allowed.resurrection === true) return;
  const at = new Map<string, number>();
  for (const ack of acknowledged) at.set(ack.id, Math.min(ack.at, at.get(ack.id) ?? Number.POSITIVE_INFINITY));
  for (const { id, device, attempt, at: when } of deliveries) {
    const closed = at.get(id);
    if (closed !== undefined && attempt > 1 && when > closed + onItsWayMs)
      yield { verdict: 'resurrected', what: `${id} was sent again to ${device} after its acknowledgement` };
  }
}

/** The longest any event waited between Kafka's acknowledgement and its first copy at any device, s. */
export function worstGap({ produced, deliveries }: History): number {
  const first = new Map<string, number>();
  for (const { id, at } of deliveries) first.set(id, Math.min(at, first.get(id) ?? Number.POSITIVE_INFINITY));
  const gaps = produced.flatMap(({ id, at }) => (first.has(id) ? [((first.get(id) ?? at) - at) / 1_000] : []));
  return Math.max(0, ...gaps);
}
