import { catalogue, isEventType } from '../event/catalogue.ts';

/** What the client must know of an event; everything else is the app's. */
export interface EventFacts {
  /** `delivery.id` */
  readonly id: string;
  readonly cursor: string;
  /** Null for best-effort events. */
  readonly sequence: number | null;
  readonly ackRequired: boolean;
  /** Set on what the member closed already, perhaps on another device. */
  readonly acknowledgedAt: string | null;
  /** Null where the document does not ask: then nothing of the stream counts as outstanding. */
  readonly type: string | null;
  readonly channel: string | null;
}

/** An event that has `delivery`, `type` and `channel` under their own names. */
export function factsOf(event: unknown): EventFacts {
  const { delivery, type, channel } = event as { delivery: Omit<EventFacts, 'type' | 'channel'>; type?: string; channel?: string }; // what the document asks for
  const { id, cursor, sequence, ackRequired, acknowledgedAt } = delivery;
  return { id, cursor, sequence, ackRequired, acknowledgedAt, type: type ?? null, channel: channel ?? null };
}

/** No further event is to come on its channel. */
export function isTerminal(type: string): boolean {
  return isEventType(type) && catalogue[type].terminal;
}

/** `call.ended` names its call in the last segment of its channel; null for every other event. */
export function endedCall({ type, channel }: EventFacts): string | null {
  return type === 'call.ended' && channel !== null ? channel.slice(channel.lastIndexOf('/') + 1) : null;
}
