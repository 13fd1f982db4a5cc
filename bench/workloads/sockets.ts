/** N: as many subscriptions as this machine is asked to hold, over several gateways on one Redis, with events to all of them at random. */
import { setTimeout as sleep } from 'node:timers/promises';

import { publisher } from './publishing.ts';
import { stand, type Stand } from './stand.ts';
import type { Workload } from './workload.ts';

const name = 'lifeline-redis';
const patienceMs = 30_000;

export const workload: Workload = {
  letter: 'N',
  title: 'Number of subscriptions',
  async *run(context) {
    if (context.chosen([name]).length === 0) return;
    const full = context.profile === 'full';
    // A process may have 20 000 files open where the bench was made.
    const [gateways, each] = full ? ([6, 17_000] as const) : ([2, 500] as const);
    const rate = full ? 1_000 : 500;
    const seconds = full ? 10 : 2;
    const sockets = gateways * each;
    context.note(`${gateways} gateways with ${each} subscriptions each`);

    const redis = await context.startRedis({ args: ['--client-output-buffer-limit', 'pubsub 0 0 0'] });
    const stands: Stand[] = [];
    let bytes = 0;
    for (let gateway = 0; gateway < gateways; gateway++) {
      const members = Array.from({ length: each }, (_, index) => `m${gateway * each + index}`);
      const one = await stand(context, name, { redisUrl: redis.url, members, exposeGc: true });
      bytes += (await one.server.stats({ gc: true })).rssBytes;
      stands.push(one);
      context.note(`${(gateway + 1) * each} connected`);
    }
    const publish = await publisher(context, { server: name, redisUrl: redis.url });

    for (const { load } of stands) await load.mark();
    const count = rate * seconds;
    const { lagMicros } = await publish.send({ members: sockets, count, rate });
    // Who gets how many is chance: only the sum is known.
    const deadline = performance.now() + patienceMs;
    let reports = await Promise.all(stands.map(({ load }) => load.report()));
    const received = () => reports.reduce((sum, report) => sum + report.received, 0);
    while (received() < count && performance.now() < deadline) {
      await sleep(100, undefined, { signal: context.signal });
      reports = await Promise.all(stands.map(({ load }) => load.report()));
    }
    const most = (of: 'p99' | 'max') => Math.max(...reports.map((report) => report[of])) / 1_000;
    yield {
      workload: 'N',
      server: name,
      variant: `${rate}/s`,
      round: 1,
      sockets,
      rate,
      p99: most('p99'),
      max: most('max'),
      rss: bytes,
      lost: Math.max(0, count - received()),
      repeated: reports.reduce((sum, report) => sum + report.repeated, 0),
      generatorLag: lagMicros / 1_000,
      figures: { bytesPerConnection: bytes / sockets, closed: reports.reduce((sum, report) => sum + report.closed, 0) },
    };
    await publish.settle();
    for (const one of stands) await one.stop();
  },
};
