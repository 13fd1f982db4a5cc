import { setTimeout as sleep } from 'node:timers/promises';

import type { Fleet, Member } from './fleet.ts';
import type { LinkMode } from './proxy.ts';

/** Something that goes wrong, and is right again when it settles. */
export interface Mishap {
  readonly name: string;
  readonly happen: () => Promise<void>;
}

/**
 * What may go wrong with a fleet at any time. `random` chooses what and for how long and is asked by nothing else, so that a seed repeats it;
 * `noise` is asked as often as the network likes. The first gateway and the first bridge are never killed, so that what they hold can
 * be compared.
 */
export function mishapsOf(fleet: Fleet, random: () => number, noise: () => number): readonly Mishap[] {
  const between = (least: number, most: number) => least + Math.floor(random() * (most - least));
  const oneOf = <T>(items: readonly T[]): T => {
    const item = items[Math.floor(random() * items.length)];
    if (item === undefined) throw new Error('There is nothing to choose from.');
    return item;
  };
  const { gateways, bridges, redis, kafka } = fleet;
  const all = [...gateways, ...bridges];
  const mortal = () => oneOf([...gateways.slice(1), ...bridges.slice(1)]);

  const replaced = (name: string, end: (member: Member) => Promise<void>): Mishap => ({
    name,
    async happen() {
      const member = mortal();
      await end(member);
      await sleep(between(0, 4_000));
      await member.start();
    },
  });
  const link = (name: string, which: 'redis' | 'door', mode: LinkMode, mostMs: number): Mishap => ({
    name,
    async happen() {
      const proxy = oneOf(which === 'door' ? gateways : all)[which];
      proxy?.set(mode);
      await sleep(between(1_000, mostMs));
      proxy?.set({ do: 'pass' });
    },
  });
  const frozen = (name: string, pause: () => void, resume: () => void, mostMs: number): Mishap => ({
    name,
    async happen() {
      pause();
      await sleep(between(1_000, mostMs));
      resume();
    },
  });
  return [
    replaced('a process is killed', (member) => member.kill()),
    replaced('a process is restarted', (member) => member.lifeline.stop()),
    {
      name: 'a process is frozen',
      async happen() {
        const { process } = mortal().lifeline;
        process.kill('SIGSTOP');
        await sleep(between(2_000, 15_000));
        process.kill('SIGCONT');
      },
    },
    {
      name: 'Redis is killed',
      async happen() {
        await redis.kill();
        await sleep(between(0, 3_000));
        await redis.restart();
      },
    },
    frozen(
      'Redis is frozen',
      () => redis.pause(),
      () => redis.resume(),
      6_000,
    ),
    { name: 'Kafka is killed', happen: () => kafka.restart() },
    frozen(
      'Kafka is frozen',
      () => kafka.pause(),
      () => kafka.resume(),
      6_000,
    ),
    link('a link to Redis swallows everything', 'redis', { do: 'blackhole' }, 8_000),
    link('a link to Redis is cut', 'redis', { do: 'reset' }, 4_000),
    link('doorbells are lost', 'redis', { do: 'drop-pushes', share: 0.3, random: noise }, 10_000),
    link('connections of clients are cut', 'door', { do: 'reset' }, 3_000),
    link('connections of clients are dead', 'door', { do: 'half-open' }, 8_000),
    link('connections of clients are slow', 'door', { do: 'slow', bytesPerSecond: 20_000 }, 8_000),
    {
      name: 'a clock steps',
      happen: () => oneOf(all).setClock(between(-600_000, 600_000)),
    },
  ];
}
