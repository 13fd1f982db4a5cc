import { pino } from 'pino';

/**
 * What parts log with. Fields first, sentence second, as pino has it. Never a payload, a token or a member id in either: operators
 * ship these lines to places that must not hold them.
 */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(bindings: { part: string }): Logger;
}

/** JSON lines on stdout, `level` one of pino's names (`silent` included). */
export function createLogger(level: string): Logger {
  // Node's own stdout rather than pino's file descriptor: at exit pino would try for ever to write to a reader that has gone (EPIPE).
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
    process.stdout,
  );
}
