import { readdir } from 'node:fs/promises';

import { collectDefaultMetrics, Counter, Gauge, type Metric, Registry } from 'prom-client';

import { type Collected, createHistogram } from './histogram.ts';

/**
 * Every metric, in one place. The nine `websocket_*` names are charted by operators of the system that this one replaces and keep
 * their names; new ones are `lifeline_*`. No label ever carries a member id, an event id or anything a client chose freely.
 */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  collectProcessMetrics(registry);

  const counter = <L extends string = never>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter({ name, help, labelNames, registers });
  const gauge = <L extends string = never>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge({ name, help, labelNames, registers });

  const register = (metric: Collected) => registry.registerMetric(metric as unknown as Metric); // its type asks for more than it does

  /** Copies by type. Counted here and told when asked: prom-client's own way takes as long as everything else that is counted for a copy. */
  const pushed = new Map<string, number>();
  const eventsPushed = new Counter({
    name: 'websocket_events_pushed_total',
    help: 'Copies of events handed to a socket (WebSocket or SSE), repeats included.',
    labelNames: ['type'],
    registers,
    collect() {
      this.reset();
      for (const [type, copies] of pushed) this.inc({ type }, copies);
    },
  });

  return {
    registry,
    eventsPushed,
    /** Of `eventsPushed`: called for every copy. */
    countPushed(type: string) {
      pushed.set(type, (pushed.get(type) ?? 0) + 1);
    },

    connectionsActive: gauge('websocket_connections_active', 'Open WebSocket connections.'),
    connectionsTotal: counter('websocket_connections_total', 'WebSocket connections accepted.'),
    connectionsRefused: counter('lifeline_connections_refused_total', 'WebSockets and event streams refused for being too many.', [
      'reason',
    ]),
    reconnectsTotal: counter('websocket_reconnects_total', 'Connections whose first subscription resumed from a cursor.'),
    eventsDropped: counter(
      'websocket_events_dropped_total',
      'Best-effort events superseded before a slow socket took them. Critical events are never dropped.',
      ['reason'],
    ),
    deliveryDuration: createHistogram(register, {
      name: 'websocket_event_delivery_duration_seconds',
      help: "From Kafka's timestamp of the record to the socket taking the first copy of a live event.",
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    }),
    messageSize: createHistogram(register, {
      name: 'websocket_message_size_bytes',
      help: 'Size of the messages sent over WebSocket.',
      buckets: [64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384, 65_536],
    }),
    kafkaLag: gauge('websocket_kafka_lag_messages', 'Records in Kafka that are not applied to the log yet.', [
      'topic',
      'partition',
    ]),
    authFailures: counter('websocket_auth_failures_total', 'Refused credentials, HTTP and WebSocket.', ['reason']),

    appends: counter('lifeline_appends_total', 'Records applied to the log, by answer.', ['result']),
    gaps: counter('lifeline_log_gaps_total', 'Times the log stood behind what was written to it, so that Kafka was read again.'),
    crowdedAppends: counter(
      'lifeline_crowded_members_total',
      'Appends to a member with more than 1000 pending events. Alarm on any.',
    ),
    deadLetters: counter('lifeline_dead_letters_total', 'Records sent to the dead-letter topic.', ['reason']),
    consumerRebuilds: counter('lifeline_kafka_consumer_rebuilds_total', 'Kafka consumers rebuilt after a crash or a stall.', [
      'reason',
    ]),
    partitionRestarts: counter(
      'lifeline_kafka_partition_restarts_total',
      'Partitions that the log began anew, because their topic was created again or Kafka lost its log. Alarm on any.',
    ),
    recordsMissed: counter(
      'lifeline_kafka_records_missed_total',
      "Records that Kafka's retention deleted before they were applied. Alarm on any.",
    ),
    acknowledgements: counter('lifeline_acknowledgements_total', 'Ids in acknowledgement calls, by answer.', ['result']),
    redeliveries: counter('lifeline_redeliveries_total', 'Copies sent again because no acknowledgement came.'),
    windowFull: counter('lifeline_windows_full_total', 'Times a subscription paused at 32 un-acknowledged events.'),
    resyncs: counter('lifeline_resyncs_total', 'Subscriptions and queries answered RESYNC_REQUIRED.'),
    refills: counter('lifeline_refills_total', 'Reads of the log by a live subscription whose doorbell missed something.'),
    subscriptionsActive: gauge('lifeline_subscriptions_active', 'Subscriptions being served.', ['transport']),
    listeners: gauge('lifeline_listeners', 'Members this process listens for.'),
    socketsTerminated: counter('lifeline_sockets_terminated_total', 'Sockets this server cut.', ['reason']),
    operationErrors: counter('lifeline_operation_errors_total', 'Errors answered to clients.', ['code']),
    ready: gauge('lifeline_ready', '1 while a readiness check passes.', ['check']),
  };
}

/**
 * prom-client's own, but for those that keep everybody waiting while 10 000 sockets are counted, at each scrape (measured): 10 ms for the list
 * of handles, which `nodejs_active_resources` has as well, and 13 ms for that of open files, which is read aside here.
 */
function collectProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry });
  for (const name of ['nodejs_active_handles', 'nodejs_active_handles_total', openFiles]) registry.removeSingleMetric(name);
  if (process.platform !== 'linux') return;
  const gauge = new Gauge({
    name: openFiles,
    help: 'Number of open file descriptors.',
    async collect() {
      // One of them is that of the reading itself. Without /proc there is nothing to say.
      const open = await readdir('/proc/self/fd').catch(() => null);
      if (open !== null) this.set(open.length - 1);
    },
    registers: [],
  });
  registry.registerMetric(gauge);
}

const openFiles = 'process_open_fds';

export type Metrics = ReturnType<typeof createMetrics>;
