import { afterAll, afterEach, beforeEach, describe, expect, inject, it } from 'vitest';

import { eventTypes } from '../../src/event/catalogue.ts';
import { LifelineError } from '../../src/errors.ts';
import type { EventLog, SourceWriter } from '../../src/log/log.ts';
import { createMemoryLog } from '../../src/log/memory.ts';
import { eventually } from '../support/eventually.ts';
import { binaryRecord, exampleEvent, structuredRecord } from '../support/events.ts';
import { kafkaTools, type Compression, type ProducedRecord } from '../support/kafka.ts';
import { entriesOf, idsOf, startTestBridge, unique, type TestBridge, type TestBridgeOptions } from './harness.ts';

const kafka = kafkaTools(inject('kafkaBrokers'));
const bridges: TestBridge[] = [];
let log: EventLog;
let topic: string;
let dlq: string;

beforeEach(() => {
  log = createMemoryLog();
  topic = unique('topic');
  dlq = unique('dlq');
});
afterEach(async () => {
  await Promise.all(bridges.splice(0).map((bridge) => bridge.stop()));
});
afterAll(() => kafka.close());

async function createTopics(partitions = 1) {
  await kafka.createTopic(topic, partitions);
  await kafka.createTopic(dlq);
}

function start(options: Partial<TestBridgeOptions> = {}): TestBridge {
  const started = startTestBridge({ brokers: kafka.brokers, log, topics: [topic], deadLetterTopic: dlq, ...options });
  bridges.push(started);
  return started;
}

const joining = (id: string, member = 'm-1') => structuredRecord(exampleEvent('call.join', { id, member }));
const numbered = (count: number, from = 0) => Array.from({ length: count }, (_, n) => `e-${String(from + n).padStart(5, '0')}`);
const arrived = (ids: readonly string[], member = 'm-1') =>
  eventually(async () => expect(await idsOf(log, member)).toEqual(ids) ?? true);

/** The log, with its writers changed. */
function withWriters(change: (writer: SourceWriter) => SourceWriter): EventLog {
  return { ...log, source: (...of) => change(log.source(...of)) };
}

describe('a healthy bridge', () => {
  it('brings all nine event types to the log, structured and binary', async () => {
    await createTopics(3);
    const records = eventTypes.flatMap((type) => [
      structuredRecord(exampleEvent(type, { id: `${type}-s`, member: 'm-types' })),
      binaryRecord(exampleEvent(type, { id: `${type}-b`, member: 'm-types' })),
    ]);
    start();
    await kafka.produce(topic, records);
    const critical = eventTypes.flatMap((type) => (type === 'rte.progress' ? [] : [`${type}-s`, `${type}-b`]));
    await arrived(critical, 'm-types');
    expect(await log.latest('m-types', '/member/m-types/rte/wf-456')).toMatchObject({ attributes: { id: 'rte.progress-b' } });
  });

  it.for(['gzip', 'snappy', 'lz4', 'zstd'] satisfies Compression[])('reads batches compressed by %s', async (compression) => {
    await createTopics();
    start();
    await kafka.produce(
      topic,
      numbered(50).map((id) => joining(id)),
      compression,
    );
    await arrived(numbered(50));
  });

  it('keeps the order of each member over many partitions and batches', async () => {
    await createTopics(4);
    const bridge = start();
    const members = ['m-a', 'm-b', 'm-c', 'm-d', 'm-e', 'm-f'];
    for (let batch = 0; batch < 20; batch++) {
      await kafka.produce(
        topic,
        numbered(10, batch * 10).flatMap((id) => members.map((member) => joining(`${id}-${member}`, member))),
      );
    }
    for (const member of members) {
      await arrived(
        numbered(200).map((id) => `${id}-${member}`),
        member,
      );
    }
    const sequences = (await entriesOf(log, 'm-a')).map(({ position }) => position.sequence);
    expect(sequences).toEqual(Array.from({ length: 200 }, (_, n) => n + 1));
    expect(await bridge.count('gaps')).toBe(0);
  });

  it('delivers the same record three times once', async () => {
    await createTopics();
    const bridge = start();
    await kafka.produce(topic, [joining('same'), joining('same')]);
    await kafka.produce(topic, [joining('same'), joining('last')]);
    await arrived(['same', 'last']);
    expect(await bridge.count('appends', 'duplicate')).toBe(2);
  });

  it('goes on behind transaction markers and aborted records, and its lag comes down to zero behind a marker', async () => {
    await createTopics();
    const bridge = start();
    await kafka.transact(topic, [joining('a')], 'commit');
    await kafka.transact(topic, [joining('aborted')], 'abort');
    await kafka.transact(topic, [joining('b')], 'commit');
    await arrived(['a', 'b']);
    await eventually(async () => {
      const { values } = await bridge.metrics.kafkaLag.get();
      expect(values).toEqual([expect.objectContaining({ labels: { topic, partition: '0' }, value: 0 })]);
      return bridge.bridge.lag() === 0;
    });
    expect(await bridge.count('gaps')).toBe(0);
  });

  it('commits group offsets for those who watch the lag', async () => {
    await createTopics();
    const groupId = unique('group');
    start({ groupId });
    await kafka.produce(
      topic,
      numbered(7).map((id) => joining(id)),
    );
    await eventually(async () => (await kafka.committed(groupId, topic)).get(0) === 7);
  });
});

