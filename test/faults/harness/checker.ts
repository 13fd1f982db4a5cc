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
  /** What a device had just been handed, had not acknowledged, and did not find when it asked for what is pending. */
  readonly unpolled?: readonly { readonly member: string; readonly id: string }[];
  /** What did not go back to where it was before the clients came, by name. */
  readonly leaks: readonly string[];
  /** What the fault is known to bring with it. */
  readonly allowed: {
    /** Everything was lost: acknowledged events come again, flagged. */
    readonly resurrection?: boolean;
    /** A member's order across its re-fed events. */
    readonly reorder?: boolean;
    /** How long a copy may be on its way, ms, where processes freeze and links are slow: 1 000. */
    readonly onItsWayMs?: number;
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

function* lost({ produced, deliveries, acknowledged, pending, deadLetters, unpolled = [] }: History): Generator<Finding> {
  for (const { id, member } of unpolled) {
    yield { verdict: 'lost', what: `${id} of ${member}: delivered, not acknowledged, and no query told of it` };
  }
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

function* perDevice({ produced, deliveries, acknowledged, allowed }: History): Generator<Finding> {
  const closed = closedAt(acknowledged);
  const devices = Map.groupBy(deliveries, ({ device }) => device);
  const order = new Map(produced.map(({ id }, index) => [id, index]));
  for (const [device, copies] of devices) {
    const seen = new Set<string>();
    const first = copies.find(({ id }) => order.has(id));
    const oldest = order.get(first?.id ?? '') ?? Number.POSITIVE_INFINITY;
    let newest = -1;
    for (const copy of copies) {
      const repeat = seen.has(copy.id);
      const flagged = copy.attempt > 1 || copy.replayed;
      if (repeat && !flagged) yield { verdict: 'unflagged-duplicate', what: `${copy.id} at ${device}` };
      const place = order.get(copy.id);
      if (!repeat && place !== undefined) {
        // Closed before the device came, and open again since the log lost that: it comes as late as the loss did.
        const reopened = allowed.resurrection === true && copy.replayed && place < oldest;
        if (place < newest && allowed.reorder !== true && !reopened)
          yield { verdict: 'order', what: `${copy.id} at ${device} came after what was produced later` };
        newest = Math.max(newest, place);
      }
      seen.add(copy.id);
    }
    // Devices resume with their newest cursor and are there until the end: what was produced after their first event and
    // never came, they were told they had. What another one had closed before they came they are not told of.
    const member = first?.of;
    const cameAt = first?.at ?? 0;
    for (const { id, member: of } of produced) {
      const place = order.get(id) ?? 0;
      if (of === member && place > oldest && !seen.has(id) && !((closed.get(id) ?? Number.POSITIVE_INFINITY) < cameAt)) {
        yield { verdict: 'false-recovered', what: `${id} never came to ${device}, which was told that nothing is missing` };
      }
    }
  }
}

/** When each id was first answered as acknowledged. */
function closedAt(acknowledged: History['acknowledged']): ReadonlyMap<string, number> {
  const at = new Map<string, number>();
  for (const ack of acknowledged) at.set(ack.id, Math.min(ack.at, at.get(ack.id) ?? Number.POSITIVE_INFINITY));
  return at;
}

/** How long a copy may still be on its way when its acknowledgement is answered, ms, unless the fault is about that. */
const onItsWayMs = 1_000;

function* resurrected({ deliveries, acknowledged, allowed }: History): Generator<Finding> {
  if (allowed.resurrection === true) return;
  const at = closedAt(acknowledged);
  for (const { id, device, attempt, at: when } of deliveries) {
    const closed = at.get(id);
    if (closed !== undefined && attempt > 1 && when > closed + (allowed.onItsWayMs ?? onItsWayMs))
      yield { verdict: 'resurrected', what: `${id} was sent again to ${device} after its acknowledgement` };
  }
}

/** How long each event waited between Kafka's acknowledgement and its first copy at any device, s, ascending. */
export function gaps({ produced, deliveries }: Pick<History, 'produced' | 'deliveries'>): number[] {
  const first = new Map<string, number>();
  for (const { id, at } of deliveries) first.set(id, Math.min(at, first.get(id) ?? Number.POSITIVE_INFINITY));
  const waits = produced.flatMap(({ id, at }) => (first.has(id) ? [Math.max(0, (first.get(id) ?? at) - at) / 1_000] : []));
  return waits.toSorted((a, b) => a - b);
}

/** The longest of them. */
export function worstGap(history: Pick<History, 'produced' | 'deliveries'>): number {
  return gaps(history).at(-1) ?? 0;
}

/** Of ascending numbers; 0 of none. */
export function quantile(ascending: readonly number[], share: number): number {
  return ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * share))] ?? 0;
}
