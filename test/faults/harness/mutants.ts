import type { Mutant } from './instrument.ts';

/** Goes on at the end of the partition, like a consumer that trusts what it has not applied. */
export const skipsWhatItMissed: Mutant = {
  file: 'src/bridge/lane.ts',
  find: 'return inRange(stood.next, range);',
  replace: 'return inRange(range.high, range);',
};

/** Takes an append that failed for done, like a writer that logs and goes on. */
export const forgetsFailedAppends: Mutant = {
  file: 'src/bridge/lane.ts',
  find: "await need('log', () => writer.append(to, records));",
  replace: "await writer.append(to, records).catch(() => ({ status: 'ok', appended: 0, duplicates: 0, stale: 0, crowded: 0 }));",
};

/** Begins an empty log with what comes next, like a consumer whose reset policy is "latest". */
export const startsWithTheLatest: Mutant = {
  file: 'src/bridge/lane.ts',
  find: 'const start = Math.max(range.low, Math.min(range.high, young, stood.known ?? Infinity));',
  replace: 'const start = range.high;',
};

/** Takes a cursor as the whole truth and hands out only what comes from now on, like plain publish and subscribe. */
export const resumesWithoutReplay: Mutant = {
  file: 'src/delivery/reader.ts',
  find: 'page.entries.filter((entry) => entry.position.sequence <= to.sequence)',
  replace: 'page.entries.filter((entry) => current.after === null && entry.position.sequence <= to.sequence)',
};

/** Never reads the log for a live stream: what the doorbell lost is lost. */
export const trustsTheDoorbell: Mutant = {
  file: 'src/delivery/reader.ts',
  find: 'if (this.#replay !== null || this.#answered !== this.#feed.doubts) return undefined;',
  replace: `if (this.#replay !== null) return undefined;
    this.#answered = this.#feed.doubts;
    this.#scannedTo = Math.max(this.#scannedTo, (this.#feed.recent[0]?.position.sequence ?? 1) - 1);`,
};

/** Does not tell a client that repeats its acknowledgement that it is done. */
export const forgetsAcknowledgements: Mutant = {
  file: 'src/delivery/service.ts',
  find: 'return answer;',
  replace: 'return { ...answer, alreadyAcknowledged: [] };',
};

/** Takes what the socket took for done, like everything that has no acknowledgements. */
export const takesSentForAcknowledged: Mutant = {
  file: 'src/delivery/stream.ts',
  find: 'if (entry.acknowledgedAt === null) this.#window.sent(entry, attempt);',
  replace: 'void this.#parts.log.acknowledge(this.#principal.member, [entry.event.id], null).catch(() => undefined);',
};

/** Has no room for anything else where something best-effort has passed by, like every bounded queue that does not tell kinds apart. */
export const dropsWhatIsInTheWay: Mutant = {
  file: 'src/delivery/stream.ts',
  find: 'if (this.#wanted(entry.event)) return this.#handEntry(entry, 1, replayed);',
  replace: 'if (this.#passing === undefined && this.#wanted(entry.event)) return this.#handEntry(entry, 1, replayed);',
};

/** Notes in Redis who is connected, and takes it out only on an orderly end. */
export const registersListenersInRedis: Mutant = {
  file: 'src/log/redis.ts',
  find: 'listen: (member, onRing) => doorbell.listen(keys.bell(member), onRing),',
  replace: `listen: async (member, onRing) => {
      await run({ command: 'set', keys: [keys.latest(member, 'online')], args: ['1'] });
      return doorbell.listen(keys.bell(member), onRing);
    },`,
};

/** Waits for ever for a socket that takes nothing. */
export const waitsForTheSlow: Mutant = {
  file: 'src/graphql/watchdog.ts',
  find: 'time - state.takenAt >= stalledAfterMs',
  replace: 'false',
};

/** Takes an open TCP connection for a living peer. */
export const neverDoubtsAPeer: Mutant = {
  file: 'src/graphql/watchdog.ts',
  find: 'time - state.heardAt >= deadAfterMs',
  replace: 'false',
};

/** Waits for ever for connection_init. */
export const waitsForStrangers: Mutant = {
  file: 'src/graphql/connection.ts',
  find: 'const initTimeoutMs = 10_000;',
  replace: 'const initTimeoutMs = 2 ** 31 - 1;',
};

