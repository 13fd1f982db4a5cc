import { RedisRefused, type Redis } from './redis-connection.ts';
import type { Keys } from './redis-keys.ts';

/**
 * Looks at the server behind a connection.
 *
 * @returns its run_id, which every script wants to know: another one means another primary, which may lack a suffix
 * @throws RedisRefused when it may evict keys, or when it has to be spoken to as a Cluster and is not; Error while it is a replica
 */
export async function inspectServer(redis: Redis, { asCluster }: { asCluster: boolean }): Promise<string> {
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
  if (!asCluster && field(server, 'redis_mode') === 'cluster') {
    // Who may not ask is left to find out: a Cluster of one node can be used like this.
    const cluster = await redis.cluster('INFO').catch(() => '');
    if (Number(/^cluster_size:(\d+)/m.exec(cluster)?.[1] ?? 1) > 1) {
      throw new RedisRefused(
        'This Redis is one node of a Cluster: set REDIS_URL to redis+cluster://host:port, or to several of its nodes with commas between them.',
      );
    }
  }
  return field(server, 'run_id');
}

/**
 * Puts on record into how many hash tags the log is divided, where nothing is on record.
 *
 * @throws RedisRefused when it is another number
 */
export async function checkDivision(redis: Redis, keys: Keys): Promise<void> {
  await redis.hsetnx(keys.meta, 'hashTags', keys.parts);
  const parts = Number(await redis.hget(keys.meta, 'hashTags'));
  if (parts !== keys.parts) {
    throw new RedisRefused(
      `The log in this Redis is divided into ${parts} hash tags, not ${keys.parts}: members would not be found. ` +
        `Use ${parts} again, or another key prefix.`,
    );
  }
}

/** Who the server behind a connection is; another one after every restart. */
export async function runIdOf(redis: Redis): Promise<string> {
  return field(await redis.info('server'), 'run_id');
}

function field(info = '', name = ''): string {
  const value = new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
  if (value === undefined) throw new Error(`Redis does not tell its ${name} (INFO).`);
  return value;
}
