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
