import type { VideoVisitEvent } from '../../src/client/index.ts';

/** Where one call stands, as far as this page was told. */
export interface Call {
  readonly callId: string;
  readonly kind: VideoVisitEvent['kind'];
  readonly providerName: string;
  readonly joinUrl: string | null;
  readonly extension: VideoVisitEvent['extension'];
  readonly endReason: string | null;
  /** ms since the epoch */
  readonly at: number;
}

/** Newest first. */
export type Calls = readonly Call[];

const keepAtMost = 20;

/** What happened before what is known changes nothing: a late `READY` does not reopen a call that has ended. */
export function withStep(calls: Calls, event: VideoVisitEvent): Calls {
  const at = Date.parse(event.occurredAt);
  const known = calls.find(({ callId }) => callId === event.callId);
  if (known !== undefined && known.at > at) return calls;
  const { callId, kind, extension, endReason } = event;
  const providerName = event.providerName ?? known?.providerName ?? 'Your provider';
  const joinUrl = event.joinUrl ?? known?.joinUrl ?? null;
  const others = calls.filter((call) => call !== known);
  return [{ callId, kind, providerName, joinUrl, extension, endReason, at }, ...others].slice(0, keepAtMost);
}
