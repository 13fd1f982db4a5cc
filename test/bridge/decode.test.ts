import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { eventTypes } from '../../src/event/catalogue.ts';
import { deliveryId } from '../../src/event/event.ts';
import { decode, maxRecordBytes, sizeOf, type Reason } from '../../src/bridge/decode.ts';
import type { KafkaRecord, RecordHeaders } from '../../src/bridge/records.ts';
import { binaryRecord, exampleEvent, examplePayloads, structuredRecord } from '../support/events.ts';
import type { ProducedRecord } from '../support/kafka.ts';

const now = Date.parse('2026-11-20T12:00:00.000Z');
const minute = 60_000;
const structured = { 'content-type': 'application/cloudevents+json' };

/** What a consumer makes of a produced record: bytes everywhere. */
function received({ key = null, value, headers = {} }: ProducedRecord, timestamp = now): KafkaRecord {
  const bytes = Object.entries(headers).map(([name, header]) => [name, typeof header === 'string' ? Buffer.from(header) : header]);
  return {
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers: Object.fromEntries(bytes) as RecordHeaders, // entries lose the value's type
    origin: { topic: 'topic', partition: 2, offset: 7, timestamp },
  };
}

const record = (value: unknown, headers: RecordHeaders = structured, timestamp = now): KafkaRecord => ({
  key: null,
  value: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
  headers,
  origin: { topic: 'topic', partition: 2, offset: 7, timestamp },
});

const joinNow = (more: Parameters<typeof exampleEvent>[1] = {}) => exampleEvent('call.join', { time: now, id: 'e-1', ...more });

function refusal(of: KafkaRecord, at = now): { readonly reason: Reason; readonly detail: string } {
  const decoded = decode(of, at);
  if (decoded.ok) throw new Error('was accepted');
  return decoded;
}

function accepted(of: KafkaRecord, at = now) {
  const decoded = decode(of, at);
  if (!decoded.ok) throw new Error(`was refused: ${decoded.reason}, ${decoded.detail}`);
  return decoded.event;
}

describe('a good record', () => {
  it.for(eventTypes)('of type %s decodes to the same event in both content modes', (type) => {
    const event = exampleEvent(type, { time: now, member: 'm-7', channelId: 'c-1', extensions: { traceparent: '00-ab-cd-01' } });
    const fromStructured = accepted(received(structuredRecord(event)));
    expect(accepted(received(binaryRecord(event)))).toEqual(fromStructured);
    const domain = type.startsWith('rte') ? 'rte' : 'video-visit';
    const { data, ...attributes } = event;
    expect(fromStructured).toMatchObject({
      id: deliveryId(event.source, event.id),
      type,
      member: 'm-7',
      channel: `/member/m-7/${domain}/c-1`,
      occurredAt: now,
      accountId: domain === 'rte' ? 'A123' : null,
      data,
      attributes,
      origin: { topic: 'topic', partition: 2, offset: 7, timestamp: now },
    });
    expect(fromStructured.attributes).not.toHaveProperty('data');
    expect(fromStructured.expiresAt === null).toBe(type === 'rte.progress');
  });

  it.for([
    ['a charset parameter', { 'content-type': 'application/cloudevents+json; charset=UTF-8' }],
    ['a quoted charset', { 'content-type': 'application/cloudevents+json;charset="utf-8"' }],
    ['header and media type in other case', { 'Content-Type': 'Application/CloudEvents+JSON' }],
    ['headers as text', structured],
    ['no headers at all', {}],
    ['plain JSON as content type and no ce_ headers', { 'content-type': 'application/json' }],
    ['headers of others', { ...structured, 'x-trace': ['a', 'b'], other: undefined }],
  ] as [string, RecordHeaders][])('may come with %s', ([, headers]) => {
    expect(accepted(record(joinNow(), headers)).type).toBe('call.join');
  });

  it('may begin with a byte order mark', () => {
    expect(accepted(record(`\uFEFF${JSON.stringify(joinNow())}`)).type).toBe('call.join');
  });

  it('may have its payload as Base64 of JSON', () => {
    const { data, ...envelope } = joinNow();
    const event = accepted(record({ ...envelope, data_base64: Buffer.from(JSON.stringify(data)).toString('base64') }));
    expect(event.data).toEqual(data);
    expect(event.attributes).not.toHaveProperty('data_base64');
  });

  it('keeps payload properties that its schema does not know', () => {
    expect(accepted(record(joinNow({ data: { future: { deep: [1] } } }))).data).toMatchObject({ future: { deep: [1] } });
  });

  it('has the first 128 bits of a hash of source and id for its name, the same in every version', () => {
    expect(deliveryId('/services/calls', 'e-ü')).toBe('aydlErN0tkh190Xcp0Q9cg');
  });

  it('treats an attribute that is null as not there', () => {
    expect(accepted(record({ ...joinNow(), dataschema: null, note: null })).attributes).not.toHaveProperty('note');
  });
});

