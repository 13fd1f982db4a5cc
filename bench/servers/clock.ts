const startMicros = Number(process.hrtime.bigint() / 1_000n) - performance.now() * 1_000;

/** CLOCK_MONOTONIC, µs: one clock for all processes of the machine. `performance.now` reads the same one and makes no bigint. */
export function nowMicros(): number {
  return startMicros + performance.now() * 1_000;
}
