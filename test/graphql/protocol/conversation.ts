import { setImmediate as turn } from 'node:timers/promises';

import type { MemberEvent } from '../../../src/event/event.ts';
import { eventOf } from '../support.ts';
import type { Connection, EventSpec, Message, Step } from './behaviour.ts';
import { sameClose, withoutDeliberate } from './deliberate.ts';
import { openPeer, type Peer } from './peer.ts';
import { cursors, startOfTime, type Sides } from './sides.ts';

/** How many turns of the event loop the slower side gets to say what the other one said. */
const patience = 500;
/** Beyond, the product lets queries wait for one another, and what they find then may be something else. */
const mostHeld = 4;

/** What a subscription, and no query, answers when nothing is wrong. */
const eventLike = /"payload":\{"data":\{"(?:coverageUpdates|videoVisitEvents|memberEvents)":\{"(?!nodes)/;

let members = 0;

/**
 * Holds one conversation with both servers, step by step.
 *
 * @param count called for every message that was the same from both, with its type (`event` where it is one), and for every end of a socket with its code
 * @throws when they differ in what is not deliberate
 */
export async function converse(sides: Sides, connections: readonly Connection[], count: (what: string) => void): Promise<void> {
  const member = `m-${String(members++)}`;
  const events: MemberEvent[] = [];
  const append = async (specs: readonly EventSpec[]) => {
    const made = specs.map((spec) => eventFrom(spec, member));
    events.push(...made);
    await Promise.all([sides.ours.append(made), sides.stock.append(made)]);
  };
  for (const connection of connections) {
    const { heard, closed } = await converseOnce(sides, connection, member, events, append);
    for (const text of heard) count(eventLike.test(text) ? 'event' : (JSON.parse(text) as { type: string }).type); // what a server of ours sent
    if (closed !== null) count(closed.slice(0, 4));
  }
}

async function converseOnce(
  sides: Sides,
  { protocols, authorization, first, steps }: Connection,
  member: string,
  events: readonly MemberEvent[],
  append: (specs: readonly EventSpec[]) => Promise<void>,
): Promise<Pick<Peer, 'heard' | 'closed'>> {
  const { reads, acknowledgements } = sides.gates;
  const headers: Record<string, string> =
    authorization === null ? {} : { authorization: authorization.replace('«member»', member) };
  const ours = await openPeer(sides.ours.url, protocols, headers);
  const stock = await openPeer(sides.stock.url, protocols, headers);
  /** Ids whose operation was given up while it was held; they are in use until it is released. */
  const givenUp = new Set<string>();
  let held = 0;

  const agree = async (what: string) => {
    for (let round = 0; ; round++) {
      await Promise.all([ours.quiet(), stock.quiet()]);
      const difference = differenceOf(ours, stock, member) ?? (await heldDifference(sides));
      if (difference === null) return;
      if (round === patience) throw new Error(`After ${what}: ${difference}`);
      await turn();
    }
  };
  const say = (peer: Peer, messages: readonly Message[]) => {
    const known = cursorsIn(peer, member);
    peer.write(messages.map((message) => ({ ...message, data: fill(message.data, member, known, events) })));
  };
  const release = () => {
    reads.release();
    givenUp.clear();
    held = 0;
  };
  const fitting = (messages: readonly Message[]) =>
    messages.filter(({ subscribes, completes }) => {
      if (!reads.held && !acknowledgements.held) return true;
      if (completes !== undefined) givenUp.add(completes);
      if (subscribes === undefined) return true;
      held += 1;
      return !givenUp.has(subscribes) && held <= mostHeld;
    });

  const take = async (step: Step) => {
    if (step.do === 'send') {
      const messages = fitting(step.messages);
      say(ours, messages);
      say(stock, messages);
      if (step.event !== null) await append([step.event]);
    } else if (step.do === 'append') {
      await append(step.events);
    } else if (step.do === 'reuse') {
      if (reads.held || acknowledgements.held) return;
      say(ours, [step.complete, step.subscribe]);
      say(stock, [step.complete]); // the stock server needs the pause: that is one of the differences
      await stock.quiet();
      say(stock, [step.subscribe]);
    } else if (step.do === 'leave') {
      await Promise.all([ours.leave(step.how), stock.leave(step.how)]);
    } else if (step.do === 'hold') {
      sides.gates[step.what].hold();
    } else {
      sides.gates[step.what].release();
      await agree('one gate');
      if (!reads.held && !acknowledgements.held) release();
    }
  };

  try {
    await agree('the handshake');
    for (const step of [...(first === null ? [] : [{ do: 'send', messages: [first], event: null } as const]), ...steps]) {
      if (ours.closed !== null) break;
      sides.tick();
      await take(step);
      await agree(JSON.stringify(step));
    }
  } finally {
    release();
    await Promise.all([ours.quiet(), stock.quiet()]);
    acknowledgements.release();
    await Promise.all([ours, stock].map((peer) => peer.leave('terminate')));
  }
  await agree('hanging up');
  return ours;
}

function eventFrom({ type, data }: EventSpec, member: string): MemberEvent {
  const event = eventOf(type, { member });
  const accountId = 'accountId' in data && typeof data['accountId'] === 'string' ? data['accountId'] : event.accountId;
  return { ...event, occurredAt: startOfTime, data: { ...event.data, ...data }, accountId };
}

const cursorLike = /[A-Za-z0-9_-]{40,}/g;

/** Where a cursor stands; null for what is none of this member's. */
function positionOf(cursor: string, member: string) {
  try {
    return cursors.decode(member, cursor);
  } catch {
    return null;
  }
}

/** Cursors by where they stand, oldest first: the n-th is the same place in both logs. */
function cursorsIn({ heard }: Peer, member: string): readonly string[] {
  const found = new Map<number, string>();
  for (const [cursor] of heard.join('\n').matchAll(cursorLike)) {
    const position = positionOf(cursor, member);
    if (position !== null) found.set(position.sequence, cursor);
  }
  return [...found].toSorted(([a], [b]) => a - b).map(([, cursor]) => cursor);
}

function fill(data: string | Buffer, member: string, known: readonly string[], events: readonly MemberEvent[]): string | Buffer {
  if (typeof data !== 'string') return data;
  const position = { epoch: 'another', generation: 1, sequence: 3, chain: 'c' };
  return data
    .replaceAll('«member»', member)
    .replaceAll('«cursor:lost»', () => cursors.encode(member, position))
    .replaceAll('«cursor:ahead»', () => {
      const newest = positionOf(known.at(-1) ?? '', member);
      return newest === null ? 'none' : cursors.encode(member, { ...newest, sequence: newest.sequence + 1_000 });
    })
    .replaceAll(/«cursor:(\d)»/g, (_all, n: string) => known[Number(n)] ?? 'none')
    .replaceAll(/«event:(\d)»/g, (_all, n: string) => events[Number(n)]?.id ?? 'none');
}

/** Logs sign for themselves: of a cursor counts that it is valid, and where it stands. */
function comparable(text: string, member: string): string {
  return text.replaceAll(cursorLike, (cursor) => {
    const position = positionOf(cursor, member);
    return position === null ? cursor : `cursor(${String(position.generation)},${String(position.sequence)},${position.chain})`;
  });
}

/**
 * What was sent under one id, or of one type where there is no id. The protocol orders no more than that: which of two operations
 * answers first is nobody's promise.
 */
function threads({ heard }: Peer, member: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const text of heard) {
    const { id, type } = JSON.parse(text) as { id?: string; type: string }; // binary would throw: servers send text
    const key = id === undefined ? type : `id ${id}`;
    found.set(key, [...(found.get(key) ?? []), comparable(text, member)]);
  }
  return found;
}

function differenceOf(ours: Peer, stock: Peer, member: string): string | null {
  const [mine, theirs] = [threads(ours, member), threads(stock, member)];
  for (const key of new Set([...mine.keys(), ...theirs.keys()])) {
    const [own, others] = [mine.get(key) ?? [], theirs.get(key) ?? []];
    for (let at = 0; at < Math.max(own.length, others.length); at++) {
      const other = others[at];
      const said = own[at] === undefined ? undefined : withoutDeliberate(own[at] ?? '', other ?? '');
      if (said !== other)
        return `message ${String(at)} of ${key} is ${said ?? 'missing'}, the stock server's ${other ?? 'missing'}`;
    }
  }
  if (sameClose(ours.closed, stock.closed)) return null;
  return `the socket is ${ours.closed ?? 'open'}, the stock server's ${stock.closed ?? 'open'}`;
}

async function heldDifference({ ours, stock }: Sides): Promise<string | null> {
  const [mine, theirs] = await Promise.all([ours.held(), stock.held()]);
  return mine === theirs ? null : `the product holds ${mine}, the stock server ${theirs}`;
}
