/** The pictures for the README and the report, drawn from result lines. */
import { entryOf } from '../servers/catalogue.ts';
import type { Result } from '../workloads/workload.ts';
import { plot, type Series } from './plot.ts';
import { grouped, invalidity, spread } from './rounds.ts';

/** File name → SVG; a picture that has fewer than two places to the right is not drawn. */
export function plots(results: readonly Result[]): Map<string, string> {
  const pictures = new Map<string, string>();
  const throughput = seriesOf(
    results,
    (result) => result.workload === 'U',
    (result) => result.rate,
  );
  if (worthIt(throughput)) {
    pictures.set(
      'bench-throughput.svg',
      plot({
        title: 'Events a second from one core, each to one socket',
        x: 'sockets',
        y: 'events/s',
        series: throughput,
        logarithmic: true,
      }),
    );
  }
  const latency = seriesOf(
    results,
    (result) => result.workload === 'R' && result.variant === '5000/s',
    (result) => result.p99,
  );
  if (worthIt(latency)) {
    pictures.set(
      'bench-latency.svg',
      plot({ title: 'Redis to client at 5 000 events/s, p99', x: 'sockets', y: 'ms', series: latency, logarithmic: true }),
    );
  }
  return pictures;
}

const worthIt = (series: readonly Series[]) => new Set(series.flatMap(({ points }) => points.map(({ x }) => x))).size > 1;

/** A line for each server that was measured with more than one number of sockets: the medians of its valid rounds. */
function seriesOf(
  results: readonly Result[],
  wanted: (result: Result) => boolean,
  of: (result: Result) => number | undefined,
): Series[] {
  const valid = results.filter((result) => wanted(result) && invalidity(result) === undefined);
  return [...grouped(valid, (result) => result.server)].flatMap(([server, lines]) => {
    const points = [...grouped(lines, ({ sockets }) => String(sockets))].flatMap(([sockets, at]) => {
      const measured = spread(at.flatMap((result) => of(result) ?? []));
      return measured === undefined ? [] : [{ x: Number(sockets), y: measured.median }];
    });
    return points.length < 2 ? [] : [{ name: nameOf(server), points, strong: server.startsWith('lifeline') }];
  });
}

/** As people know it: the catalogue's titles are sentences. */
function nameOf(server: string): string {
  return server.startsWith('lifeline') ? 'Lifeline' : (names[server] ?? entryOf(server).title);
}

const names: Readonly<Record<string, string>> = {
  'ws-send': 'bare ws',
  'ws-redis': 'bare ioredis → ws',
  'raw-epoll': 'raw epoll (C)',
  'graphql-ws': 'graphql-ws',
  'graphql-ws-redis': 'graphql-ws + Redis',
  'socket-io': 'Socket.IO',
  'socket-io-redis': 'Socket.IO + Redis',
};
