import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import { deliveryId } from '../../../src/event/event.ts';
import { type ExampleEvent, exampleEvent, structuredRecord } from '../../support/events.ts';
import { eventually } from '../../support/eventually.ts';
import { type EventNode, request } from '../../support/graphql.ts';
import { type KafkaTools, kafkaTools, type ProducedRecord } from '../../support/kafka.ts';
import { tokenFor } from '../../support/lifeline.ts';
import type { Delivered, History, Produced } from './checker.ts';
import { connect, type Reaction } from './device.ts';
import type { Fleet } from './fleet.ts';

export interface LoadOptions {
  /** In front of the ids of events, for several loads one after the other on one fleet. */
  readonly prefix?: string;
  readonly members?: number;
  readonly devicesPerMember?: number;
  /** Over all members. */
  readonly eventsPerSecond?: number;
  readonly random: () => number;
  /**
   * A member's events stand in any partition, as those of two topics do: read again after a loss they come in another order, and take each
   * other's sequences.
   */
  readonly scattered?: boolean;
  /** Devices acknowledge what they get. */
  readonly acknowledges?: boolean;
  /** The share of first copies that a device does not acknowledge; it does acknowledge the next one. */
  readonly overlooks?: number;
  /**
   * The share of copies that kill the app that gets them. Killed before it handled the event it does not have the event's cursor, and sometimes
   * none at all; killed after, it has.
   */
  readonly deaths?: { readonly share: number; readonly when: 'before handling' | 'after handling' };
  /** How a batch gets to Kafka, where that is not one plain `produce`. Called again with the same records when it rejects. */
  readonly send?: (parts: Sending) => Promise<void>;
}

export interface Sending {
  readonly kafka: KafkaTools;
  readonly topic: string;
  readonly records: readonly ProducedRecord[];
  readonly random: () => number;
}

/** Members whose devices reconnect and acknowledge, and a producer that notes exactly what Kafka acknowledged. */
export interface Load {
  /** Goes on until it is at least `count` events further, whatever happens meanwhile. */
  produce(count: number): Promise<void>;
  readonly produced: readonly Produced[];
  readonly deliveries: readonly Delivered[];
  /** ms from a connection's end until the device had the next one, for each time that it was cut off. */
  readonly resumedAfter: readonly number[];
  /** The code of each connection that ended before the load did. */
  readonly closeCodes: readonly number[];
  readonly deaths: number;
  readonly resyncs: number;
  /** Waits until every produced event is acknowledged by somebody, or for as long as given. */
  settle(withinMs?: number): Promise<void>;
  /** Stops the devices, looks at what is left, and gives the whole history. */
  finish(): Promise<Omit<History, 'allowed'>>;
}

const query = `query ($channel: String!) { memberEvents(channel: $channel, first: 1000) { nodes { __typename type channel occurredAt delivery { id cursor sequence attempt replayed } } pageInfo { endCursor } } }`;
const pendingIds = `{ pendingDeliveries(first: 1000) { nodes { delivery { id } } } }`;

interface PendingIds {
  readonly pendingDeliveries: { readonly nodes: readonly { readonly delivery: { readonly id: string } }[] };
}

const produceOnce = ({ kafka, topic, records }: Sending) => kafka.produce(topic, records);

