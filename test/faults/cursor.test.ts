import { expect } from 'vitest';

import { createCursors } from '../../src/graphql/cursor.ts';
import { eventually } from '../support/eventually.ts';
import { acknowledge, type Answer, type EventNode, everything, request, subscribe, subscribeSse } from '../support/graphql.ts';
import { testSecret, tokenFor } from '../support/lifeline.ts';
import { openApp } from './harness/app.ts';
import { plainFault, withFleet } from './harness/fault.ts';
import type { Fleet } from './harness/fleet.ts';
import { endsPagesAtTheHead, trustsEveryCursor } from './harness/mutants.ts';
import { produceFor } from './harness/produce.ts';

const page = `query ($channel: String!, $after: String, $first: Int) { memberEvents(channel: $channel, after: $after, first: $first) {
  nodes { __typename type channel occurredAt delivery { id cursor sequence attempt replayed ackRequired acknowledgedAt sentAt } }
  pageInfo { endCursor hasNextPage } } }`;

interface Page {
  readonly memberEvents: {
    readonly nodes: readonly EventNode[];
    readonly pageInfo: { readonly endCursor: string; readonly hasNextPage: boolean };
  };
}

const urlOf = ({ gateways }: Fleet, index: number) => gateways[index % gateways.length]?.lifeline.url ?? '';

async function ask(fleet: Fleet, member: string, after: string | null, first = 1_000): Promise<Answer<Page>> {
  return request<Page>(urlOf(fleet, 0), await tokenFor(member), page, { channel: `/member/${member}/**`, after, first });
}

/** What the code of the answer to a cursor is, on each way to send one; null where it was taken. */
async function answersTo(fleet: Fleet, member: string, after: string): Promise<{ codes: (string | null)[]; events: EventNode[] }> {
  const [http] = [urlOf(fleet, 1)];
  const token = await tokenFor(member);
  const polled = await ask(fleet, member, after);
  const streams = [subscribe(http.replace('http', 'ws'), token, member, { after }), subscribeSse(http, token, member, { after })];
  await eventually(() => streams.every(({ ended, events, errors }) => ended || events.length > 0 || errors.length > 0), {
    withinMs: 20_000,
    what: 'an answer to a cursor that is none, which was accepted',
  });
  for (const stream of streams) stream.stop();
  const problems = [polled.errors ?? [], ...streams.map(({ errors }) => errors)];
  return {
    codes: problems.map(([problem]) => (problem?.extensions?.['code'] as string | undefined) ?? null),
    events: [...(polled.data?.memberEvents?.nodes ?? []), ...streams.flatMap(({ events }) => events)],
  };
}

plainFault('a cursor that is foreign, forged, cut, of another log or from the future never opens or hides anything', {
  row: 30,
  quick: true,
  control: { mutants: [trustsEveryCursor], fails: /which was accepted|to deeply equal/ },
  run: ({ mutants, random, note }) =>
    withFleet({ gateways: 2, bridges: 1, mutants }, async (fleet) => {
      await Promise.all([produceFor(fleet, 'alice', 6), produceFor(fleet, 'mallory', 3)]);
      const cursorsOf = async (member: string, count: number) =>
        eventually(async () => {
          const nodes = (await ask(fleet, member, null)).data?.memberEvents.nodes ?? [];
          return nodes.length === count ? nodes.map(({ delivery }) => delivery.cursor) : undefined;
        });
      const own = await cursorsOf('alice', 6);
      const foreign = await cursorsOf('mallory', 3);
      const genuine = own[2] ?? '';
      const bytes = Buffer.from(genuine, 'base64url');

      const bent = Array.from({ length: 60 }, () => {
        const copy = Buffer.from(bytes);
        const at = Math.floor(random() * copy.length);
        copy[at] = (copy[at] ?? 0) ^ (1 << Math.floor(random() * 8));
        return copy.toString('base64url');
      });
      const forged = createCursors('another-secret-of-more-than-32-characters');
      const position = createCursors(testSecret).decode('alice', genuine);
      const never = [
        ...foreign,
        forged.encode('alice', position),
        createCursors(testSecret).encode('mallory', position),
        '',
        genuine.slice(0, -1),
        genuine.slice(0, 8),
        `${genuine}A`,
        genuine.toUpperCase(),
        'null',
        '∞'.repeat(600),
        'A'.repeat(20_000),
      ];
      for (const cursor of never) {
        const { codes, events } = await answersTo(fleet, 'alice', cursor);
        expect(codes, cursor.slice(0, 60)).toEqual(['BAD_USER_INPUT', 'BAD_USER_INPUT', 'BAD_USER_INPUT']);
        expect(events).toEqual([]);
      }
      for (const cursor of bent) expect((await ask(fleet, 'alice', cursor)).errors?.[0]?.extensions?.code).toBe('BAD_USER_INPUT');

      // Well signed, and not of this log: another gateway of ours wrote it before everything was lost.
      const lost = createCursors(testSecret).encode('alice', { ...position, epoch: 'another' });
      expect((await answersTo(fleet, 'alice', lost)).codes).toEqual(Array.from({ length: 3 }, () => 'RESYNC_REQUIRED'));

      // Well signed, and ahead of the log, as after a failover that lost its tail: all there is comes again and says that it does.
      for (const ahead of [{ sequence: 7 }, { sequence: 1e15 }, { chain: 'ffffffff' }, { generation: 99 }]) {
        const future = createCursors(testSecret).encode('alice', { ...position, ...ahead });
        const app = openApp(urlOf(fleet, 1).replace('http', 'ws'), 'alice');
        const stream = app.subscribe('alice', { after: future });
        await stream.have(6);
        expect(stream.copies.every(({ delivery }) => delivery.replayed)).toBe(true);
        app.close();
      }
      for (const gateway of fleet.gateways) expect((await gateway.lifeline.readyz()).status).toBe(200);
      note(`${never.length + bent.length} cursors refused on query, WebSocket and event stream`);
    }),
});

