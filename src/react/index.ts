export { LifelineProvider } from './context.ts';
export { type FeedOptions, useCoverageUpdates, useVideoVisitEvents } from './events.ts';
export type { Feed } from './feed.ts';
export { useLifelineStatus } from './status.ts';
export { type CoverageWait, useWaitForCoverage } from './wait-for-coverage.ts';
