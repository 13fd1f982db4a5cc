/**
 * One round of events that the server generates itself. Lifeline hands a subscription at most 32 copies that nobody acknowledged, so a round
 * is cut into slices, and between them everything pending is closed, outside the measured time and CPU; for all servers alike.
 */
import { share } from '../runner/cpu.ts';
import type { LoadReport } from '../runner/load-process.ts';
import { spread } from '../runner/rounds.ts';
import type { Generate } from '../servers/generator.ts';
import type { Stand } from './stand.ts';
import type { Result } from './workload.ts';

export type Figures = Pick<
  Result,
  'rate' | 'cpuPerEvent' | 'p50' | 'p99' | 'p999' | 'max' | 'lost' | 'repeated' | 'clientCpu' | 'generatorLag' | 'rss'
>;

export interface Slice {
  readonly report: LoadReport;
  readonly expected: number;
  /** of the server, from the first event to the last one received, µs */
  readonly cpuMicros: number;
  /** of the client, over `wallMicros`, µs */
  readonly clientMicros: number;
  readonly wallMicros: number;
  readonly lagMicros: number;
  readonly rssBytes: number;
}

/** Copies a subscription can be sent before it waits, with some to spare. */
export const perMember = 24;
const patienceMs = 20_000;

/** How many sockets one event reaches. */
export const reach = (kind: Generate['kind'], { sockets, members }: Stand) => (kind === 'broadcast' ? sockets : sockets / members);

/** Generates `request.count` events and waits until the clients have them, or 20 s. */
export async function slice({ server, load, ...stand }: Stand, request: Generate): Promise<Slice> {
  await server.settle();
  const before = await server.stats();
  await load.mark();
  const start = await load.report();
  const { sent, lagMicros } = await server.generate(request);
  const expected = sent * reach(request.kind, { server, load, ...stand });
  const report = await load.await(expected, patienceMs);
  const after = await server.stats();
  return {
    report,
    expected,
    cpuMicros: after.cpuMicros - before.cpuMicros,
    clientMicros: report.cpu - start.cpu,
    wallMicros: report.now - start.now,
    lagMicros,
    rssBytes: after.rssBytes,
  };
}

/** About `roundMs` of events, at the rate of the round before. */
export async function round(stand: Stand, request: Omit<Generate, 'count'>, roundMs: number): Promise<Figures> {
  const most = perMember * (request.kind === 'broadcast' ? 1 : request.members);
  let left = Math.max(1, Math.round(((stand.rate ?? 5_000) / reach(request.kind, stand)) * (roundMs / 1_000)));
  const slices: Slice[] = [];
  for (; left > 0; left -= most) {
    slices.push(await slice(stand, { ...request, count: Math.min(most, left) }));
    if (slices.some(({ report, expected }) => report.received < expected)) break; // as invalid as it can get
  }
  const figures = together(slices);
  stand.rate = figures.rate ?? stand.rate;
  return figures;
}

/** The figures of all slices as one round's. */
export function together(slices: readonly Slice[]): Figures {
  const sum = (of: (slice: Slice) => number) => slices.reduce((total, each) => total + of(each), 0);
  const middle = (of: (report: LoadReport) => number) => (spread(slices.map(({ report }) => of(report)))?.median ?? 0) / 1_000;
  const received = sum(({ report }) => report.received);
  const micros = sum(({ report }) => report.last - report.first);
  return {
    ...(micros > 0 ? { rate: (received / micros) * 1e6 } : {}),
    cpuPerEvent: received === 0 ? 0 : sum(({ cpuMicros }) => cpuMicros) / received,
    p50: middle((report) => report.p50),
    p99: middle((report) => report.p99),
    p999: middle((report) => report.p999),
    max: Math.max(...slices.map(({ report }) => report.max)) / 1_000,
    lost: sum(({ report, expected }) => Math.max(report.lost, expected - report.received, 0)),
    repeated: sum(({ report }) => report.repeated),
    clientCpu: share(
      sum(({ clientMicros }) => clientMicros),
      sum(({ wallMicros }) => wallMicros),
    ),
    rss: Math.max(...slices.map(({ rssBytes }) => rssBytes)),
  };
}
