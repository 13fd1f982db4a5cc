/** The goals themselves, each with the lines that it is about and how its figure comes out of them. */
import type { Goal } from './goals.ts';
import {
  count,
  cpu,
  type Figure,
  figure,
  type Lines,
  type Measure,
  p99,
  rate,
  ratio,
  ratioOfRatios,
  throughput,
  throughputFromOutside,
  value,
} from './measure.ts';

const least = (row: string, what: string, bound: number, unit: Goal['unit'], measure: Measure): Goal => ({
  row,
  what,
  unit,
  sense: 'at least',
  bound,
  measure,
});
const most = (row: string, what: string, bound: number, unit: Goal['unit'], measure: Measure): Goal => ({
  ...least(row, what, bound, unit, measure),
  sense: 'at most',
});

const unicast = (server: string): Lines => ({ workload: 'U', server, sockets: 1_000 });
const broadcast = (server: string): Lines => ({ workload: 'B', server, sockets: 1_000, variant: 'stream' });
const single = (server: string): Lines => ({ workload: 'B', server, variant: 'one at a time' });
const redis = (server: string, variant: string): Lines => ({ workload: 'R', server, variant });
const mixed = (variant: string): Lines => ({ workload: 'X', server: 'lifeline-redis', variant });
const idle = (server: string): Lines => ({ workload: 'I', server });
const connects = (server: string): Lines => ({ workload: 'C', server });
const append = (server: string): Lines => ({ workload: 'W', server, variant: 'batch 128' });
const end = (server: string, variant: string): Lines => ({ workload: 'E', server, variant });
const acknowledged = (variant: string): Lines => ({ workload: 'A', server: 'lifeline', variant });
const start = (role: string): Lines => ({ workload: 'S', server: 'lifeline', variant: role });
const grown = (server: string, variant: string): Lines => ({ workload: 'G', server, variant });
const storm: Lines = { workload: 'D', server: 'lifeline-redis' };
const crowd: Lines = { workload: 'N', server: 'lifeline-redis', variant: '1000/s' };

const lost: Figure = (result) => result.lost;
const repeated: Figure = (result) => result.repeated;
const sockets: Figure = (result) => result.sockets;
const scaled =
  (of: Figure, by: number): Figure =>
  (result) => {
    const found = of(result);
    return found === undefined ? undefined : found / by;
  };
const kilobytes = scaled(figure('bytesPerConnection'), 1_024);
const megabytes = scaled((result) => result.rss, 2 ** 20);
const seconds = scaled(figure('readyMs'), 1_000);

const memory = 'lifeline';
const inRedis = 'lifeline-redis';
/** What repeated measurements of the same thing differ by. */
const growth = 1.25;

const growsAsWs = (more: string, less: string): Measure =>
  ratioOfRatios(
    ratio(grown(inRedis, more), grown(inRedis, less), cpu),
    ratio(grown('ws-redis', more), grown('ws-redis', less), cpu),
  );
const grows = (more: string): Measure => ratio(grown(inRedis, more), grown(inRedis, '1000 sockets'), cpu);

