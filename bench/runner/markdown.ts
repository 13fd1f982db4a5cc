/** Tables for people: one of what was measured, one of the goals. */
import type { Result } from '../workloads/workload.ts';
import type { Verdict } from './goals.ts';
import { grouped, invalidity, ratios, spread } from './rounds.ts';

interface Column {
  readonly head: string;
  readonly of: (result: Result) => number | undefined;
  readonly text: (value: number) => string;
}

const columns: readonly Column[] = [
  { head: 'events/s', of: (result) => result.rate, text: short },
  { head: 'CPU µs', of: (result) => result.cpuPerEvent, text: short },
  { head: 'p50 ms', of: (result) => result.p50, text: short },
  { head: 'p99 ms', of: (result) => result.p99, text: short },
  { head: 'p99.9 ms', of: (result) => result.p999, text: short },
  { head: 'max ms', of: (result) => result.max, text: short },
  { head: 'RSS MiB', of: (result) => (result.rss === undefined ? undefined : result.rss / 2 ** 20), text: short },
  { head: 'client CPU', of: (result) => result.clientCpu, text: (value) => `${Math.round(value * 100)} %` },
  { head: 'generator late ms', of: (result) => result.generatorLag, text: short },
];

/** Lines of one workload as a Markdown table, a row for each server and variant; medians, `(least–most)` of the rate, `×` to bare ws. */
export function resultTable(results: readonly Result[], title: string): string {
  const used = columns.filter(({ of }) => results.some((result) => of(result) !== undefined));
  const figures = [...new Set(results.flatMap((result) => Object.keys(result.figures ?? {})))];
  const bare = (rows: readonly Result[]) =>
    results.filter((result) => /^(ws-send|ws-redis|kafka-forwarder)$/.test(result.server) && sameQuestion(result, rows[0]));
  const anyBare = used.some(({ head }) => head === 'events/s') && results.some((result) => bare([result]).length > 0);

  const rows = [...grouped(results, (result) => `${result.server}\t${result.variant ?? ''}\t${result.sockets ?? ''}`).values()].map(
    (rows) => {
      const [first] = rows;
      const ratio = spread(ratios(rows, bare(rows), (result) => result.rate));
      return [
        first?.server ?? '',
        first?.variant ?? '',
        first?.sockets === undefined ? '' : grouping(first.sockets),
        ...used.map(({ head, of, text }) => spreadText(rows, of, text, head === 'events/s')),
        ...(anyBare ? [ratio === undefined ? '' : ratio.median.toFixed(2)] : []),
        ...figures.map((name) => spreadText(rows, (result) => result.figures?.[name], short, false)),
        remarks(rows),
      ];
    },
  );
  const head = [
    'server',
    'variant',
    'sockets',
    ...used.map((column) => column.head),
    ...(anyBare ? ['× bare'] : []),
    ...figures,
    'remarks',
  ];
  return `### ${title}\n\n${table(head, rows)}`;
}

/** The goals with what was measured against them. */
export function goalTable(verdicts: readonly Verdict[]): string {
  return table(
    ['#', 'goal', 'bound', 'median', 'least–most', 'rounds', 'verdict', 'remarks'],
    verdicts.map(({ goal, bound, spread: measured, verdict, remark }) => [
      goal.row,
      goal.what,
      `${goal.sense === 'at most' ? '≤' : '≥'} ${withUnit(bound, goal.unit)}`,
      measured === undefined ? '' : withUnit(measured.median, goal.unit),
      measured === undefined ? '' : `${short(measured.least)}–${short(measured.most)}`,
      measured === undefined ? '' : String(measured.count),
      verdict === 'FAIL' ? '**FAIL**' : verdict,
      remark ?? '',
    ]),
  );
}

/** Cells in columns of equal width: the table is read in a terminal as often as in a page. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const kept = head.map((name, column) => name !== '' && (rows.length === 0 || rows.some((row) => (row[column] ?? '') !== '')));
  const cells = [head, ...rows].map((row) => row.filter((_, column) => kept[column] === true));
  const widths = (cells[0] ?? []).map((_, column) => Math.max(3, ...cells.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 3)).join(' | ')} |`;
  const [first = [], ...others] = cells;
  return [line(first), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...others.map(line)].join('\n');
}

function sameQuestion(one: Result, other: Result | undefined): boolean {
  return one.workload === other?.workload && one.variant === other.variant && one.sockets === other.sockets;
}

function spreadText(rows: readonly Result[], of: Column['of'], text: Column['text'], range: boolean): string {
  const measured = spread(rows.flatMap((row) => of(row) ?? []));
  if (measured === undefined) return '';
  return range && measured.count > 1
    ? `${text(measured.median)} (${text(measured.least)}–${text(measured.most)})`
    : text(measured.median);
}

function remarks(rows: readonly Result[]): string {
  const lost = rows.reduce((sum, row) => sum + (row.lost ?? 0), 0);
  const repeated = rows.reduce((sum, row) => sum + (row.repeated ?? 0), 0);
  const busy = rows.filter((row) => invalidity(row) === 'client busy').length;
  return [
    ...(lost > 0 ? [`invalid: ${lost} lost`] : []),
    ...(busy > 0 ? [`client busy in ${busy} of ${rows.length} rounds`] : []),
    ...(repeated > 0 ? [`${repeated} repeated`] : []),
  ].join('; ');
}

/** Three figures, and thousands in groups. */
function short(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1_000) return grouping(Math.round(value));
  return size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function grouping(value: number): string {
  return String(value).replaceAll(/\B(?=(\d{3})+$)/g, ' ');
}

function withUnit(value: number, unit: string): string {
  return unit === '×'
    ? `${short(value)} ×`
    : unit === ''
      ? short(value)
      : unit === '/s'
        ? `${short(value)}/s`
        : `${short(value)} ${unit}`;
}
