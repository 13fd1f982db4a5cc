import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { expect } from 'vitest';

import { endsWithUs } from '../support/ends-with-us.ts';
import { eventually } from '../support/eventually.ts';
import { tokenFor } from '../support/lifeline.ts';
import { plainFault, withFleet } from './harness/fault.ts';
import { failsTheFirstConnections, saysGoodbyeForEver } from './harness/mutants.ts';
import { produceFor } from './harness/produce.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const scale = Number(process.env['FAULT_SCALE'] ?? 1);
/** How long each thing is away: `FAULT_SCALE=300` is ten minutes. */
const awayMs = 2_000 * scale;
/** The README's longest pause between two attempts is 30 s. */
const backWithinMs = 35_000;

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('No port was given.');
  return address.port;
}

/** Gives out tokens, in the mode that it is in. */
function startIdentityProvider() {
  let mode: 'up' | 'down' | 'failing' = 'up';
  const server = createServer((request, response) => {
    if (mode === 'down') return void request.socket.destroy();
    if (mode === 'failing') return void response.writeHead(500).end('<h1>oops</h1>');
    void tokenFor('demo', { accounts: ['A123'] }).then((token) => response.end(token));
  });
  return { server, set: (next: typeof mode) => void (mode = next) };
}

/** The README's app, word for word but for its addresses, as a process. */
function startReadmeApp(gatewayPort: number, tokenPort: number) {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const snippet = /^```ts\n([^]*?)^```$/m.exec(readme)?.[1] ?? '';
  const source = snippet
    .replaceAll(/http:\/\/127\.0\.0\.1:4000\/dev\/token[^']*/g, `http://127.0.0.1:${tokenPort}/`)
    .replaceAll('127.0.0.1:4000', `127.0.0.1:${gatewayPort}`);
  const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', source], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  endsWithUs(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  return { child, output: () => output };
}

plainFault('the app of the README comes back by itself, whatever is away and however: server, network, balancer, tokens', {
  row: 43,
  timeoutMs: 180_000 + 8 * awayMs,
  control: { mutants: [saysGoodbyeForEver], fails: /by itself/ },
  run: ({ mutants, note }) =>
    withFleet({ gateways: 1, bridges: 1, mutants: [failsTheFirstConnections, ...mutants] }, async (fleet) => {
      const [gateway] = fleet.gateways;
      const door = gateway?.door;
      if (gateway === undefined || door === undefined || door === null) throw new Error('There is no gateway.');
      const identity = startIdentityProvider();
      const overloaded = createServer((_, response) => void response.writeHead(503).end());
      overloaded.on('upgrade', (_, socket) => socket.end('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n'));
      const [tokenPort, overloadedPort] = [await listen(identity.server), await listen(overloaded)];
      const portOfGateway = () => Number(new URL(gateway.lifeline.url).port);
      const app = startReadmeApp(door.port, tokenPort);

      let serial = 0;
      /** Produces an event; what is returned waits until the app has printed it. */
      const produceWhile = async (what: string) => {
        const channelId = `away-${++serial}`;
        await produceFor(fleet, 'demo', 1, { channelId });
        return () =>
          eventually(() => app.output().includes(channelId), { withinMs: backWithinMs + awayMs }).catch((error: unknown) => {
            throw new Error(`The app did not come back by itself (${what}): ${app.output().slice(-500)}`, { cause: error });
          });
      };
      const away: Record<string, readonly [() => Promise<void> | void, () => Promise<void> | void]> = {
        'the server restarts': [() => gateway.lifeline.stop(), () => gateway.start()],
        'the server is killed': [() => gateway.kill(), () => gateway.start()],
        'connections are refused': [() => door.set({ do: 'refuse' }), () => door.set({ do: 'pass' })],
        'connections are reset': [() => door.set({ do: 'reset' }), () => door.set({ do: 'pass' })],
        'a balancer answers 503': [() => door.retarget(overloadedPort), () => door.retarget(portOfGateway())],
        'no token can be had': [
          () => {
            identity.set('down');
            door.retarget(portOfGateway());
          },
          () => identity.set('up'),
        ],
        'the token is none': [
          () => {
            identity.set('failing');
            door.retarget(portOfGateway());
          },
          () => identity.set('up'),
        ],
      };
      try {
        await (
          await produceWhile('its first connections met a failure of the server')
        )();
        for (const [what, [leave, comeBack]] of Object.entries(away)) {
          await leave();
          const arrives = await produceWhile(what);
          await sleep(awayMs);
          await comeBack();
          const repaired = Date.now();
          await arrives();
          note(`${what}: ${((Date.now() - repaired) / 1_000).toFixed(1)} s`);
        }
        expect(app.child.exitCode).toBeNull();
      } finally {
        app.child.kill('SIGKILL');
        for (const server of [identity.server, overloaded]) {
          server.close();
          server.closeAllConnections();
        }
      }
    }),
});
