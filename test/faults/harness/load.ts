import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import { deliveryId } from '../../../src/event/event.ts';
import { exampleEvent, structuredRecord } from '../../support/events.ts';
import { eventually } from '../../support/eventually.ts';
import { type EventNode, request } from '../../support/graphql.ts';
import { kafkaTools } from '../../support/kafka.ts';
import { tokenFor } from '../../support/lifeline.ts';
import type { Delivered, History, Produced } from './checker.ts';
import { connect } from './device.ts';
import type { Fleet } from './fleet.ts';

export interface LoadOptions {
  readonly members?: number;
  readonly devicesPerMember?: number;
  /** Over all members. */
  readonly eventsPerSecond?: number;
  readonly random: () => number;
  /** Devices acknowledge what they get. */
  readonly acknowledges?: boolean;
}

/** Members whose devices reconnect and acknowledge, and a producer that notes exactly what Kafka acknowledged. */
export interface Load {
  /** Goes on until it is at least `count` events further, whatever happens meanwhile. */
  produce(count: number): Promise<void>;
  readonly produced: readonly Produced[];
  readonly deliveries: readonly Delivered[];
  /** Milliseconds from a connection's end to the next event or acknowledgement of the device, for each time a device was cut off. */
  readonly resumedAfter: readonly number[];
  readonly resyncs: number;
  /** Waits until every produced event is acknowledged by somebody, or for as long as given. */
  settle(withinMs?: number): Promise<void>;
  /** Stops the devices, looks at what is left, and gives the whole history. */
  finish(): Promise<Omit<History, 'allowed'>>;
}

const query = `query ($channel: String!) { memberEvents(channel: $channel, first: 1000) { nodes { __typename type channel occurredAt delivery { id cursor sequence attempt replayed } } pageInfo { endCursor } } }`;
const pendingIds = `{ pendingDeliveries(first: 1000) { nodes { delivery { id } } } }`;

