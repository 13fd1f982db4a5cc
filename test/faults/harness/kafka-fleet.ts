import { startKafka, type TestKafka } from '../../support/kafka.ts';
import { type LinkMode, type Proxy, startProxy } from './proxy.ts';

/** From one bridge to all brokers. */
export interface KafkaLink {
  /** What the bridge is told to begin with. */
  readonly brokers: readonly string[];
  set(mode: LinkMode): void;
  readonly connections: number;
}

export interface FleetKafka extends TestKafka {
  /** Of this bridge alone, for the first `links` of them. */
  linkOf(bridge: number): KafkaLink;
  /** As it was in the beginning, whatever the last run did to it. */
  heal(): Promise<void>;
}

/** Bridges that can have a link to themselves. */
export const links = 3;
const numbers = Array.from({ length: links }, (_, number) => number);
const listenerOf = (bridge: number) => `BRIDGE${bridge}`;

/**
 * A broker tells each client where the brokers are, so a proxy in front of it is soon gone around. Here each bridge has a listener to itself on
 * each broker, and what that listener tells is the bridge's own proxies.
 */
export async function startFleetKafka(nodes: 1 | 3): Promise<FleetKafka> {
  // Proxies first, because brokers tell their ports; where they lead to is known later.
  const proxies: Proxy[][] = await Promise.all(Array.from({ length: nodes }, () => Promise.all(numbers.map(() => startProxy(0)))));
  const addressOf = (node: number, bridge: number) => `127.0.0.1:${proxies[node]?.[bridge]?.port ?? 0}`;
  const kafka = await startKafka({
    nodes,
    // Poison can be large.
    properties: { 'message.max.bytes': String(16 * 1024 * 1024) },
    listeners: Object.fromEntries(numbers.map((bridge) => [listenerOf(bridge), 'PLAINTEXT' as const])),
    advertisedBy: (id) => Object.fromEntries(numbers.map((bridge) => [listenerOf(bridge), addressOf(id - 1, bridge)])),
  });
  for (const [index, node] of kafka.nodes.entries())
    for (const bridge of numbers) proxies[index]?.[bridge]?.retarget(Number(node.addressOf(listenerOf(bridge)).split(':')[1]));

  const linkOf = (bridge: number): KafkaLink => {
    const own = proxies.flatMap((of) => of[bridge] ?? []);
    if (own.length === 0) throw new RangeError(`Only ${links} bridges have links of their own.`);
    return {
      brokers: own.map(({ port }) => `127.0.0.1:${port}`),
      set: (mode) => own.forEach((proxy) => proxy.set(mode)),
      get connections() {
        return own.reduce((sum, { connections }) => sum + connections, 0);
      },
    };
  };
  return {
    ...kafka,
    linkOf,
    async heal() {
      for (const proxy of proxies.flat()) proxy.set({ do: 'pass' });
      kafka.resume();
      await Promise.all(kafka.nodes.filter(({ alive }) => !alive).map((node) => node.restart()));
    },
    async stop() {
      await kafka.stop();
      await Promise.all(proxies.flat().map((proxy) => proxy.stop()));
    },
  };
}