describe('the time of an event', () => {
  it("is Kafka's timestamp where the event has none", () => {
    const { time: _, ...timeless } = joinNow();
    expect(accepted(record(timeless, structured, now - minute))).toMatchObject({
      occurredAt: now - minute,
      expiresAt: now + 119 * minute,
    });
  });

  it('is now where Kafka has no timestamp either', () => {
    const { time: _, ...timeless } = joinNow();
    expect(accepted(record(timeless, structured, -1)).occurredAt).toBe(now);
  });

  it('counts for the expiry by at most five minutes ahead of Kafka and of this clock', () => {
    const year = 365 * 24 * 60 * minute;
    const ahead = record(joinNow({ time: now + year }));
    expect(accepted(ahead)).toMatchObject({ occurredAt: now + year, expiresAt: now + 125 * minute });
    const bothAhead = record(joinNow({ time: now + year }), structured, now + year);
    expect(accepted(bothAhead).expiresAt).toBe(now + 125 * minute);
    // Read again much later: Kafka's timestamp still bounds it.
    expect(refusal(ahead, now + 126 * minute).reason).toBe('expired');
  });

  it.for(['2026-11-20T12:00:00Z', '2026-11-20t13:00:00.000000+01:00', '2026-11-20T06:30:00-05:30'])(
    'may be written as %s',
    (time) => {
      expect(accepted(record({ ...joinNow(), time })).occurredAt).toBe(now);
    },
  );

  it('is a day that the calendar has, and the instant that it names', () => {
    const two = (least: number, most: number) =>
      fc.integer({ min: least, max: most }).map((value) => String(value).padStart(2, '0'));
    fc.assert(
      fc.property(fc.constantFrom('1900', '2000', '2024', '2026'), two(0, 13), two(0, 32), two(0, 23), (year, month, day, hour) => {
        const time = `${year}-${month}-${day}T${hour}:30:00Z`;
        const instant = new Date(0);
        instant.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
        instant.setUTCHours(Number(hour), 30);
        const progress = record({ ...exampleEvent('rte.progress'), time });
        // A day that the calendar lacks is another one there.
        if (instant.toISOString().startsWith(time.slice(0, -1))) expect(accepted(progress).occurredAt).toBe(instant.getTime());
        else expect(refusal(progress).reason).toBe('invalid-envelope');
      }),
      { numRuns: 2_000 },
    );
  });

  it('makes a critical event expire at the very millisecond, and a best-effort one never', () => {
    const twoHours = 120 * minute;
    expect(accepted(record(joinNow({ time: now - twoHours + 1 }))).expiresAt).toBe(now + 1);
    expect(refusal(record(joinNow({ time: now - twoHours }))).reason).toBe('expired');
    expect(accepted(record(exampleEvent('rte.progress', { time: 0 }))).expiresAt).toBeNull();
  });
});

const { id: _id, ...withoutId } = joinNow();
const { subject: _subject, ...withoutSubject } = joinNow();
const { data: _data, ...withoutData } = joinNow();
const nested = (depth: number) => JSON.parse('['.repeat(depth) + ']'.repeat(depth)) as []; // only its depth matters
const joinText = JSON.stringify(joinNow());