describe('poison', () => {
  const event = exampleEvent('call.join');
  const poison: [string, ProducedRecord][] = [
    [
      'invalid-json',
      { key: 'k-1', value: '{"specversion', headers: { 'content-type': 'application/cloudevents+json', own: 'kept' } },
    ],
    ['invalid-envelope', { key: 'k-2', value: JSON.stringify({ ...event, specversion: '0.2' }), headers: {} }],
    ['unknown-type', { key: 'k-3', value: JSON.stringify({ ...event, type: 'call.paused' }), headers: {} }],
    ['invalid-payload', { key: 'k-4', value: JSON.stringify({ ...event, data: {} }), headers: {} }],
    ['too-large', { key: 'k-5', value: 'x'.repeat(900_000), headers: {} }],
    ['expired', structuredRecord(exampleEvent('call.join', { member: 'k-6', time: Date.now() - 86_400_000 }))],
  ];

  it('of six kinds is dead-lettered once, with its bytes, key and headers, and good records around it arrive in order', async () => {
    await createTopics();
    const bridge = start();
    const records = poison.flatMap(([, record], n) => [joining(`good-${n}`), record]);
    for (const record of [...records, joining('good-6'), { key: null, value: null, headers: {} }])
      await kafka.produce(topic, [record]);
    await arrived(['good-0', 'good-1', 'good-2', 'good-3', 'good-4', 'good-5', 'good-6']);
    const letters = await eventually(async () => {
      const found = await kafka.readAll(dlq);
      return found.length >= 7 ? found : null;
    });
    expect(letters).toHaveLength(7);
    for (const [n, [reason, { key, value, headers = {} }]] of poison.entries()) {
      const letter = letters[n];
      expect(letter).toMatchObject({
        key,
        headers: { ...headers, 'lifeline-reason': reason, 'lifeline-topic': topic, 'lifeline-partition': '0' },
      });
      expect(letter?.headers['lifeline-offset']).toBe(String(n * 2 + 1));
      expect(letter?.headers['lifeline-detail']).not.toBe('');
      expect(letter?.value?.equals(Buffer.from(value ?? ''))).toBe(true);
      expect(await bridge.count('deadLetters', reason)).toBe(reason === 'invalid-json' ? 2 : 1);
    }
    expect(letters[6]).toMatchObject({ key: null, value: null, headers: { 'lifeline-reason': 'invalid-json' } });
  });

  it('delays the good record behind it by less than two seconds', async () => {
    await createTopics();
    start();
    await kafka.produce(topic, [joining('first')]);
    await arrived(['first']);
    const produced = Date.now();
    await kafka.produce(topic, [{ value: 'poison' }, joining('behind')]);
    await arrived(['first', 'behind']);
    expect(Date.now() - produced).toBeLessThan(2_000);
  });

  it('waits for a dead-letter topic that is missing, holds back what is behind it in its partition only, and says so', async () => {
    await kafka.createTopic(topic, 2);
    const bridge = start();
    await kafka.produce(topic, [
      { ...joining('before'), partition: 0 },
      { value: 'poison', partition: 0 },
      { ...joining('behind'), partition: 0 },
    ]);
    await arrived(['before']);
    await eventually(() => !bridge.bridge.health()['dead-letters'].ok);
    await kafka.produce(topic, [{ ...joining('other', 'm-2'), partition: 1 }]);
    await arrived(['other'], 'm-2');
    expect(bridge.bridge.health()['dead-letters']).toMatchObject({ reason: expect.stringContaining(dlq) });
    await eventually(() => bridge.bridge.lag() === 2);
    expect(await idsOf(log, 'm-1')).toEqual(['before']);

    await kafka.createTopic(dlq);
    await arrived(['before', 'behind']);
    await eventually(() => Object.values(bridge.bridge.health()).every(({ ok }) => ok));
    expect(await kafka.readAll(dlq)).toHaveLength(1);
  });

  it('is not dead-lettered again when the log lost its position and everything is read again', async () => {
    await createTopics();
    const emptied = createMemoryLog();
    let broken = false;
    // A log that comes up empty while the bridge runs: from `broken` on, every answer is the empty one's.
    const source = (...of: Parameters<EventLog['source']>): SourceWriter => {
      const before = log.source(...of);
      const after = emptied.source(...of);
      const current = () => (broken ? after : before);
      return {
        resume: () => current().resume(),
        begin: (offset) => current().begin(offset),
        append: (to, records) => current().append(to, records),
        verify: () => current().verify(),
        settle: () => current().settle(),
        restart: (offset) => current().restart(offset),
      };
    };
    const bridge = start({ log: { ...log, source } });
    await kafka.produce(topic, [joining('a'), { value: 'poison' }, joining('b')]);
    await arrived(['a', 'b']);
    broken = true;
    // The partition is idle: the bridge finds out by itself.
    await eventually(async () => (await idsOf(emptied, 'm-1')).length === 2);
    const entries = await entriesOf(emptied, 'm-1');
    expect(entries.map(({ event: { attributes }, refed }) => [attributes.id, refed])).toEqual([
      ['a', true],
      ['b', true],
    ]);
    await kafka.produce(topic, [joining('c')]);
    await eventually(async () => (await entriesOf(emptied, 'm-1'))[2]?.refed === false);
    expect(await kafka.readAll(dlq)).toHaveLength(1);
    expect(await bridge.count('gaps')).toBe(1);
  });
});

