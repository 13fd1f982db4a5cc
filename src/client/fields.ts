import type { LifelineClient, StreamSource } from './client.ts';
import type { CoverageUpdate, MemberEvent, VideoVisitEvent } from './documents.ts';
import {
  PollCoverageUpdatesDocument,
  PollMemberEventsDocument,
  PollVideoVisitEventsDocument,
  PushCoverageUpdatesDocument,
  PushMemberEventsDocument,
  PushVideoVisitEventsDocument,
} from './generated.ts';

/** What each of the server's subscription fields asks, by push and by poll. */
export const fields = {
  coverageUpdates: (variables: Parameters<LifelineClient['coverageUpdates']>[0]): StreamSource<CoverageUpdate> => ({
    subscription: PushCoverageUpdatesDocument.toString(),
    query: PollCoverageUpdatesDocument.toString(),
    field: 'coverageUpdates',
    variables,
  }),
  videoVisitEvents: (variables: Parameters<LifelineClient['videoVisitEvents']>[0] = {}): StreamSource<VideoVisitEvent> => ({
    subscription: PushVideoVisitEventsDocument.toString(),
    query: PollVideoVisitEventsDocument.toString(),
    field: 'videoVisitEvents',
    variables,
  }),
  memberEvents: (variables: Parameters<LifelineClient['memberEvents']>[0]): StreamSource<MemberEvent> => ({
    subscription: PushMemberEventsDocument.toString(),
    query: PollMemberEventsDocument.toString(),
    field: 'memberEvents',
    variables,
  }),
};
