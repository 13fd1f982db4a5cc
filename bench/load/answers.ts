/** The child's end of `../runner/conversation.ts`: a handler for each question, whose answer goes back under the question's name. */

export type Handlers = Readonly<Record<string, (details: never) => object | Promise<object>>>;

/** Answers until the runner goes away, and ends then. What a handler throws is the runner's error. */
export function answer(handlers: Handlers): void {
  process.on('message', (message: { readonly do: string }) => {
    const asked = async () => {
      const handler = handlers[message.do];
      if (handler === undefined) throw new Error(`"${message.do}" is no question for this process`);
      // Only the runner asks, and what it sends is what the handler of that name declares.
      return handler(message as never);
    };
    asked().then(
      (result) => process.send?.({ did: message.do, ...result }),
      (error: unknown) => process.send?.({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
  // An end by itself, or no profile would be written.
  for (const end of ['disconnect', 'SIGTERM'] as const) process.once(end, () => process.exit());
}

/** What `work` took: the wall's and this process' own CPU time, µs. */
export async function timed<T>(
  work: () => Promise<T>,
): Promise<{ readonly value: T; readonly micros: number; readonly cpuMicros: number }> {
  const cpu = process.cpuUsage();
  const began = performance.now();
  const value = await work();
  const micros = (performance.now() - began) * 1_000;
  const { user, system } = process.cpuUsage(cpu);
  return { value, micros, cpuMicros: user + system };
}
