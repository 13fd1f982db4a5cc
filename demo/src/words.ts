import type { CoverageUpdate, State, TransportKind, VideoVisitEvent } from '../../src/client/index.ts';

/** What an update says, in a few words. */
export function coverageInWords({
  status,
  percent,
  coverage,
  failure,
}: Pick<CoverageUpdate, 'status' | 'percent' | 'coverage' | 'failure'>) {
  switch (status) {
    case 'PROCESSING':
      return `Coverage check, ${String(percent ?? 0)} % done`;
    case 'COMPLETED':
      return coverage?.active === false ? 'Not covered' : `Covered: ${coverage?.plan ?? 'plan unknown'}`;
    case 'FAILED':
      return `Check failed: ${failure?.message ?? 'no reason given'}`;
    case 'TIMED_OUT':
      return 'Check ran out of time';
  }
}

export function visitInWords({ kind, providerName, extension }: Pick<VideoVisitEvent, 'kind' | 'providerName' | 'extension'>) {
  const who = providerName ?? 'Your provider';
  switch (kind) {
    case 'ACCEPTED':
      return `${who} took your call`;
    case 'READY':
      return `${who} is ready for you`;
    case 'JOIN':
      return 'The call is ringing';
    case 'EXTEND':
      return extension === null ? 'More time offered' : `${String(extension.minutes)} more minutes offered`;
    case 'ENDED':
      return 'The call has ended';
  }
}

interface Amount {
  readonly amount: string;
  readonly currency: string;
}

/** The page speaks English, whatever the browser speaks: a German date in an English sentence would be read out wrongly. */
const locale = 'en-US';

/** The amount stays text, so no digit is lost on the way. */
export function inMoney({ amount, currency }: Amount): string {
  const format = new Intl.NumberFormat(locale, { style: 'currency', currency, trailingZeroDisplay: 'stripIfInteger' });
  return format.format(amount as Intl.StringNumericLiteral); // the schema's pattern holds it to a decimal number
}

/** `4 s`, `2 min`, `3 h` */
export function inDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 100) return `${String(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${String(minutes)} min` : `${String(Math.round(minutes / 60))} h`;
}

export function inTime(at: number): string {
  return new Date(at).toLocaleTimeString(locale, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
}

/** A calendar date has no time zone: read as the reader's own midnight, it stays the same day. */
export function inDate(date: string): string {
  return new Date(`${date}T00:00`).toLocaleDateString(locale, { day: 'numeric', month: 'long', year: 'numeric' });
}

/** How the connection is, for people. */
export const stateInWords: Readonly<Record<State, { readonly title: string; readonly means: string }>> = {
  idle: { title: 'Idle', means: 'Nobody wants events.' },
  connecting: { title: 'Connecting', means: 'The first tries.' },
  push: { title: 'Pushed', means: 'Events come by themselves.' },
  degraded: { title: 'Reconnecting', means: 'Push broke off and is being brought back.' },
  poll: { title: 'Polling', means: 'Events are asked for until push works again.' },
  offline: { title: 'Offline', means: 'The device has no network.' },
  background: { title: 'Resting', means: 'The tab is hidden, so everything waits.' },
  closed: { title: 'Closed', means: 'For good.' },
};

const transports: Readonly<Record<TransportKind, string>> = { WEBSOCKET: 'WebSocket', SSE: 'Event stream', POLLING: 'Polling' };

export function transportInWords(transport: TransportKind | null): string {
  return transport === null ? 'none' : transports[transport];
}