export function startLoad(
  fleet: Fleet,
  {
    members = 6,
    devicesPerMember = 2,
    eventsPerSecond = 200,
    random,
    acknowledges = true,
    overlooks = 0,
    deaths,
    prefix = '',
    send = produceOnce,
    scattered = false,
  }: LoadOptions,
): Load {
  const kafka = kafkaTools(fleet.kafka.brokers);
  const names = Array.from({ length: members }, (_, index) => `m-${index}`);
  const produced: Produced[] = [];
  const deliveries: Delivered[] = [];
  const acknowledged: { member: string; id: string; at: number }[] = [];
  const resumedAfter: number[] = [];
  const closeCodes: number[] = [];
  const unpolled: { member: string; id: string }[] = [];
  let died = 0;
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
    };
    const store = ({ delivery }: EventNode) => {
      if (delivery.sequence !== null) cursor = delivery.cursor;
    };
    const unanswered = new Set<string>();
    let diedOf: string | null = null;
    const react = (event: EventNode): Reaction => {
      const { id, ackRequired, attempt } = event.delivery;
      if (deaths !== undefined && ackRequired && random() < deaths.share) {
        if (deaths.when === 'after handling') store(event);
        else if (random() < 0.5) cursor = null;
        died++;
        diedOf = id;
        return 'dies';
      }
      store(event);
      return acknowledges && (attempt > 1 || random() >= overlooks) ? 'acknowledges' : 'ignores';
    };
    /** What the member's next app finds when it asks. Another device may have acknowledged it, and then nobody may find it. */
    const poll = async (gateway: string, id: string) => {
      const answer = await request<PendingIds>(`http://${gateway}`, token, pendingIds).catch(() => undefined);
      const nodes = answer?.data?.pendingDeliveries.nodes;
      const found = nodes === undefined || nodes.some(({ delivery }) => delivery.id === id);
      if (!found && !acknowledged.some((each) => each.id === id)) unpolled.push({ member, id });
    };
    while (running) {
      const own = ++connection;
      const gateway = urlOf(start + own);
      const reason = await connect(
        `ws://${gateway}`,
        { token, member, after: cursor, unanswered: [...unanswered], signal: leaving.signal },
        {
          onOpen() {
            if (cutAt !== null) resumedAfter.push(Date.now() - cutAt);
            cutAt = null;
          },
          onEvent(event) {
            note(event, own);
            const reaction = react(event);
            if (reaction === 'acknowledges' && event.delivery.ackRequired) unanswered.add(event.delivery.id);
            return reaction;
          },
          onAcknowledged(ids) {
            for (const id of ids) unanswered.delete(id);
            acknowledged.push(...ids.map((id) => ({ member, id, at: Date.now() })));
          },
          onClose(code) {
            if (running) closeCodes.push(code);
          },
        },
      );
      if (diedOf !== null) await poll(urlOf(start + own + 1), diedOf);
      else cutAt ??= Date.now();
      diedOf = null;
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
        for (const event of answer?.data?.memberEvents.nodes ?? []) {
          note(event, null);
          store(event);
        }
        cursor = answer?.data?.memberEvents.pageInfo.endCursor ?? null;
      }
      if (running) await sleep(20 + 200 * random());
    }
  };
  const devices = names.flatMap((member, at) =>
    Array.from({ length: devicesPerMember }, (_, nth) => runDevice(member, `${member}/${nth}`, at + nth)),
  );

  const recordOf = (event: ExampleEvent) =>
    scattered ? { ...structuredRecord(event), key: `key-${Math.floor(1_000 * random())}` } : structuredRecord(event);
  const everyMs = 50;
  const produceBatch = async (count: number) => {
    const events = Array.from({ length: count }, () => {
      const member = names[Math.floor(random() * names.length)] ?? 'm-0';
      const n = ++serial;
      return exampleEvent('rte.failed', { member, id: `${prefix}e-${n}`, channelId: `${prefix}w-${n}` });
    });
    for (;;) {
      try {
        await send({ kafka, topic: fleet.topics.coverage, records: events.map(recordOf), random });
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
    closeCodes,
    get deaths() {
      return died;
    },
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
      // Where one device acknowledged, the other may still be on its way to the same event: on a machine with other work a link can be taken for
      // dead, and a round of redelivery passes. One that never gets there is for the checker.
      await eventually(lastOnes, { withinMs: 20_000 }).catch(() => undefined);
    },
    async finish() {
      const alive = fleet.gateways.find((gateway) => gateway.alive);
      const pending: { member: string; id: string }[] = [];
      for (const member of names) {
        if (alive === undefined) break;
        const answer = await request<PendingIds>(alive.lifeline.url, await tokenFor(member), pendingIds);
        for (const { delivery } of answer.data?.pendingDeliveries.nodes ?? []) pending.push({ member, id: delivery.id });
      }
      running = false;
      leaving.abort();
      await Promise.all(devices);
      const letters = await kafka.readAll(fleet.topics.deadLetters);
      const deadLetters = letters.flatMap(({ value }) => {
        const { source, id } = envelopeOf(value);
        return source === undefined || id === undefined ? [] : [{ id: deliveryId(source, id) }];
      });
      await kafka.close();
      return { produced, deliveries, acknowledged, pending, deadLetters, unpolled, leaks: await leaksOf(fleet) };
    },
  };
}

/** Of a dead letter, which may be anything. */
function envelopeOf(value: Buffer | null): { readonly source?: string; readonly id?: string } {
  try {
    return JSON.parse(value?.toString() ?? '{}') as { source?: string; id?: string };
  } catch {
    return {};
  }
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
  await expectZero('Redis channels', () => fleet.servers.channels());
  return leaks;
}
