import type {
  CoverageUpdatePartsFragment,
  MemberEventPartsFragment,
  VideoVisitEventPartsFragment,
  AskVideoVisitQuery,
} from './generated.ts';

/** One step of an eligibility check. */
export type CoverageUpdate = CoverageUpdatePartsFragment;
/** One step of a video-visit call. */
export type VideoVisitEvent = VideoVisitEventPartsFragment;
/** Any event: told apart by `__typename`. */
export type MemberEvent = MemberEventPartsFragment;
/** Where one call stands. */
export type VideoVisit = NonNullable<AskVideoVisitQuery['videoVisit']>;