export function startLoad(
  fleet: Fleet,
  { members = 6, devicesPerMember = 2, eventsPerSecond = 200, random, acknowledges = true }: LoadOptions,
): Load {
  const kafka = kafkaTools(fleet.kafka.brokers);
  const names = Array.from({ length: members }, (_, index) => `m-${index}`);
  const produced: Produced[] = [];
  const deliveries: Delivered[] = [];
  const acknowledged: { member: string; id: string; at: number }[] = [];
  const resumedAfter: number[] = [];
  let resyncs = 0;
  let running = true;
  let serial = 0;
  const leaving = new AbortController();
  setMaxListeners(0, leaving.signal); // every device listens

  const doors = fleet.gateways.flatMap(({ door }) => (door === null ? [] : [door]));
  const urlOf = (index: number) => `127.0.0.1:${doors[index % doors.length]?.port ?? 0}/graphql`;

  /** One device: an app that does everything right, on a network that does not. */
  const runDevice = async (member: string, device: string, start: number) => {
    const token = await tokenFor(member);
    let cursor: string | null = null;
    let connection = 0;
    let cutAt: number | null = null;
    const note = (event: EventNode, over: number | null) => {
      const { id, sequence, attempt, replayed } = event.delivery;
      const owner = event.channel.split('/')[2] ?? '';
      deliveries.push({ device, member: owner, of: member, id, sequence, attempt, replayed, at: Date.now(), connection: over });
      if (sequence !== null) cursor = event.delivery.cursor;
    };
    while (running) {
      const own = ++connection;
      const gateway = urlOf(start + own);
      const reason = await connect(
        `ws://${gateway}`,
        { token, member, after: cursor, acknowledges, signal: leaving.signal },
        {
          onOpen() {
            if (cutAt !== null) resumedAfter.push(Date.now() - cutAt);
            cutAt = null;
          },
          onEvent: (event) => note(event, own),
          onAcknowledged: (ids) => acknowledged.push(...ids.map((id) => ({ member, id, at: Date.now() }))),
        },
      );
      cutAt ??= Date.now();
      if (reason === 'RESYNC_REQUIRED') {
        resyncs++;
        const answer = await request<{ memberEvents: { nodes: EventNode[]; pageInfo: { endCursor: string } } }>(
          `http://${gateway}`,
          token,
          query,
          {
            channel: `/member/${member}/**`,
          },
        ).catch(() => undefined);
        for (const event of answer?.data?.memberEvents.nodes ?? []) note(event, null);
        cursor = answer?.data?.memberEvents.pageInfo.endCursor ?? null;
      }
      if (running) await sleep(20 + 200 * random());
    }
  };
  const devices = names.flatMap((member, at) =>
    Array.from({ length: devicesPerMember }, (_, nth) => runDevice(member, `${member}/${nth}`, at + nth)),
  );

  const everyMs = 50;
  const produceBatch = async (count: number) => {
    const events = Array.from({ length: count }, () => {
      const member = names[Math.floor(random() * names.length)] ?? 'm-0';
      const n = ++serial;
      return exampleEvent('rte.failed', { member, id: `e-${n}`, channelId: `w-${n}` });
    });
    for (;;) {
      try {
        await kafka.produce(fleet.topics.coverage, events.map(structuredRecord));
        break;
      } catch {
        await sleep(200); // what was acknowledged although we did not hear it comes twice under one id
      }
    }
    const at = Date.now();
    for (const { id, source, subject } of events) produced.push({ member: subject, id: deliveryId(source, id), at });
  };

  const unsettled = () => {
    const closed = new Set(acknowledged.map(({ id }) => id));
    return produced.filter(({ id }) => !closed.has(id)).length;
  };

  return {
    produced,
    deliveries,
    resumedAfter,
    get resyncs() {
      return resyncs;
    },
    async produce(count) {
      const goal = produced.length + count;
      while (produced.length < goal) {
        const began = Date.now();
        await produceBatch(Math.max(1, Math.round((eventsPerSecond * everyMs) / 1_000)));
        await sleep(Math.max(0, everyMs - (Date.now() - began)));
      }
    },
    async settle(withinMs = 60_000) {
      const lastOnes = () => {
        const have = new Set(deliveries.map(({ device, id }) => `${device} ${id}`));
        return produced.every(({ member, id }) =>
          Array.from({ length: devicesPerMember }).every((_, nth) => have.has(`${member}/${nth} ${id}`)),
        );
      };
      await eventually(() => unsettled() === 0, { withinMs, what: 'every produced event acknowledged' }).catch((error: unknown) => {
        process.stderr.write(`${String(error)}: ${unsettled()} of ${produced.length} are not\n`);
      });
      // Where one device acknowledged, the other may still be on its way to the same event. One that never gets there is for the checker.
      await eventually(lastOnes, { withinMs: 8_000 }).catch(() => undefined);
    },
    async finish() {
      const alive = fleet.gateways.find((gateway) => gateway.alive);
      const pending: { member: string; id: string }[] = [];
      for (const member of names) {
        if (alive === undefined) break;
        const answer = await request<{ pendingDeliveries: { nodes: { delivery: { id: string } }[] } }>(
          alive.lifeline.url,
          await tokenFor(member),
          pendingIds,
        );
        for (const { delivery } of answer.data?.pendingDeliveries.nodes ?? []) pending.push({ member, id: delivery.id });
      }
      running = false;
      leaving.abort();
      await Promise.all(devices);
      const letters = await kafka.readAll(fleet.topics.deadLetters);
      const deadLetters = letters.flatMap(({ value }) => {
        const { source, id } = JSON.parse(value?.toString() ?? '{}') as { source?: string; id?: string };
        return source === undefined || id === undefined ? [] : [{ id: deliveryId(source, id) }];
      });
      await kafka.close();
      return { produced, deliveries, acknowledged, pending, deadLetters, leaks: await leaksOf(fleet) };
    },
  };
}

/** What a process still holds when its last client has gone. */
async function leaksOf(fleet: Fleet): Promise<string[]> {
  const leaks: string[] = [];
  const expectZero = async (what: string, value: () => Promise<number>) => {
    await eventually(async () => (await value()) === 0, { withinMs: 15_000 }).catch(async () =>
      leaks.push(`${what}: ${await value()}`),
    );
  };
  for (const [index, { alive, lifeline }] of fleet.gateways.entries()) {
    if (!alive) continue;
    for (const metric of ['websocket_connections_active', 'lifeline_subscriptions_active', 'lifeline_listeners']) {
      await expectZero(`gateway ${index} ${metric}`, () => lifeline.metric(metric));
    }
  }
  const channels = async () => {
    const names = await fleet.redis.command('PUBSUB', 'CHANNELS', '*');
    return Array.isArray(names) ? names.length : 0;
  };
  await expectZero('Redis channels', channels);
  return leaks;
}
