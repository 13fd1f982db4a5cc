import { describe, expect, test } from 'vitest';

import { decide, type Action, type Principal } from '../../src/auth/allow.ts';

const unrestricted: Principal = { member: 'm1', expiresAt: 0, accounts: null };
const oneAccount: Principal = { ...unrestricted, accounts: ['A1'] };
const noAccount: Principal = { ...unrestricted, accounts: [] };

type Row = readonly [who: string, principal: Principal, action: Action, answer: 'allow' | 'FORBIDDEN'];

const table: readonly Row[] = [
  ['any account', unrestricted, { do: 'ask-account', account: 'A1' }, 'allow'],
  ['any account', unrestricted, { do: 'ask-account', account: '' }, 'allow'],
  ['A1 only', oneAccount, { do: 'ask-account', account: 'A1' }, 'allow'],
  ['A1 only', oneAccount, { do: 'ask-account', account: 'A2' }, 'FORBIDDEN'],
  ['A1 only', oneAccount, { do: 'ask-account', account: 'a1' }, 'FORBIDDEN'],
  ['A1 only', oneAccount, { do: 'ask-account', account: 'A' }, 'FORBIDDEN'],
  ['A1 only', oneAccount, { do: 'ask-account', account: 'A11' }, 'FORBIDDEN'],
  ['A1 only', oneAccount, { do: 'ask-account', account: '' }, 'FORBIDDEN'],
  ['no account', noAccount, { do: 'ask-account', account: 'A1' }, 'FORBIDDEN'],

  ['any account', unrestricted, { do: 'ask-channel', member: 'm1' }, 'allow'],
  ['any account', unrestricted, { do: 'ask-channel', member: 'm2' }, 'FORBIDDEN'],
  ['any account', unrestricted, { do: 'ask-channel', member: '*' }, 'FORBIDDEN'],
  ['any account', unrestricted, { do: 'ask-channel', member: '**' }, 'FORBIDDEN'],
  ['any account', unrestricted, { do: 'ask-channel', member: '' }, 'FORBIDDEN'],
  ['any account', unrestricted, { do: 'ask-channel', member: 'M1' }, 'FORBIDDEN'],
  ['no account', noAccount, { do: 'ask-channel', member: 'm1' }, 'allow'],

  ['any account', unrestricted, { do: 'see', member: 'm1', account: 'A1' }, 'allow'],
  ['any account', unrestricted, { do: 'see', member: 'm1', account: null }, 'allow'],
  ['any account', unrestricted, { do: 'see', member: 'm2', account: 'A1' }, 'FORBIDDEN'],
  ['any account', unrestricted, { do: 'see', member: 'm2', account: null }, 'FORBIDDEN'],
  ['A1 only', oneAccount, { do: 'see', member: 'm1', account: 'A1' }, 'allow'],
  ['A1 only', oneAccount, { do: 'see', member: 'm1', account: 'A2' }, 'FORBIDDEN'],
  ['A1 only', oneAccount, { do: 'see', member: 'm1', account: null }, 'allow'],
  ['A1 only', oneAccount, { do: 'see', member: 'm2', account: 'A1' }, 'FORBIDDEN'],
  ['no account', noAccount, { do: 'see', member: 'm1', account: 'A1' }, 'FORBIDDEN'],
  ['no account', noAccount, { do: 'see', member: 'm1', account: null }, 'allow'],

  ['any account', unrestricted, { do: 'continue-session', member: 'm1' }, 'allow'],
  ['any account', unrestricted, { do: 'continue-session', member: 'm2' }, 'FORBIDDEN'],
  ['no account', noAccount, { do: 'continue-session', member: 'm1' }, 'allow'],
];

describe('every authorisation decision', () => {
  for (const [who, principal, action, answer] of table) {
    const { do: verb, ...object } = action;
    test(`member m1 with ${who}, ${verb} ${JSON.stringify(object)}: ${answer}`, () => {
      expect(decide(principal, action)).toBe(answer);
    });
  }

  test('the table has a yes and a no for every action', () => {
    const seen = new Set(table.map(([, , action, answer]) => `${action.do} ${answer}`));
    for (const action of ['ask-account', 'ask-channel', 'see', 'continue-session'] satisfies Action['do'][]) {
      expect(seen).toContain(`${action} allow`);
      expect(seen).toContain(`${action} FORBIDDEN`);
    }
  });
});
