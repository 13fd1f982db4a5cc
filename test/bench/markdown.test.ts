import { describe, expect, it } from 'vitest';

import { judge } from '../../bench/runner/goals.ts';
import { goalTable, resultTable, table } from '../../bench/runner/markdown.ts';
import { selfTimes } from '../../bench/runner/profile.ts';
import type { Result } from '../../bench/workloads/workload.ts';

const line = (server: string, round: number, rate: number, more: Partial<Result> = {}): Result => ({
  workload: 'U',
  server,
  round,
  sockets: 1_000,
  rate,
  ...more,
});

/** Cells of each row, without the line below the head. */
const cells = (text: string) =>
  text
    .split('\n')
    .filter((row) => row.startsWith('|') && !row.startsWith('| ---'))
    .map((row) =>
      row
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    );

describe('tables', () => {
  it('have columns of equal width, and none without content', () => {
    const text = table(
      ['name', 'nothing', 'µs'],
      [
        ['one', '', '12'],
        ['three hundred', '', '5'],
      ],
    );
    expect(text.split('\n')).toEqual([
      '| name          | µs  |',
      '| ------------- | --- |',
      '| one           | 12  |',
      '| three hundred | 5   |',
    ]);
  });

  it('show a server once, with medians, the spread of its rate and its ratio to the bare one round by round', () => {
    const results = [
      line('ws-send', 1, 50_000),
      line('lifeline', 1, 60_000, { p99: 12.34 }),
      line('ws-send', 2, 25_000),
      line('lifeline', 2, 35_000, { p99: 14.34 }),
    ];
    const [head, bare, lifeline] = cells(resultTable(results, 'U Unicast'));
    expect(head).toEqual(['server', 'sockets', 'events/s', 'p99 ms', '× bare']);
    expect(bare).toEqual(['ws-send', '1 000', '37 500 (25 000–50 000)', '', '1.00']);
    expect(lifeline).toEqual(['lifeline', '1 000', '47 500 (35 000–60 000)', '13.3', '1.30']);
  });

  it('say of a row with losses that it is invalid, and of one with a busy client in how many rounds', () => {
    const text = resultTable(
      [line('a', 1, 1, { lost: 3 }), line('b', 1, 1, { clientCpu: 0.9 }), line('b', 2, 1, { clientCpu: 0.5, repeated: 2 })],
      'U',
    );
    expect(text).toContain('invalid: 3 lost');
    expect(text).toContain('client busy in 1 of 2 rounds; 2 repeated');
  });

  it('show own figures of a workload under their names', () => {
    const [head, row] = cells(resultTable([{ workload: 'I', server: 'a', round: 1, figures: { bytesPerConnection: 5_120 } }], 'I'));
    expect(head).toEqual(['server', 'bytesPerConnection']);
    expect(row).toEqual(['a', '5 120']);
  });

  it('print a goal with its bound, what was measured and the verdict', () => {
    const verdicts = judge(
      [
        {
          row: '7',
          what: 'faster',
          unit: '×',
          sense: 'at least',
          bound: 1.8,
          measure: () => ({ values: [1.5, 1.7], remark: 'by CPU' }),
        },
      ],
      [],
      1,
    );
    expect(cells(goalTable(verdicts))[1]).toEqual(['7', 'faster', '≥ 1.80 ×', '1.60 ×', '1.50–1.70', '2', '**FAIL**', 'by CPU']);
  });
});

describe('a profile', () => {
  it('is summed up by package, file of ours, part of Node and part of V8, without idle time', () => {
    const frame = (id: number, url: string, functionName = 'f') => ({ id, callFrame: { functionName, url } });
    const text = JSON.stringify({
      nodes: [
        frame(1, '', '(idle)'),
        frame(2, 'file:///x/node_modules/@a/b/lib/c.js'),
        frame(3, 'file:///x/bench/node_modules/ws/lib/sender.js'),
        frame(4, 'file:///x/src/graphql/frame.ts'),
        frame(5, 'node:net'),
        frame(6, '', '(garbage collector)'),
        frame(7, '', 'writev'),
        frame(8, 'file:///x/node_modules/@a/b/lib/d.js'),
      ],
      samples: [1, 2, 3, 4, 5, 6, 7, 8],
      timeDeltas: [5_000, 10, 20, 30, 5, 15, 10, 10],
    });
    expect(selfTimes(text)).toEqual([
      { module: 'src/graphql/frame.ts', micros: 30, share: 0.3 },
      { module: '@a/b', micros: 20, share: 0.2 },
      { module: 'ws', micros: 20, share: 0.2 },
      { module: '(garbage collector)', micros: 15, share: 0.15 },
      { module: '(native)', micros: 10, share: 0.1 },
      { module: 'node:net', micros: 5, share: 0.05 },
    ]);
  });
});