/** What an app that changes between the two paths has of its member, and how. */
interface Notebook {
  readonly order: number[];
  readonly seen: Set<string>;
  cursor: string | null;
}

function noteDown(notebook: Notebook, { delivery }: EventNode): void {
  const repeat = notebook.seen.has(delivery.id);
  if (repeat && !delivery.replayed && delivery.attempt === 1) throw new Error(`${delivery.id} came again and did not say so.`);
  notebook.cursor = delivery.cursor;
  if (repeat) return;
  notebook.seen.add(delivery.id);
  notebook.order.push(delivery.sequence ?? 0);
}

plainFault(
  'asked and pushed in any order, acknowledged or not, on any node: together they give every event, and a query goes on exactly where it stopped',
  {
    row: 44,
    quick: true,
    control: { mutants: [endsPagesAtTheHead], fails: /every event/ },
    run: ({ mutants, random, note }) =>
      withFleet({ gateways: 2, bridges: 1, mutants }, async (fleet) => {
        const member = 'both-ways';
        const token = await tokenFor(member);
        const changing: Notebook = { order: [], seen: new Set(), cursor: null };
        const asking: Notebook = { order: [], seen: new Set(), cursor: null };
        let repeatsOfQueries = 0;
        let steps = 0;
        let total = 0;

        const poll = async (notebook: Notebook) => {
          const first = 1 + Math.floor(random() * 12);
          const { data, errors } = await request<Page>(urlOf(fleet, steps), token, page, {
            channel: `/member/${member}/**`,
            after: notebook.cursor,
            first,
          });
          if (data === undefined || data === null) throw new Error(JSON.stringify(errors));
          const { nodes, pageInfo } = data.memberEvents;
          if (notebook === asking) repeatsOfQueries += nodes.filter(({ delivery }) => asking.seen.has(delivery.id)).length;
          for (const event of nodes) noteDown(notebook, event);
          notebook.cursor = pageInfo.endCursor;
          return pageInfo.hasNextPage;
        };
        const stream = async () => {
          const app = subscribe(urlOf(fleet, steps).replace('http', 'ws'), token, member, {
            query: everything,
            after: changing.cursor,
            acknowledge: random() < 0.3,
          });
          const enough = Math.floor(random() * 10);
          // Few enough may be there, and then nothing comes: that is a step too.
          await eventually(() => app.events.length > enough, { withinMs: 30 + Math.floor(random() * 200) }).catch(() => undefined);
          app.stop();
          for (const event of app.events) noteDown(changing, event);
        };
        const closeSome = async () => {
          const ids = [...changing.seen].filter(() => random() < 0.5).slice(0, 500);
          await request(urlOf(fleet, steps), token, acknowledge, { ids });
        };

        for (; steps < 120; steps++) {
          const dice = random();
          if (dice < 0.35) {
            const count = 1 + Math.floor(random() * 15);
            total += count;
            await produceFor(fleet, member, count);
          } else if (dice < 0.6) await poll(asking);
          else if (dice < 0.75) await poll(changing);
          else if (dice < 0.93) await stream();
          else await closeSome();
        }
        for (const notebook of [changing, asking]) {
          await eventually(
            async () => {
              await poll(notebook);
              return notebook.seen.size >= total;
            },
            { withinMs: 8_000, what: `every event: ${notebook.seen.size} of ${total}` },
          );
          expect(notebook.order).toEqual(Array.from({ length: total }, (_, index) => index + 1));
        }
        expect(repeatsOfQueries, 'events that a query behind a cursor told again').toBe(0);
        note(`${steps} steps of queries, streams and acknowledgements at random`);
        return { events: total, copies: changing.order.length + asking.order.length };
      }),
  },
);