/** Reads whatever a connection sends before its token holds. */
export const readsStrangersLetters: Mutant = {
  file: 'src/graphql/channel.ts',
  find: 'if (received <= strangersBytes) return;',
  replace: 'return;',
};

/** Does not count connections by address. */
export const countsNoAddresses: Mutant = {
  file: 'src/graphql/admission.ts',
  find: 'known.count >= maxConnectionsPerAddress',
  replace: 'false',
};

/** Runs as many operations over one connection as come. */
export const countsNoOperations: Mutant = {
  file: 'src/graphql/limits.ts',
  find: 'operationsPerSocket: 100',
  replace: 'operationsPerSocket: 1_000_000',
};

/** Reads messages of any size. */
export const measuresNoMessages: Mutant = {
  file: 'src/graphql/limits.ts',
  find: 'messageBytes: 64 * 1024',
  replace: 'messageBytes: 64 * 1024 * 1024',
};

/** Has nobody listen for what a socket complains about. */
export const ignoresSocketErrors: Mutant = {
  file: 'src/graphql/websocket.ts',
  find: "socket.on('error', onError);",
  replace: '',
};

/** Inflates what clients send. */
export const inflatesFrames: Mutant = {
  file: 'src/graphql/websocket.ts',
  find: 'perMessageDeflate: false',
  replace: 'perMessageDeflate: true',
};

/** Runs all queries of a connection at once, and holds their answers until somebody takes them. */
export const answersAllAtOnce: Mutant = {
  file: 'src/graphql/turns.ts',
  find: 'running < limits.answersAtOnce && hasRoom()',
  replace: 'true',
};

/** Takes every alias for a page of its own. */
export const countsNoPages: Mutant = {
  file: 'src/graphql/limits.ts',
  find: 'eventsPerOperation: 2_000',
  replace: 'eventsPerOperation: 1_000_000',
};

/** Waits for ever for the end of a request's head. */
export const waitsForHeaders: Mutant = {
  file: 'src/graphql/server.ts',
  find: 'headersTimeout: 10_000, requestTimeout: 30_000',
  replace: 'headersTimeout: 0, requestTimeout: 0',
};

/** Does not hear what was acknowledged on another node. */
export const deafToAcknowledgements: Mutant = {
  file: 'src/delivery/feed.ts',
  find: 'for (const tap of this.#taps()) tap.onAcknowledged(ids);',
  replace: '',
};

/** Sends again what it has in memory, without a look at the log. */
export const repeatsWithoutLooking: Mutant = {
  file: 'src/delivery/stream.ts',
  find: 'if (entry?.event.id === id && entry.acknowledgedAt === null)',
  replace: 'if (entry?.event.id === id)',
};

/** Closes events of the member whatever accounts the token is limited to. */
export const acknowledgesForEveryAccount: Mutant = {
  file: 'src/delivery/service.ts',
  find: 'log.acknowledge(principal.member, ids, principal.accounts)',
  replace: 'log.acknowledge(principal.member, ids, null)',
};

/** Sends however many events nobody has acknowledged. */
export const hasNoWindow: Mutant = {
  file: 'src/delivery/window.ts',
  find: 'const windowSize = 32;',
  replace: 'const windowSize = 1e9;',
};

/** Looks at a token once, when its connection begins. */
export const pushesOnAfterExpiry: Mutant = {
  file: 'src/auth/session.ts',
  find: 'return !this.#ended && this.#now() < this.#principal.expiresAt;',
  replace: 'return !this.#ended;',
};

/** Ends connections with codes after which a stock client does not come back. */
export const saysGoodbyeForEver: Mutant = {
  file: 'src/graphql/connection.ts',
  find: '{ forbidden: 4403, restart: 1012, overload: 1013 } as const',
  replace: '{ forbidden: 4401, restart: 1011, overload: 4500 } as const',
};

/** Takes whatever batch comes for the next one, like a consumer that keeps no account of offsets. */
export const takesAnyBatchForTheNext: Mutant = {
  file: 'src/bridge/lane.ts',
  find: 'if (batch.first !== expected) {',
  replace: 'if (batch.first < expected) {',
};

