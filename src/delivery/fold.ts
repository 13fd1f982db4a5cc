import { isEventType, type EventType } from '../event/catalogue.ts';
import type { Json, MemberEvent } from '../event/event.ts';

export type VideoVisitStatus = 'ACCEPTED' | 'READY' | 'JOINABLE' | 'EXTENDING' | 'ENDED';

/** Where one call stands. Instants are ms since the epoch. */
export interface VideoVisit {
  readonly callId: string;
  readonly status: VideoVisitStatus;
  readonly providerName: string | null;
  readonly joinUrl: string | null;
  readonly endReason: string | null;
  readonly updatedAt: number;
  readonly endedAt: number | null;
}

const statusAfter: Partial<Record<EventType, VideoVisitStatus>> = {
  'call.accepted': 'ACCEPTED',
  'call.ready': 'READY',
  'call.join': 'JOINABLE',
  'call.extend': 'EXTENDING',
  'call.ended': 'ENDED',
};

/**
 * One call's state from its events in the order of the log. Producers race: what happened last by `occurredAt` decides, except that an
 * ended call stays ended whatever comes late.
 *
 * @returns null without events
 */
export function foldVideoVisit(callId: string, events: readonly MemberEvent[]): VideoVisit | null {
  return events
    .toSorted((a, b) => a.occurredAt - b.occurredAt)
    .reduce<VideoVisit | null>((visit, { type, data, occurredAt }) => {
      const next = isEventType(type) ? statusAfter[type] : undefined;
      if (next === undefined) return visit;
      return {
        callId,
        status: visit?.status === 'ENDED' ? 'ENDED' : next,
        providerName: text(data['providerName']) ?? visit?.providerName ?? null,
        joinUrl: text(data['joinUrl']) ?? visit?.joinUrl ?? null,
        endReason: next === 'ENDED' ? text(data['reason']) : (visit?.endReason ?? null),
        updatedAt: occurredAt,
        endedAt: next === 'ENDED' ? occurredAt : (visit?.endedAt ?? null),
      };
    }, null);
}

const text = (value: Json | undefined) => (typeof value === 'string' ? value : null);
