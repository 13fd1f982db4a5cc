export { createClient } from './create-client.ts';
export type {
  ClientOptions,
  EnvironmentSignal,
  EventMeta,
  EventStream,
  LifelineClient,
  ObservableStatus,
  Platform,
  StreamOptions,
  StreamSource,
  Trace,
  TransportKind,
  WaitOptions,
} from './client.ts';
export type { CoverageUpdate, MemberEvent, VideoVisit, VideoVisitEvent } from './documents.ts';
export { ClientError, CoverageTimeout, type ErrorCode, type Retry } from './errors.ts';
export type { EventFacts } from './event.ts';
export type { Status } from './status.ts';
export { memoryStorage, type Storage } from './storage.ts';
export type { Signal, State } from './transitions.ts';
export { transitions } from './transitions.ts';