/** Its Kafka client drops every fifth batch and goes on behind it. What a fault is made of, not what a bridge may do. */
export const dropsEveryFifthBatch: Mutant = {
  file: 'src/bridge/session.ts',
  find: 'await feeds.get(keyOf(topic, partition))?.offer(payload);',
  replace: `globalThis.batches = (globalThis.batches ?? 0) + 1;
        if (globalThis.batches % 5 === 0) payload.resolveOffset(payload.batch.lastOffset());
        else await feeds.get(keyOf(topic, partition))?.offer(payload);`,
};

/** Goes on at the end where Kafka has deleted what comes next, like a consumer whose reset policy is "latest". */
export const takesOutOfRangeForTheEnd: Mutant = {
  file: 'src/bridge/lane.ts',
  find: 'await apply(range.low, []);',
  replace: 'await apply(range.high, []);',
};

/** Skips a poisoned record whether its dead letter has arrived or not. */
export const doesNotWaitForDeadLetters: Mutant = {
  file: 'src/bridge/lane.ts',
  find: "await need('dead-letters', () => deadLetters.send(letters));",
  replace: 'void deadLetters.send(letters).catch(() => undefined);',
};

/** Knows a record by its offset alone. */
export const knowsNoIds: Mutant = {
  file: 'src/log/redis-append.ts',
  find: 'own.push(latestOf(record), record.offset, id);',
  replace: 'own.push(latestOf(record), record.offset, `${id}-${record.offset}`);',
};

/** Applies what it fetched in the wrong order, like workers that share a partition. */
export const appliesABatchBackwards: Mutant = {
  file: 'src/bridge/lane.ts',
  find: 'return apply(batch.next, good);',
  replace: 'return apply(batch.next, good.reverse());',
};

/** Takes a topic for the one of the same name that was there before. */
export const knowsTopicsByNameOnly: readonly Mutant[] = [
  { file: 'src/bridge/kafka.ts', find: '(id === null ? topic : `${topic}@${id}`)', replace: 'topic' },
  { file: 'src/bridge/kafka.ts', find: 'if (state.id !== id) throw', replace: 'if (false) throw' },
];

/** Reads the partitions that there were in the beginning. */
export const readsFourPartitions: Mutant = {
  file: 'src/bridge/session.ts',
  find: 'for (const partition of partitions) feeds.set(',
  replace: 'for (const partition of partitions.filter((each) => each < 4)) feeds.set(',
};

/** Has only what kafkajs brings to read compressed batches. */
export const knowsGzipOnly: Mutant = {
  file: 'src/bridge/kafkajs.ts',
  find: 'kafkajs.CompressionCodecs[type] = () => safe;',
  replace: 'void safe;',
};

/** Hands on what a transaction wrote whether it was committed or not. */
export const readsUncommitted: Mutant = {
  file: 'src/bridge/session.ts',
  find: 'readUncommitted: false',
  replace: 'readUncommitted: true',
};

/** Takes a cursor for what it says, whoever wrote it for whom. */
export const trustsEveryCursor: Mutant = {
  file: 'src/graphql/cursor.ts',
  find: '!timingSafeEqual(mac, macOf(member, body))',
  replace: '(macOf(member, body), timingSafeEqual(mac, mac), false)',
};

/** Says of a page that is not the last that it ends where the log does. */
export const endsPagesAtTheHead: Mutant = {
  file: 'src/delivery/page.ts',
  find: 'return { deliveries, end: end ?? page.head, hasNext: true };',
  replace: 'return { deliveries, end: page.head, hasNext: true };',
};

/** Drops what is too late without a word, like a consumer that logs and goes on. */
export const losesExpiredDeadLetters: Mutant = {
  file: 'src/bridge/lane.ts',
  find: "} else if (offset < applied && decoded.reason !== 'expired') {",
  replace: "} else if (decoded.reason === 'expired') {",
};

/** Part of a fault, not broken: Redis goes by its clock and what stands under the key `clock`, ms, so that the clock can be stepped. */
export const redisByTheKey: Mutant = {
  file: 'src/log/redis-scripts.ts',
  find: `read('shared');`,
  replace: `read('shared').replace('math.floor(tonumber(time[2]) / 1000)', "$& + tonumber(redis.call('GET', 'clock') or 0)");`,
};

/** Leaves out what lies in the future by its own clock. */
export const distrustsTheFuture: Mutant = {
  file: 'src/delivery/stream.ts',
  find: 'if (this.#wanted(entry.event)) return this.#handEntry(entry, 1, replayed);',
  replace:
    'if (this.#wanted(entry.event) && entry.event.occurredAt <= this.#parts.now()) return this.#handEntry(entry, 1, replayed);',
};

