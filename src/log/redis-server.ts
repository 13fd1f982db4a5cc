import { RedisRefused, type Redis } from './redis-connection.ts';
import type { Keys } from './redis-keys.ts';

/**
 * Looks at the server behind a new connection.
 *
 * @returns its run_id, which every script wants to know: another one means another primary, which may lack a suffix
 * @throws RedisRefused when it may evict keys, or holds a log with another number of hash tags; Error while it is a replica
 */
export async function inspectServer(redis: Redis, keys: Keys): Promise<string> {
  // INFO rather than CONFIG GET, which managed services and ACLs often withhold.
  const [server, memory, replication] = await Promise.all(
    ['server', 'memory', 'replication'].map((section) => redis.info(section)),
  );
  const policy = field(memory, 'maxmemory_policy');
  if (policy !== 'noeviction') {
    throw new RedisRefused(
      `This Redis may evict what is not delivered yet: its maxmemory-policy is ${policy}. ` +
        'Set it with `redis-cli CONFIG SET maxmemory-policy noeviction` (and in its configuration file), then start again.',
    );
  }
  // It may lag behind, and what is read must never be older than what was heard. During a failover this passes.
  if (field(replication, 'role') !== 'master') throw new Error('this Redis is a replica, the primary is needed');
  await redis.hsetnx(keys.meta, 'hashTags', keys.parts);
  const parts = Number(await redis.hget(keys.meta, 'hashTags'));
  if (parts !== keys.parts) {
    throw new RedisRefused(
      `The log in this Redis is divided into ${parts} hash tags, not ${keys.parts}: members would not be found. ` +
        `Use ${parts} again, or another key prefix.`,
    );
  }
  return field(server, 'run_id');
}

function field(info = '', name = ''): string {
  const value = new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
  if (value === undefined) throw new Error(`Redis does not tell its ${name} (INFO).`);
  return value;
}
