/** What REDIS_URL says: which servers, and how to speak to them. Pure, because both the settings and the log read it. */
export type RedisAddress =
  | { readonly kind: 'single'; readonly url: string; readonly tls: boolean }
  | ({ readonly kind: 'sentinel' } & Access & SentinelAddress)
  | ({ readonly kind: 'cluster'; readonly nodes: readonly HostPort[] } & Access);

export interface HostPort {
  /** IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** What every server of a group is reached with. */
export interface Access {
  readonly tls: boolean;
  readonly username?: string;
  readonly password?: string;
}

export interface SentinelAddress {
  readonly sentinels: readonly HostPort[];
  /** The name the Sentinels know the primary by. */
  readonly master: string;
  readonly db: number;
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: string;
}

const singleExample = 'redis://user:password@host:6379/0';
const sentinelExample = 'redis+sentinel://user:password@host-1:26379,host-2:26379/master-name';
const clusterExample = 'redis://user:password@host-1:6379,host-2:6379';

/** Its message follows the variable's name: it says what is wrong and what to set, and quotes nothing. */
class RedisUrlError extends Error {
  override readonly name = 'RedisUrlError';
}

/**
 * One server: `redis://user:password@host:6379/0`. Sentinel: `redis+sentinel://user:password@host-1:26379,host-2:26379/master-name/0`.
 * Cluster: several servers separated by commas, or `redis+cluster://` where one address is enough to find the others. TLS with `rediss`
 * instead of `redis`.
 *
 * @throws RedisUrlError
 */
export function parseRedisUrl(text: string): RedisAddress {
  const value = text.trim();
  const scheme = /^([a-z][a-z0-9.-]*(?:\+[a-z0-9]+)?):\/\//i.exec(value)?.[1]?.toLowerCase();
  if (scheme === undefined) throw new RedisUrlError(`is not an address: set it to one like ${singleExample}`);
  const [, base, group] = /^(rediss?)(?:\+(sentinel|cluster))?$/.exec(scheme) ?? [];
  if (base === undefined) {
    throw new RedisUrlError(
      `has another scheme than redis:// or rediss://: set it to one like ${singleExample}, ${sentinelExample} or ${clusterExample}`,
    );
  }
  const tls = base === 'rediss';
  if (group === 'sentinel') return sentinel(value, tls);
  const { hosts } = authority(value.slice(value.indexOf('://') + 3));
  return group === 'cluster' || hosts.includes(',') || /,\s*rediss?:/i.test(value) ? cluster(value, tls) : single(value, tls);
}

function single(url: string, tls: boolean): RedisAddress {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || parsed.hostname === '') {
    throw new RedisUrlError(`is not an address: set it to one like ${singleExample}`);
  }
  if (!/^\/?\d*$/.test(parsed.pathname)) {
    throw new RedisUrlError(`names a database that is no number: set it to one like ${singleExample}`);
  }
  return { kind: 'single', url, tls };
}

function sentinel(value: string, tls: boolean): RedisAddress {
  const { user, hosts, path, query } = authority(value.slice(value.indexOf('://') + 3));
  const [master = '', db = '0', ...more] = path.replace(/^\//, '').split('/');
  if (!/^[A-Za-z0-9._-]+$/.test(master)) {
    throw new RedisUrlError(`does not say what the Sentinels call the primary: set it to one like ${sentinelExample}`);
  }
  if (!/^\d*$/.test(db) || more.some((part) => part !== '')) {
    throw new RedisUrlError(`names a database that is no number: set it to one like ${sentinelExample}/0`);
  }
  const parameters = new URLSearchParams(query);
  for (const name of parameters.keys()) {
    if (name === 'sentinel_username' || name === 'sentinel_password') continue;
    throw new RedisUrlError('has a parameter that is not known: set only sentinel_username and sentinel_password behind the ?');
  }
  const [sentinelUsername, sentinelPassword] = [parameters.get('sentinel_username'), parameters.get('sentinel_password')];
  return {
    kind: 'sentinel',
    tls,
    ...credentials(user),
    sentinels: hostPorts(hosts.split(','), 26_379, sentinelExample),
    master,
    db: Number(db),
    ...(sentinelUsername ? { sentinelUsername } : {}),
    ...(sentinelPassword ? { sentinelPassword } : {}),
  };
}

function cluster(value: string, tls: boolean): RedisAddress {
  const users = new Set<string>();
  const hosts: string[] = [];
  for (const part of value.split(/,\s*(?=rediss?(?:\+cluster)?:\/\/)/i)) {
    if (/^rediss/i.test(part) !== tls) throw new RedisUrlError('mixes redis:// and rediss://: set one of them for all its nodes');
    const { user, hosts: some, path, query } = authority(part.slice(part.indexOf('://') + 3));
    if (!/^\/?0?$/.test(path)) {
      throw new RedisUrlError(`names a database, and a Redis Cluster has only database 0: set it to one like ${clusterExample}`);
    }
    if (query !== '') throw new RedisUrlError(`has parameters behind a ?: set it to one like ${clusterExample}`);
    if (user !== '') users.add(user);
    hosts.push(...some.split(','));
  }
  if (users.size > 1) {
    throw new RedisUrlError('carries several users or passwords: set the same for all nodes, or give it once, for the first');
  }
  return { kind: 'cluster', tls, ...credentials([...users][0] ?? ''), nodes: hostPorts(hosts, 6379, clusterExample) };
}

/** What stands behind `://`, taken apart; commas in a password are its own. */
function authority(rest: string) {
  const [, before = '', path = '', query = ''] = /^([^/?]*)(\/[^?]*)?(?:\?(.*))?$/s.exec(rest) ?? [];
  const at = before.lastIndexOf('@');
  const user = before.slice(0, Math.max(at, 0));
  if (user.includes('@') && user.includes(',')) {
    throw new RedisUrlError('carries a user or password per host: give it once, for the first (an @ in a password is written %40)');
  }
  return { user, hosts: before.slice(at + 1), path, query };
}

function credentials(user: string): { username?: string; password?: string } {
  const colon = user.indexOf(':');
  try {
    const username = decodeURIComponent(colon < 0 ? user : user.slice(0, colon));
    const password = colon < 0 ? '' : decodeURIComponent(user.slice(colon + 1));
    return { ...(username === '' ? {} : { username }), ...(password === '' ? {} : { password }) };
  } catch {
    throw new RedisUrlError('carries a user or password that cannot be read: a % in it is written %25');
  }
}

function hostPorts(texts: readonly string[], defaultPort: number, example: string): HostPort[] {
  const found = new Map<string, HostPort>();
  for (const text of texts) {
    const url = `http://${text.trim()}`; // a scheme whose hosts are looked at, unlike those of redis:
    const parsed = URL.canParse(url) ? new URL(url) : null;
    if (parsed === null || parsed.hostname === '' || !/^\/?$/.test(parsed.pathname)) {
      throw new RedisUrlError(`names a host that cannot be one: set it to one like ${example}`);
    }
    // `http://host:80` has no port any more when it is parsed.
    const port = /:(\d+)$/.exec(text.trim())?.[1];
    const host = parsed.hostname.replace(/^\[(.*)\]$/, '$1');
    found.set(`${host}:${port ?? defaultPort}`, { host, port: port === undefined ? defaultPort : Number(port) });
  }
  return [...found.values()];
}