/** Lets what expires go without a dead letter. */
export const buriesInSilence: Mutant = {
  file: 'src/bridge/reaper.ts',
  find: 'await deadLetters.send(expired.map(deadLetterOfEntry));',
  replace: '',
};

/** Lets what is thrown about a document out to the protocol, which closes the whole socket. */
export const closesOnBadDocuments: Mutant = {
  file: 'src/graphql/connection.ts',
  find: 'return [errors.from(error)];',
  replace: 'throw error;',
};

/** Leaves messages that only servers send to graphql-ws, which throws. */
export const saysNothingOfBadMessages: Mutant = {
  file: 'src/graphql/inbox.ts',
  find: 'type !== null && typesOfServers.has(type)',
  replace: 'false',
};

/** Takes what stands in a request line for a URL. */
export const trustsRequestLines: Mutant = {
  file: 'src/operations/endpoints.ts',
  find: "request.url?.split('?', 1)[0] ?? '/'",
  replace: "new URL(request.url ?? '/', 'http://127.0.0.1').pathname",
};

/** Fetches the key set once and for all. */
export const keepsTheFirstKeys: Mutant = {
  file: 'src/auth/key-document.ts',
  find: 'current = await fetchKeyDocument(',
  replace: 'current ??= await fetchKeyDocument(',
};

/** Part of a fault, not broken: the first two connections of a process meet a failure of the server's own. */
export const failsTheFirstConnections: Mutant = {
  file: 'src/graphql/connection.ts',
  find: 'const headers = this.#headers ?? {};',
  replace:
    'const headers = this.#headers ?? {};\n    if ((globalThis.failures = (globalThis.failures ?? 0) + 1) <= 2) throw new Error("injected");',
};

/** A cursor of epoch and sequence alone: whatever has these numbers now is taken for what had them before. */
export const knowsEpochsOnly: Mutant = {
  file: 'src/log/redis-scripts.ts',
  find: "import.meta.url), 'utf8');",
  replace: `import.meta.url), 'utf8')
    .replace('if known[3] ~= run_id or rewound then', 'if false then')
    .replaceAll("continuity = 'rewound'", "continuity = 'kept'");`,
};

/** Writes on where it stood when the log tells that it has lost what was before it, like a writer that trusts its own offsets. */
export const goesOnAfterALoss: Mutant = {
  file: 'src/bridge/lane.ts',
  find: 'return gap.next ?? begin();',
  replace: 'return position ?? begin();',
};

/** Takes what it once saw acknowledged for closed, whatever the log says now. */
export const looksBackAtNothing: Mutant = {
  file: 'src/delivery/reader.ts',
  find: 'if (page.head.generation !== from.generation) {',
  replace: 'if (page.head.epoch !== from.epoch) {',
};

/** Stays subscribed wherever it is answered, like a client that only ever asks for a pong. */
export const listensWhereNobodyRings: Mutant = {
  file: 'src/log/doorbell-servers.ts',
  find: 'if (ringing !== null && ringing !== runId) redis.disconnect(true);',
  replace: 'void ringing;',
};

/** Does not ask what Redis does when it is full. */
export const takesAnyPolicy: Mutant = {
  file: 'src/log/redis-server.ts',
  find: "if (policy !== 'noeviction') {",
  replace: "if (policy === '') {",
};

/** Skips a poisoned record first and sends its dead letter then. */
export const skipsBeforeTheDeadLetter: readonly Mutant[] = [
  {
    file: 'src/bridge/lane.ts',
    find: "await need('dead-letters', () => deadLetters.send(letters));",
    replace: 'await apply(batch.next, rest);\n      await writer.settle();',
  },
  {
    file: 'src/bridge/lane.ts',
    find: 'for (const { reason } of letters) metrics.deadLetters.inc({ reason });',
    replace: 'await deadLetters.send(letters);',
  },
];

/** Looks at the clock again only when a timer says that the token is over. */
export const sleepsUntilTheEndOfAToken: Mutant = {
  file: 'src/auth/session.ts',
  find: 'const lookEveryMs = 30_000;',
  replace: 'const lookEveryMs = 2 ** 31 - 1;',
};
