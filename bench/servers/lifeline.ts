/**
 * The product in one process: the gateway as `src/app.ts` puts it together, over the log in memory, with real tokens. The generator appends
 * to the log as the bridge does, a turn's events at once.
 */
import { createVerifier } from '../../src/auth/token.ts';
import { createDelivery } from '../../src/delivery/service.ts';
import { createServer } from '../../src/graphql/server.ts';
import { defaultRetention, type SourceRecord } from '../../src/log/log.ts';
import { createMemoryLog } from '../../src/log/memory.ts';
import { createLogger } from '../../src/operations/logger.ts';
import { createMetrics } from '../../src/operations/metrics.ts';
import { memberEvent } from './member-event.ts';
import { serve } from './server.ts';
import { benchSecret } from './tokens.ts';

const logger = createLogger('info');
const metrics = createMetrics();
// Minutes here are weeks elsewhere: without the short memory the process would be measured with a heap that it never has.
const log = createMemoryLog({ retention: { ...defaultRetention, acknowledgedAtMost: 16, idsForMs: 1_000 } });
const verifier = createVerifier({ source: { kind: 'secret', secret: benchSecret }, logger });
const delivery = createDelivery({ log, metrics, logger });
const server = await createServer({
  host: '127.0.0.1',
  port: 0,
  delivery,
  authenticate: (token) => verifier.verify(token),
  cursorSecret: benchSecret,
  corsOrigins: [],
  introspection: true,
  graphiql: false,
  health: () => ({ ready: true, checks: {} }),
  metrics,
  admission: { maxConnections: null, maxConnectionsPerAddress: null, trustedProxies: 0 },
  logger,
});

const writer = log.source('bench', 0);
await writer.resume();
await writer.begin(0);
let offset = 0;
let turn: SourceRecord[] = [];
/** Ids by member that were appended since the last `settle`. */
const unsettled = new Map<string, string[]>();

serve({
  listen: async () => ({ port: server.port, path: '/graphql', subprotocol: 'graphql-transport-ws' }),
  async subscriptions() {
    const { values } = await metrics.subscriptionsActive.get();
    return values.reduce((sum, { value }) => sum + value, 0);
  },
  publish(stamp) {
    const event = memberEvent(stamp, offset, '');
    turn.push({ offset: offset++, event, refed: false });
    const ids = unsettled.get(stamp.member);
    if (ids === undefined) unsettled.set(stamp.member, [event.id]);
    else ids.push(event.id);
  },
  async flush() {
    const result = await writer.append(offset, turn);
    if (result.status !== 'ok' || result.appended !== turn.length) throw new Error(`append: ${JSON.stringify(result)}`);
    turn = [];
  },
  /** What no client acknowledged is closed here: 32 copies a subscription may be on their way, then it waits. */
  async settle() {
    for (const [member, ids] of unsettled) await log.acknowledge(member, ids, null);
    unsettled.clear();
    await log.reap(async () => undefined);
  },
  async close() {
    await server.stop();
    await Promise.all([delivery.close(), verifier.close(), log.close()]);
  },
});
