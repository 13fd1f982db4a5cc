import type { SourceWriter } from '../log/log.ts';

/**
 * Flags as fed again what an append that failed may have written: its doorbells may have rung although its answer never came, and the
 * server that rang them may be gone with it. What was delivered then would otherwise be delivered twice as if it were new.
 */
export function flagUnanswered(writer: SourceWriter): SourceWriter {
  /** Everything below may have been delivered. */
  let unanswered = 0;
  return {
    ...writer,
    async append(to, records) {
      try {
        return await writer.append(
          to,
          records.map((record) => (record.offset < unanswered ? { ...record, refed: true } : record)),
        );
      } catch (error) {
        unanswered = Math.max(unanswered, to);
        throw error;
      }
    },
    async restart(offset) {
      await writer.restart(offset);
      unanswered = 0;
    },
  };
}