const refused: Record<Reason, [string, KafkaRecord][]> = {
  'invalid-json': [
    ['text that is not JSON', record('{"specversion": "1.0"')],
    ['nothing', record('')],
    ['a tombstone', { ...record(''), value: null }],
    ['a tombstone in binary mode', { ...received(binaryRecord(joinNow())), value: null }],
    [
      'bytes that are not UTF-8',
      { ...record(''), value: Buffer.concat([Buffer.from(joinText.slice(0, -2)), Buffer.from([0xff, 0x22, 0x7d])]) },
    ],
    ['a binary mode payload that is not JSON', { ...received(binaryRecord(joinNow())), value: Buffer.from('{') }],
    ['Base64 of something else', record({ ...withoutData, data_base64: Buffer.from('{').toString('base64') })],
  ],
  'invalid-envelope': [
    ['an array', record([joinNow()])],
    ['a number', record(7)],
    ['JSON that is no CloudEvent', record({ hello: 'world' }, {})],
    ['another version', record({ ...joinNow(), specversion: '0.3' })],
    ['no id', record(withoutId)],
    ['an empty id', record({ ...joinNow(), id: '' })],
    ['an id that is a number', record({ ...joinNow(), id: 7 })],
    ['an id with a NUL', record({ ...joinNow(), id: 'a\u0000b' })],
    ['an id with half a surrogate pair', record(joinText.replace('"e-1"', String.raw`"\ud800"`))],
    ['no source', record({ ...joinNow(), source: null })],
    ['a source that is no URI reference', record({ ...joinNow(), source: 'a b' })],
    ['an empty type', record({ ...joinNow(), type: '' })],
    ['no subject', record(withoutSubject)],
    ['a subject with a slash', record(joinNow({ member: 'm/1' }))],
    ['a subject that is a wildcard', record(joinNow({ member: '*' }))],
    ['a subject of 129 characters', record(joinNow({ member: 'm'.repeat(129) }))],
    ['a time that is none', record({ ...joinNow(), time: 'yesterday' })],
    ['a time on 30 February', record({ ...joinNow(), time: '2026-02-30T00:00:00Z' })],
    ['a time that is a number', record({ ...joinNow(), time: now })],
    ['a payload that is not JSON by its type', record({ ...joinNow(), datacontenttype: 'application/xml' })],
    ['an attribute name in capitals', record({ ...joinNow(), Tenant: 'x' })],
    ['an attribute that is an object', record({ ...joinNow(), tenant: {} })],
    ['an attribute named __proto__', record(joinText.replace('{', '{"__proto__":"x",'))],
    ['both kinds of data', record({ ...joinNow(), data_base64: 'e30=' })],
    ['Base64 that is none', record({ ...withoutData, data_base64: '***' })],
    ['a batch', record([joinNow()], { 'content-type': 'application/cloudevents-batch+json' })],
    ['another event format', record('<event/>', { 'content-type': 'application/cloudevents+xml' })],
    ['another charset', record(joinNow(), { 'content-type': 'application/cloudevents+json; charset=utf-16' })],
    [
      'a ce_ header twice',
      { ...received(binaryRecord(joinNow())), headers: { ...binaryRecord(joinNow()).headers, ce_id: ['a', 'b'] } },
    ],
    [
      'a ce_ header in two cases',
      { ...received(binaryRecord(joinNow())), headers: { ...binaryRecord(joinNow()).headers, CE_ID: 'b' } },
    ],
    ['a ce_ header that is not UTF-8', { ...received(binaryRecord(joinNow())), headers: { ce_id: Buffer.from([0xff]) } }],
    [
      'a header named ce_data',
      { ...received(binaryRecord(joinNow())), headers: { ...binaryRecord(joinNow()).headers, ce_data: 'x' } },
    ],
    ['a single ce_ header', record(examplePayloads['call.join'], { ce_type: 'call.join' })],
  ],
  'unknown-type': [
    ['a type that is not in the catalogue', record({ ...joinNow(), type: 'call.paused' })],
    ['a type that every object has', record({ ...joinNow(), type: 'constructor' })],
    ['a foreign type without a subject', record({ ...withoutSubject, type: 'billing.paid' })],
  ],
  'invalid-payload': [
    ['no data', record(withoutData)],
    ['data that is text', record({ ...joinNow(), data: '{}' })],
    ['an empty payload', record({ ...joinNow(), data: {} })],
    ['a channel id with a slash', record(joinNow({ channelId: 'a/b' }))],
    ['a channel id with a line feed at its end', record(joinNow({ channelId: 'a\n' }))],
    ['a channel id that is a number', record(joinNow({ data: { callId: 9 } }))],
    ['an address that could run a script', record(joinNow({ data: { joinUrl: 'javascript:alert(1)' } }))],
    ['money as a number', record(exampleEvent('call.extend', { time: now, data: { price: { amount: 40, currency: 'USD' } } }))],
    ['a percentage above 100', record(exampleEvent('rte.progress', { time: now, data: { percent: 101 } }))],
    ['a result without an account', record(exampleEvent('rte.completed', { time: now, data: { accountId: '' } }))],
    ['a payload nested 40 deep', record(joinNow({ data: { deep: nested(40) } }))],
    [
      'a payload nested 30 000 deep',
      record(joinText.replace('"callId"', `"deep":${'['.repeat(30_000)}${']'.repeat(30_000)},"callId"`)),
    ],
    ['a payload with a __proto__', record(joinText.replace('"callId"', '"deep":{"__proto__":{"admin":true}},"callId"'))],
    ['a number beyond all numbers', record(joinText.replace('"callId"', '"much":1e999,"callId"'))],
  ],
  'too-large': [
    ['a value above 64 KiB', record(joinNow({ data: { note: 'x'.repeat(maxRecordBytes) } }))],
    ['garbage above 64 KiB', record('x'.repeat(maxRecordBytes + 1))],
    ['headers above 64 KiB', record(joinNow(), { ...structured, 'x-note': 'x'.repeat(maxRecordBytes) })],
  ],
  expired: [['a call event of yesterday', record(joinNow({ time: now - 24 * 60 * minute }))]],
};