export const goals: readonly Goal[] = [
  least('1', 'unicast, 1 000 sockets, to bare ws.send', 1.1, '×', throughput(unicast(memory), unicast('ws-send'))),
  least('2', 'broadcast, 1 000 sockets, to bare ws.send', 1.05, '×', throughput(broadcast(memory), broadcast('ws-send'))),
  least('3', 'broadcast to one shared ready-made frame', 0.6, '×', throughput(broadcast(memory), broadcast('ws-shared'))),
  least('4', 'unicast to raw epoll', 0.22, '×', throughput(unicast(memory), unicast('raw-epoll'))),
  least('4', 'broadcast to raw epoll', 0.35, '×', throughput(broadcast(memory), broadcast('raw-epoll'))),
  least('5', 'unicast to graphql-ws', 5, '×', throughput(unicast(memory), unicast('graphql-ws'))),
  least('5', 'broadcast to graphql-ws', 7, '×', throughput(broadcast(memory), broadcast('graphql-ws'))),
  least('6', 'unicast to Yoga', 6, '×', throughput(unicast(memory), unicast('yoga'))),
  least('6', 'unicast to Apollo Server', 4.5, '×', throughput(unicast(memory), unicast('apollo'))),
  least('6', 'unicast to Mercurius', 5, '×', throughput(unicast(memory), unicast('mercurius'))),
  least('7', 'unicast to Socket.IO', 1.8, '×', throughput(unicast(memory), unicast('socket-io'))),
  least('7', 'broadcast to Socket.IO', 1.5, '×', throughput(broadcast(memory), broadcast('socket-io'))),

  least(
    '8',
    'Redis to client, most, to ioredis → ws',
    0.65,
    '×',
    throughputFromOutside(redis(inRedis, 'max'), redis('ws-redis', 'max')),
  ),
  least(
    '9',
    'Redis to client, most, to graphql-ws + Redis',
    2.6,
    '×',
    throughputFromOutside(redis(inRedis, 'max'), redis('graphql-ws-redis', 'max')),
  ),
  least(
    '9',
    'Redis to client, most, to Socket.IO + Redis',
    1.9,
    '×',
    throughputFromOutside(redis(inRedis, 'max'), redis('socket-io-redis', 'max')),
  ),

  ...[memory, inRedis].flatMap((log) => [
    most('10', `${log}: RSS a subscription to bare ws`, 1.35, '×', ratio(idle(log), idle('ws-send'), kilobytes)),
    most('10', `${log}: RSS a subscription to graphql-ws`, 0.3, '×', ratio(idle(log), idle('graphql-ws'), kilobytes)),
    most('10', `${log}: RSS a subscription to Socket.IO`, 0.6, '×', ratio(idle(log), idle('socket-io'), kilobytes)),
  ]),
  ...[memory, inRedis].flatMap((log) => [
    least('11', `${log}: connect to subscribed, to a bare handshake`, 0.6, '×', ratio(connects(log), connects('ws-send'), rate)),
    least('11', `${log}: connect to subscribed, to graphql-ws`, 3, '×', ratio(connects(log), connects('graphql-ws'), rate)),
  ]),

  most(
    '12',
    'p99 Redis to client, 10 000/s, to ioredis → ws',
    1.3,
    '×',
    ratio(redis(inRedis, '10000/s'), redis('ws-redis', '10000/s'), p99),
  ),
  most('12', 'p99 Redis to client, 10 000/s', 10, 'ms', value(redis(inRedis, '10000/s'), p99)),
  most('13', 'unicast p99 beside broadcasts to alone', 2, '×', ratio(mixed('with broadcasts'), mixed('alone'), p99)),
  most('14', 'broadcast to 5 000, last socket (p99)', 70, 'ms', value(single(inRedis), p99)),
  most(
    '14',
    'broadcast to 5 000, last socket, to graphql-ws + Redis',
    0.3,
    '×',
    ratio(single(inRedis), single('graphql-ws-redis'), p99),
  ),
  least('15', 'append to redis-benchmark XADD at P=128', 0.27, '×', ratio(append(memory), append('redis-benchmark'), rate)),
  least('15', 'append to the SET NX/INCR script', 1.6, '×', ratio(append(memory), append('set-nx-script'), rate)),

  least('16', 'subscriptions on this machine', 100_000, '', count(crowd, sockets)),
  most('16', 'events lost on their way to all of those', 0, '', count(crowd, lost)),
  most('16', 'RSS of all gateways, a subscription', 12, 'KiB', value(crowd, kilobytes)),
  most('17', 'reconnect storm with replay: all back', 5, 's', value(storm, figure('secondsUntilAllBack'))),
  most('17', 'reconnect storm: lost', 0, '', count(storm, lost)),
  most('17', 'reconnect storm: repeated', 0, '', count(storm, repeated)),

  most('18', 'Kafka to client at 1 000/s, a process a role: p99', 25, 'ms', value(end(memory, 'split 1000/s'), p99)),
  most(
    '18',
    'that p99 to bare kafkajs → ioredis → ws',
    1.5,
    '×',
    ratio(end(memory, 'split 1000/s'), end('kafka-forwarder', 'split 1000/s'), p99),
  ),
  least(
    '19',
    'Kafka to client, most, to the bare forwarder',
    0.5,
    '×',
    ratio(end(memory, 'split max'), end('kafka-forwarder', 'split max'), rate),
  ),
  least('19', 'bridge alone, Kafka to log', 20_000, '/s', value(end(memory, 'bridge alone'), rate)),
  most('20', 'acknowledged at 5 000/s: not acknowledged', 0, '', count(acknowledged('with acks'), figure('unacknowledged'))),
  most('20', 'acknowledged at 5 000/s: sent again', 0, '', count(acknowledged('with acks'), repeated)),
  most(
    '20',
    'gateway CPU, acknowledged to not acknowledged',
    2.2,
    '×',
    ratio(acknowledged('with acks'), acknowledged('without acks'), cpu),
  ),
  most('21', '1 000 events/s over 100 000 subscriptions: lost', 0, '', count(crowd, lost)),
  most('21', 'RSS a subscription meanwhile', 12, 'KiB', value(crowd, kilobytes)),
  most(
    '22',
    'CPU of bridge + gateway at 8 000/s to Centrifugo',
    0.6,
    '×',
    ratio(end(memory, 'split 8000/s'), end('centrifugo', 'split 8000/s'), figure('cpuPerEventAll')),
  ),
  ...['all', 'serve', 'bridge', 'embedded'].flatMap((role) => [
    most('23', `${role}: start of dist/ to ready`, 1.5, 's', value(start(role), seconds)),
    most('23', `${role}: memory at rest`, 90, 'MiB', value(start(role), megabytes)),
  ]),

  most('G', 'CPU an event, 10 000 sockets to 1 000, as bare ws grows', growth, '×', growsAsWs('10000 sockets', '1000 sockets')),
  most(
    'G',
    'CPU an event, 200 subscriptions a member to 1, as bare ws grows',
    growth,
    '×',
    growsAsWs('200 subscriptions a member', '1000 sockets'),
  ),
  most('G', 'CPU an event, 10 000 events pending to none', growth, '×', grows('10000 pending')),
  most('G', 'CPU an event, 1 024 hash tags to 128', growth, '×', grows('1024 hash tags')),
];
