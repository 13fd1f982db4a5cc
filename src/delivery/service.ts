import { decide, type Principal } from '../auth/allow.ts';
import { LifelineError } from '../errors.ts';
import { channelOf } from '../event/channel.ts';
import { channelIdPattern } from '../event/event.ts';
import type { EventLog, Position } from '../log/log.ts';
import type { Logger } from '../operations/logger.ts';
import type { Metrics } from '../operations/metrics.ts';
import type { Delivery, DeliveryService, Filter, SubscribeRequest } from './delivery.ts';
import { createCopies } from './copies.ts';
import { foldVideoVisit } from './fold.ts';
import { createHub } from './hub.ts';
import { readPage } from './page.ts';
import { createWheel } from './redelivery.ts';
import { createStream, type Stream, type StreamParts } from './stream.ts';

export interface DeliveryParts {
  readonly log: EventLog;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly now?: () => number;
  /** In [0, 1): spreads what would otherwise happen to many at once. */
  readonly random?: () => number;
  /** How often missed doorbells are looked for; 5 s when left out. */
  readonly sweepEveryMs?: number;
}

export function createDelivery({ now = Date.now, random = Math.random, ...parts }: DeliveryParts): DeliveryService {
  const { log, metrics } = parts;
  const hub = createHub(parts);
  const wheel = createWheel();
  const streams = new Set<Stream>();
  const answered = {
    acknowledged: metrics.acknowledgements.labels('acknowledged'),
    alreadyAcknowledged: metrics.acknowledgements.labels('already-acknowledged'),
    unknown: metrics.acknowledgements.labels('unknown'),
  };

  const active = {
    websocket: metrics.subscriptionsActive.labels('websocket'),
    sse: metrics.subscriptionsActive.labels('sse'),
  };

  const countResync = (error: unknown) => {
    if (error instanceof LifelineError && error.code === 'RESYNC_REQUIRED') metrics.resyncs.inc();
  };

  const streamParts: StreamParts = {
    log,
    hub,
    wheel,
    metrics,
    now,
    random,
    firstCopy: createCopies(),
    onEnd(failure, stream, { transport }) {
      if (failure !== null) countResync(failure);
      streams.delete(stream);
      active[transport].dec();
    },
  };
  const subscribe = (request: SubscribeRequest) => {
    active[request.transport].inc();
    const stream = createStream(request, streamParts);
    streams.add(stream);
    return stream;
  };

  /** Every retained entry of one channel that the principal may see, in order. */
  const channelEntries = async (principal: Principal, channel: string) => {
    const filter: Filter = (event) => event.channel === channel;
    const entries: Delivery[] = [];
    let after: Position | null = null;
    for (;;) {
      const page = await readPage(log, { principal, filter, after, first: 1_000 }, now);
      entries.push(...page.deliveries);
      if (!page.hasNext) return entries;
      after = page.end;
    }
  };

  return {
    subscribe,
    page: (request) =>
      readPage(log, request, now).catch((error: unknown) => {
        countResync(error);
        throw error;
      }),
    async acknowledge(principal, ids) {
      const answer = await log.acknowledge(principal.member, ids, principal.accounts);
      // fail-point: between ack script and ack reply
      answered.acknowledged.inc(answer.acknowledged.length);
      answered.alreadyAcknowledged.inc(answer.alreadyAcknowledged.length);
      answered.unknown.inc(answer.unknown.length);
      return answer;
    },
    async coverageUpdate(principal, workflowId) {
      if (!channelIdPattern.test(workflowId)) return null;
      const channel = channelOf('rte.completed', principal.member, workflowId);
      const results = await channelEntries(principal, channel);
      const result = results.at(-1);
      if (result !== undefined) return result;
      const progress = await log.latest(principal.member, channel);
      if (progress === null || decide(principal, { do: 'see', member: progress.member, account: progress.accountId }) !== 'allow')
        return null;
      const [position] = await log.heads([principal.member]);
      if (position === undefined) return null;
      return { event: progress, position, sequence: null, attempt: 1, replayed: true, acknowledgedAt: null, sentAt: now() };
    },
    async videoVisit(principal, callId) {
      if (!channelIdPattern.test(callId)) return null;
      const entries = await channelEntries(principal, channelOf('call.ended', principal.member, callId));
      return foldVideoVisit(
        callId,
        entries.map(({ event }) => event),
      );
    },
    async close() {
      for (const stream of streams) stream.close();
      hub.close();
      wheel.stop();
    },
  };
}
