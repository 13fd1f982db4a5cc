/** Who listens to what, for the bare servers: arrays, because most topics have one socket and a Set costs four times as much. */
export interface Topics<Socket> {
  readonly size: number;
  of(topic: string): readonly Socket[];
  /** @returns whether it is the topic's first */
  add(topic: string, socket: Socket): boolean;
  /** @returns whether it was the topic's last */
  remove(topic: string, socket: Socket): boolean;
}

const nobody: readonly never[] = [];

export function createTopics<Socket>(): Topics<Socket> {
  const topics = new Map<string, Socket[]>();
  let size = 0;
  return {
    get size() {
      return size;
    },
    of: (topic) => topics.get(topic) ?? nobody,
    add(topic, socket) {
      size++;
      const sockets = topics.get(topic);
      if (sockets === undefined) topics.set(topic, [socket]);
      else sockets.push(socket);
      return sockets === undefined;
    },
    remove(topic, socket) {
      const sockets = topics.get(topic);
      const at = sockets?.indexOf(socket) ?? -1;
      if (sockets === undefined || at < 0) return false;
      size--;
      const last = sockets.pop();
      if (last !== undefined && at < sockets.length) sockets[at] = last;
      if (sockets.length > 0) return false;
      topics.delete(topic);
      return true;
    },
  };
}
