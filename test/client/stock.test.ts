import { readFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createRedisLog, type RedisLog } from '../../src/log/redis.ts';
import { recordingLogger } from '../log/fixtures.ts';
import { coverageResult, createAppender } from '../support/entries.ts';
import { eventually } from '../support/eventually.ts';
import { type Lifeline, startLifeline, testSecret, tokenFor } from '../support/lifeline.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { contenders, type Watched } from './stock/contenders.ts';
import { type Door, startDoor } from './stock/door.ts';

/** `once`: every event, none of them twice. `repeats`: every event, some of them again. `stops`: nothing any more. */
const verdicts = new Set(['once', 'repeats', 'stops']);

/** The table of docs/stock-clients.md: what it says is what is tested. */
const page = readFileSync(new URL('../../docs/stock-clients.md', import.meta.url), 'utf8');
const rows = [...page.matchAll(/^\| (.+) \|$/gm)].map(([, row = '']) => row.split(' | ').map((cell) => cell.trim()));
const head = rows.find((row) => row.includes('graphql-ws + recipe')) ?? [];
function expectedOf(scenario: string): Record<string, string> {
  const row = rows.find(([first]) => first === scenario);
  if (row === undefined) throw new Error(`no row of the table says: ${scenario}`);
  return Object.fromEntries(head.slice(1).map((name, index) => [name, row[index + 1] ?? '']));
}

let redis: TestRedis;
let log: RedisLog;
beforeAll(async () => {
  redis = await startRedis({ own: true });
  log = createRedisLog({ url: redis.url, logger: recordingLogger() });
  await log.ready;
});
afterAll(async () => {
  await log.close();
  await redis.stop();
});

const startGateway = () => startLifeline(['serve'], { REDIS_URL: redis.url, JWT_SECRET: testSecret, CURSOR_SECRET: testSecret });

interface Site {
  gateway: Lifeline;
  readonly door: Door;
}

interface Scenario {
  readonly tokenSeconds?: number;
  readonly before?: (site: Site) => void;
  /** `happen` makes two more events; `hopeless` are those of whom the table says that nothing more comes. */
  readonly fault: (site: Site, happen: () => Promise<void>, hopeless: readonly Watched[]) => Promise<void>;
}

async function run(name: string, scenario: Scenario): Promise<void> {
  const gateway = await startGateway();
  const site: Site = { gateway, door: await startDoor(gateway.url) };
  try {
    await compare(site, name, scenario);
  } finally {
    await site.door.stop();
    const { exitCode, signalCode } = site.gateway.process;
    if (exitCode === null && signalCode === null) await site.gateway.stop();
  }
}

/** Two events before, those of the fault, two after it: each kind of app must see what the table says. */
async function compare(site: Site, name: string, { tokenSeconds = 3_600, before, fault }: Scenario): Promise<void> {
  const expected = expectedOf(name);
  expect(Object.values(expected).filter((verdict) => !verdicts.has(verdict))).toEqual([]);
  const append = await createAppender(log);
  const apps: Record<string, Watched> = {};
  const members: string[] = [];
  const happened: string[] = [];
  const happen = async () => {
    for (let count = 0; count < 2; count++) {
      const n = happened.length + 1;
      happened.push(`wf-${n}`);
      await append(...members.map((member) => coverageResult(member, n)));
    }
  };
  before?.(site);
  const seen = () => JSON.stringify(Object.entries(apps).map(([kind, { shown, ended }]) => [kind, shown.join(' '), ended]));
  try {
    for (const [kind, start] of Object.entries(contenders)) {
      const member = `m-${randomUUID().slice(0, 8)}`;
      members.push(member);
      apps[kind] = start({ url: site.door.url, token: () => tokenFor(member, { ttlSeconds: tokenSeconds }) });
    }
    const unique = (kind: string) => [...new Set(apps[kind]?.shown)];
    const goesOn = Object.keys(apps).filter((kind) => expected[kind] !== 'stops');
    await happen();
    const begins = before === undefined ? Object.keys(apps) : goesOn;
    await eventually(() => begins.every((kind) => unique(kind).length === 2), { what: 'all of them to begin' });
    await fault(
      site,
      happen,
      Object.entries(apps).flatMap(([kind, app]) => (goesOn.includes(kind) ? [] : [app])),
    );
    await happen();
    await eventually(() => goesOn.every((kind) => unique(kind).length === happened.length), {
      what: `${goesOn.join(', ')} to have everything`,
      withinMs: 50_000,
    });
    for (const kind of goesOn.filter((each) => expected[each] === 'repeats'))
      await eventually(() => (apps[kind]?.shown.length ?? 0) > happened.length, { what: `${kind} to repeat` });
    for (const kind of Object.keys(apps)) {
      const all = unique(kind);
      const verdict = all.length < happened.length ? 'stops' : all.length < (apps[kind]?.shown.length ?? 0) ? 'repeats' : 'once';
      expect(verdict, `${kind}: ${apps[kind]?.shown.join(' ')}`).toBe(expected[kind]);
      expect(all, `${kind} in order`).toEqual(happened.slice(0, all.length));
    }
  } catch (error) {
    throw new Error(`What the apps saw: ${seen()}`, { cause: error });
  } finally {
    await Promise.all(Object.values(apps).map((app) => app.stop()));
  }
}

const scenarios: Readonly<Record<string, Scenario>> = {
  'the server restarts, another one taking over': {
    async fault(site, happen) {
      const old = site.gateway;
      site.gateway = await startGateway();
      site.door.lead(site.gateway.url);
      await old.stop();
      await happen();
    },
  },
  'the server is killed, and away for some seconds': {
    async fault(site, happen, hopeless) {
      await site.gateway.kill();
      await happen();
      await eventually(() => hopeless.every(({ ended }) => ended), { what: 'those to give up that do' });
      site.gateway = await startGateway();
      site.door.lead(site.gateway.url);
    },
  },
  'the connection is cut for a moment': {
    async fault({ door }, happen) {
      door.shut();
      door.open(); // before anybody tries again
      await happen();
    },
  },
  'no WebSocket comes through': {
    before: ({ door }) => door.refuseUpgrades(),
    fault: (_site, happen) => happen(),
  },
  'the network forgets the connection': {
    async fault({ door }, happen) {
      door.forget();
      await happen();
    },
  },
  'the token expires': {
    tokenSeconds: 4,
    async fault({ gateway }, happen) {
      const opened = () => gateway.metric('websocket_connections_total');
      const before = await opened();
      // The server lets go of the sockets whose token nobody renewed: four of five come again.
      await eventually(async () => (await opened()) >= before + 4, { what: 'new connections', withinMs: 50_000 });
      await happen();
    },
  },
};

/** They wait for half a minute, most of it for nothing; neighbours, so that they run at once. */
const slow = new Set(['the network forgets the connection', 'the token expires']);

describe('what apps see is what docs/stock-clients.md says, when', () => {
  for (const [name, scenario] of Object.entries(scenarios))
    test(name, { timeout: 90_000, concurrent: slow.has(name) }, () => run(name, scenario));

  test('and nothing more is said there', () => {
    const told = rows.slice(rows.indexOf(head) + 2, rows.indexOf(head) + 2 + Object.keys(scenarios).length);
    expect(told.map(([name]) => name)).toEqual(Object.keys(scenarios));
    expect(head.slice(1)).toEqual(Object.keys(contenders));
  });
});