describe('the position', () => {
  it("is the log's: a fresh group on an existing log applies nothing twice, and deleting group offsets loses nothing", async () => {
    await createTopics(2);
    const groupId = unique('group');
    const first = start({ groupId });
    await kafka.produce(
      topic,
      numbered(20).map((id, n) => ({ ...joining(id, `m-${n % 2}`), partition: n % 2 })),
    );
    await eventually(async () => (await first.count('appends', 'ok')) === 20);
    await first.stop();
    await kafka.produce(
      topic,
      numbered(10, 20).map((id, n) => ({ ...joining(id, `m-${n % 2}`), partition: n % 2 })),
    );
    await kafka.deleteGroup(groupId);

    const again = start({ groupId });
    await eventually(async () => (await again.count('appends', 'ok')) === 10);
    await again.stop();
    const fresh = start();
    await kafka.produce(
      topic,
      numbered(2, 30).map((id, n) => ({ ...joining(id, `m-${n % 2}`), partition: n % 2 })),
    );
    await eventually(async () => (await fresh.count('appends', 'ok')) === 2);
    for (const bridge of [again, fresh]) {
      expect(await bridge.count('appends', 'duplicate')).toBe(0);
      expect(await bridge.count('appends', 'stale')).toBe(0);
    }
    expect(await idsOf(log, 'm-0')).toEqual(numbered(32).filter((_, n) => n % 2 === 0));
    expect((await entriesOf(log, 'm-1')).some(({ refed }) => refed)).toBe(false);
  });

  it('begins where events can still be alive: older records are not even read', async () => {
    await createTopics();
    const day = 86_400_000;
    await kafka.produce(topic, [
      { value: 'poison of long ago', timestamp: Date.now() - 9 * day },
      { value: 'poison of last week', timestamp: Date.now() - 8 * day },
      joining('young'),
    ]);
    start();
    await arrived(['young']);
    expect(await kafka.readAll(dlq)).toEqual([]);
  });

  it("is taken up where Kafka's retention left it, with an error and a metric", async () => {
    await createTopics();
    const first = start();
    await kafka.produce(topic, [joining('a')]);
    await arrived(['a']);
    await first.stop();
    await kafka.produce(topic, [joining('b'), joining('c'), joining('d')]);
    await kafka.truncate(topic, 0, 3);
    const second = start();
    await arrived(['a', 'd']);
    expect(await second.count('recordsMissed')).toBe(2);
    expect(second.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
  });

  it('starts over with a topic that was deleted and created again, while the bridge runs and while it does not', async () => {
    await createTopics();
    const first = start();
    await kafka.produce(
      topic,
      numbered(5).map((id) => joining(id)),
    );
    await arrived(numbered(5));

    await kafka.deleteTopic(topic);
    await eventually(() => !first.bridge.health().kafka.ok);
    await kafka.createTopic(topic);
    await kafka.produce(topic, [joining('again-1')]);
    await arrived([...numbered(5), 'again-1']);
    expect(await first.count('partitionRestarts')).toBe(1);
    await kafka.produce(topic, [joining('again-2')]);
    await arrived([...numbered(5), 'again-1', 'again-2']);
    await first.stop();

    await kafka.deleteTopic(topic);
    await eventually(async () => kafka.createTopic(topic).then(() => true));
    const second = start();
    await kafka.produce(topic, [joining('anew')]);
    await arrived([...numbered(5), 'again-1', 'again-2', 'anew']);
    expect((await entriesOf(log, 'm-1')).some(({ refed }) => refed)).toBe(false);
    await second.stop();
  });

  it('starts over also where the new topic already reaches beyond the position in the old one', async () => {
    await createTopics();
    const first = start();
    const createAgain = async (ids: readonly string[]) => {
      await kafka.deleteTopic(topic);
      await eventually(async () => kafka.createTopic(topic).then(() => true));
      await kafka.produce(
        topic,
        ids.map((id) => joining(id)),
      );
    };
    const old = numbered(5);
    await kafka.produce(
      topic,
      old.map((id) => joining(id)),
    );
    await arrived(old);

    // Perhaps between two looks at the topic, so that it is never seen missing. What stands beyond the old position can be read before
    // the next look then, and comes first.
    const running = numbered(20, 100);
    await createAgain(running);
    await eventually(async () => expect((await idsOf(log, 'm-1')).toSorted()).toEqual([...old, ...running]) ?? true);
    await eventually(async () => (await first.count('partitionRestarts')) === 1);
    await first.stop();
    const order = await idsOf(log, 'm-1');

    const down = numbered(40, 200);
    await createAgain(down);
    start();
    await arrived([...order, ...down]);
  });
});

describe('a missing topic', () => {
  it('is named by the health, holds up no other topic, and is read once it is there', async () => {
    await createTopics();
    const late = unique('late');
    const bridge = start({ topics: [topic, late] });
    await kafka.produce(topic, [joining('a')]);
    await arrived(['a']);
    await eventually(
      () => expect(bridge.bridge.health().kafka).toMatchObject({ ok: false, reason: expect.stringContaining(late) }) ?? true,
    );
    await kafka.createTopic(late);
    await kafka.produce(late, [joining('b', 'm-2')]);
    await arrived(['b'], 'm-2');
    await eventually(() => bridge.bridge.health().kafka.ok);
    expect(await bridge.count('consumerRebuilds')).toBe(1);
    expect(bridge.lines.filter(({ message }) => message.includes(late) && message.includes('missing topics'))).toHaveLength(1);
  });

  it('is created where that was asked for', async () => {
    const bridge = start({ createTopics: true });
    await eventually(() => bridge.bridge.health().kafka.ok && bridge.bridge.health()['dead-letters'].ok);
    await kafka.produce(topic, [{ value: 'poison' }, joining('a')]);
    await arrived(['a']);
    // Without a key it may be in another partition, and so a moment later.
    await eventually(async () => (await kafka.readAll(dlq)).length === 1);
  });

  it('of new partitions is noticed', async () => {
    await createTopics();
    start();
    await kafka.produce(topic, [joining('a')]);
    await arrived(['a']);
    await kafka.addPartitions(topic, 2);
    await kafka.produce(topic, [{ ...joining('b', 'm-2'), partition: 1 }]);
    await arrived(['b'], 'm-2');
  });
});

describe('a log that fails', () => {
  it('is waited for: nothing is skipped, the health says why, and one line tells of each change', async () => {
    await createTopics(3);
    let down = false;
    let tries = 0;
    const failing = withWriters((writer) => ({
      ...writer,
      append: async (...of) => {
        if (!down) return writer.append(...of);
        tries++;
        throw new LifelineError('UNAVAILABLE', 'The log is away.');
      },
    }));
    const bridge = start({ log: failing });
    await kafka.produce(topic, [joining('before')]);
    await arrived(['before']);
    down = true;
    await kafka.produce(
      topic,
      numbered(300).flatMap((id) => ['m-x', 'm-y', 'm-z'].map((member) => joining(`${id}-${member}`, member))),
    );
    await eventually(
      () =>
        expect(bridge.bridge.health().log).toMatchObject({ ok: false, reason: expect.stringContaining('The log is away.') }) ??
        true,
    );
    await eventually(() => tries > 6);
    down = false;
    for (const member of ['m-x', 'm-y', 'm-z'])
      await arrived(
        numbered(300).map((id) => `${id}-${member}`),
        member,
      );
    await eventually(() => bridge.bridge.health().log.ok);
    const said = bridge.lines.filter(({ message }) => message.includes('"need":"log"'));
    expect(said.map(({ level }) => level)).toEqual(['warn', 'info']);
  });

  it('by an exception nobody knows is tried again, too', async () => {
    await createTopics();
    let failures = 3;
    const failing = withWriters((writer) => ({
      ...writer,
      append: async (...of) => {
        if (failures-- > 0) throw new TypeError('undefined is not a function');
        return writer.append(...of);
      },
    }));
    start({ log: failing });
    await kafka.produce(topic, [joining('a'), joining('b')]);
    await arrived(['a', 'b']);
  });

  it('does not keep the bridge from stopping', async () => {
    await createTopics();
    const failing = withWriters((writer) => ({
      ...writer,
      append: async () => {
        throw new LifelineError('UNAVAILABLE');
      },
    }));
    const bridge = start({ log: failing });
    await kafka.produce(topic, [joining('a')]);
    await eventually(() => !bridge.bridge.health().log.ok);
    await bridge.stop();
    start();
    await arrived(['a']);
  });
});

describe('two bridges of one group', () => {
  it('share the partitions, and one takes over from the other under load: nothing lost, nothing out of order', async () => {
    await createTopics(4);
    const groupId = unique('group');
    const members = ['m-a', 'm-b', 'm-c', 'm-d', 'm-e', 'm-f', 'm-g', 'm-h'];
    const both = [start({ groupId }), start({ groupId })];
    let produced = 0;
    const produce = async () => {
      const records = numbered(5, produced).flatMap((id) => members.map((member) => joining(`${id}-${member}`, member)));
      produced += 5;
      await kafka.produce(topic, records);
    };
    const shares = async () => Promise.all(both.map((bridge) => bridge.count('appends', 'ok')));
    await eventually(async () => {
      await produce();
      return (await shares()).every((share) => share > 0);
    });
    await both[0]?.stop();
    for (let n = 0; n < 20; n++) await produce();
    for (const member of members) {
      await arrived(
        numbered(produced).map((id) => `${id}-${member}`),
        member,
      );
    }
  });
});
