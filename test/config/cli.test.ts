import { readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { readCommandLine } from '../../src/cli.ts';
import { variableNames } from '../../src/config/settings.ts';
import { variables } from '../../src/config/variables.ts';

const printed = (...argv: string[]) => {
  const command = readCommandLine(argv);
  return command.do === 'print' ? command.text : '';
};

describe('the command line', () => {
  test.for(['--help', '-h'])('%s explains every role and every variable', (option) => {
    const help = printed(option);
    for (const role of ['serve', 'bridge', 'all']) expect(help).toMatch(new RegExp(`^ {2}${role} `, 'm'));
    for (const name of variableNames) expect(help).toMatch(new RegExp(`^ {2}${name} `, 'm'));
    expect(help.split('\n').filter((line) => line.length > 120)).toEqual([]);
  });

  test('--help wins wherever it stands', () => {
    expect(printed('serve', '--help')).toContain('Usage');
  });

  test.for(['--version', '-v'])('%s prints the version of the package', (option) => {
    const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
    expect(printed(option)).toBe(manifest.version);
  });

  test.for([[['--port=1']], [['-x']], [['serve', '--verbose']], [['serve', 'bridge']]] as const)(
    '%j is refused in one sentence',
    ([argv]) => {
      const command = readCommandLine(argv);
      expect(command).toMatchObject({ do: 'refuse', text: expect.stringMatching(/^[^\n]+\.$/) });
    },
  );

  test('hands roles on, known or not', () => {
    expect(readCommandLine([])).toEqual({ do: 'run', argv: [] });
    expect(readCommandLine(['bridge'])).toEqual({ do: 'run', argv: ['bridge'] });
  });
});

test('every variable has notes of its own', () => {
  const meanings = variableNames.map((name) => variables[name].means);
  expect(new Set(meanings).size).toBe(variableNames.length);
});

test("the operators' page has one row for every variable, and no other ones", () => {
  const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `([A-Z_]+)` \| (.*) \| (.*) \|$/gm)].map(([, name, means, otherwise]) => ({
    name,
    means,
    otherwise,
  }));
  const expected = variableNames.map((name) => {
    const { means, otherwise } = variables[name];
    return { name, means, otherwise };
  });
  expect(rows).toEqual(expected);
});
