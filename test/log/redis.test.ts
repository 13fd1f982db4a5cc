import { afterAll, beforeAll } from 'vitest';

import { createRedisLog } from '../../src/log/redis.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { eventLogContract } from './contract.ts';
import { recordingLogger, unique } from './fixtures.ts';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  await redis.stop();
});

for (const hashTags of [4, 128]) {
  eventLogContract(`Redis, ${hashTags} hash tags,`, async ({ retention }) => {
    const log = createRedisLog({ url: redis.url, prefix: unique('test'), hashTags, retention, logger: recordingLogger() });
    await log.ready;
    return log;
  });
}