describe.for(Object.entries(refused) as [Reason, [string, KafkaRecord][]][])('refused as %s', ([reason, cases]) => {
  it.for(cases)('is %s', ([, bad]) => {
    expect(refusal(bad).reason).toBe(reason);
  });
});

describe('the size limit', () => {
  it('lets a record of exactly 64 KiB pass, key and headers counted, and not one byte more', () => {
    const padded = (bytes: number) => ({ ...record(joinNow({ data: { note: 'x'.repeat(bytes) } })), key: Buffer.from('m-1') });
    const fitting = maxRecordBytes - sizeOf(padded(0));
    expect(sizeOf(padded(fitting))).toBe(maxRecordBytes);
    expect(accepted(padded(fitting)).type).toBe('call.join');
    expect(refusal(padded(fitting + 1)).reason).toBe('too-large');
  });
});

describe('the detail of a refusal', () => {
  it('names the place and the rule, and nothing of what stood there', () => {
    expect(
      refusal(record(exampleEvent('rte.failed', { time: now, data: { failure: { code: 7, message: 'secret', retryable: true } } })))
        .detail,
    ).toBe('data/failure/code: must be string (type)');
    const secret = 'S3CRET';
    for (const bad of [
      record(secret),
      record({ ...joinNow(), id: `${secret}\u0000` }),
      record({ ...joinNow(), [secret]: 1 }),
      record({ ...joinNow(), type: secret }),
      record({ ...joinNow(), time: secret }),
      record(joinNow({ member: `${secret}/` })),
      record(joinNow({ channelId: `${secret}/` })),
      record(joinNow({ data: { joinUrl: secret } })),
      record(joinNow(), { 'content-type': `application/cloudevents+${secret}` }),
    ]) {
      expect(refusal(bad).detail).not.toMatch(/s3cret/i);
    }
  });
});

describe('whatever the bytes', () => {
  const json = fc.json({ maxDepth: 4 });
  const header = fc.oneof(
    fc.string(),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.constant(undefined),
    fc.array(fc.string()),
  );
  const headerName = fc.oneof(
    fc.constantFrom('content-type', 'ce_id', 'ce_type', 'ce_source', 'ce_specversion', 'ce_time'),
    fc.string(),
  );
  const attributeNames = [
    'specversion',
    'id',
    'source',
    'type',
    'subject',
    'time',
    'data',
    'datacontenttype',
    'data_base64',
  ] as const;

  it('decoding never throws, and answers the same twice', () => {
    const value = fc.oneof(
      json,
      fc.string(),
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(value, fc.dictionary(headerName, header), fc.integer(), (bytes, headers, timestamp) => {
        const odd: KafkaRecord = {
          key: null,
          value: Buffer.from(bytes),
          headers,
          origin: { topic: 't', partition: 0, offset: 0, timestamp },
        };
        expect(decode(odd, now)).toEqual(decode(odd, now));
      }),
      { numRuns: 2_000 },
    );
  });

  it('one attribute replaced by anything never throws, and what is accepted can be written as JSON and read back', () => {
    const any = fc.oneof(fc.jsonValue(), fc.string(), fc.constant(undefined));
    fc.assert(
      fc.property(fc.constantFrom(...attributeNames), any, fc.constantFrom(...eventTypes), (name, replaced, type) => {
        const decoded = decode(record({ ...exampleEvent(type, { time: now }), [name]: replaced }), now);
        if (decoded.ok) expect(JSON.parse(JSON.stringify(decoded.event))).toEqual(decoded.event);
        else expect(decoded.detail.length).toBeLessThan(300);
      }),
      { numRuns: 2_000 },
    );
  });
});
