import { deliveryId, type MemberEvent } from '../../src/event/event.ts';
import type { Entry, EventLog, Page, ReadRequest, SourceRecord } from '../../src/log/log.ts';
import type { Logger } from '../../src/operations/logger.ts';
import { eventually } from '../support/eventually.ts';

let made = 0;

/** A name nobody else uses, also when several runs share a server. */
export function unique(prefix: string): string {
  return `${prefix}-${process.pid}-${Date.now().toString(36)}-${made++}`;
}

/** A critical event an hour before its expiry, unless told otherwise. */
export function eventOf(member: string, name: string = unique('event'), changes: Partial<MemberEvent> = {}): MemberEvent {
  return {
    id: deliveryId('test', name),
    type: 'rte.completed',
    member,
    channel: `/member/${member}/rte/w1`,
    occurredAt: Date.now(),
    expiresAt: Date.now() + 3_600_000,
    accountId: null,
    data: { workflowId: 'w1', name },
    attributes: { id: name, source: 'test', type: 'rte.completed', subject: member },
    origin: { topic: 'rte-completion', partition: 0, offset: 0, timestamp: Date.now() },
    ...changes,
  };
}

export const passing = { type: 'rte.progress', expiresAt: null } as const;

/** Records at consecutive offsets. */
export function recordsOf(events: readonly MemberEvent[], first = 0, refed = false): SourceRecord[] {
  return events.map((event, index) => ({ offset: first + index, event, refed }));
}

/** A writer of a partition of its own, at 0. */
export async function beginning(log: EventLog, topic = unique('topic')) {
  const source = log.source(topic, 0);
  await source.begin(0);
  let next = 0;
  return {
    source,
    topic,
    append: (...events: MemberEvent[]) => {
      const first = next;
      next += events.length;
      return source.append(next, recordsOf(events, first));
    },
  };
}

/** Every page of a read, put together. */
export async function readAll(log: EventLog, member: string, request: Partial<ReadRequest> = {}): Promise<Entry[]> {
  const entries: Entry[] = [];
  let page: Page;
  let from = request.from ?? 0;
  do {
    page = await log.read(member, { after: null, limit: 1_000, ...request, from });
    entries.push(...page.entries);
    from = page.scannedTo;
  } while (!page.done);
  return entries;
}

export const idsOf = (entries: readonly (Entry | null)[]) => entries.map((entry) => entry?.event.id ?? null);

export const until = <T>(condition: () => T | Promise<T>, what: string) => eventually(condition, { what });

/** Keeps what was logged, for tests of what operators are told. */
export function recordingLogger(): Logger & { readonly lines: { level: string; fields: object; message: string }[] } {
  const lines: { level: string; fields: object; message: string }[] = [];
  const at = (level: string) => (fields: object, message: string) => void lines.push({ level, fields, message });
  const logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: () => logger, lines };
  return logger;
}
