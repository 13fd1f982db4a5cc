import { fileURLToPath } from 'node:url';

import { expect } from 'vitest';

import { sign, signingKey, startIssuer } from '../auth/issuer.ts';
import { eventually } from '../support/eventually.ts';
import { subscribe } from '../support/graphql.ts';
import { startLifeline } from '../support/lifeline.ts';
import { plainFault } from './harness/fault.ts';
import { keepsTheFirstKeys } from './harness/mutants.ts';

const instrument = fileURLToPath(new URL('harness/instrument.ts', import.meta.url));

// There is no list of revoked tokens. What ends a token is its expiry; what ends many at once is taking the key away that signed them.
plainFault(
  'a stolen key taken out of the key set opens no further connection; who was let in with it before stays until the token expires',
  {
    row: 40,
    quick: true,
    control: { mutants: [keepsTheFirstKeys], fails: /the good key/ },
    async run({ mutants, note }) {
      const [stolen, good] = [signingKey('ES256', 'stolen'), signingKey('ES256', 'good')];
      const issuer = await startIssuer(stolen);
      const start = () =>
        startLifeline([], { JWT_JWKS_URL: issuer.url, FAULTS: JSON.stringify({ mutants }) }, { imports: [instrument] });
      let gateway = await start();
      const outcome = async (token: string) => {
        const device = subscribe(gateway.wsUrl, token, 'm1');
        const before = await gateway.metric('lifeline_subscriptions_active');
        const letIn = async () => (await gateway.metric('lifeline_subscriptions_active')) > before;
        await eventually(async () => device.closeCode !== undefined || (await letIn()), { what: 'an answer' });
        const { closeCode } = device;
        device.stop();
        await eventually(async () => (await gateway.metric('websocket_connections_active')) === 0, { what: 'its end' });
        return closeCode ?? 'let in';
      };
      try {
        const known = await sign(stolen);
        expect(await outcome(known)).toBe('let in');
        issuer.serve(good);
        expect(await outcome(await sign(good)), 'the good key').toBe('let in'); // its unknown name is what the set is fetched again for
        expect(await outcome(await sign(stolen, { jti: 'another' })), 'the stolen key').toBe(4403);
        expect(await outcome(known), 'a token that was known before').toBe('let in');
        await gateway.stop();
        gateway = await start();
        expect(await outcome(known), 'the same token, after a restart').toBe(4403);
        note('further tokens of the key: 4403; known ones: until they expire or the gateway restarts');
      } finally {
        await gateway.kill();
        await issuer.stop();
      }
    },
  },
);
