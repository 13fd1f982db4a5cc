import type { SourceWriter } from '../log/log.ts';

/**
 * Flags as fed again what an append that failed may have written: its doorbells may have rung although its answer never came, and the
 * server that rang them may be gone with it. What was delivered then would otherwise be delivered twice as if it were new. One that met a gap
 * is no better: the hash tags that had none took their records.
 */
export function flagUnanswered(writer: SourceWriter): SourceWriter {
  /** Everything below may have been delivered. */
  let unanswered = 0;
  return {
    ...writer,
    async append(to, records) {
      let whole = false;
      try {
        const result = await writer.append(
          to,
          records.map((record) => (record.offset < unanswered ? { ...record, refed: true } : record)),
        );
        whole = result.status === 'ok';
        return result;
      } finally {
        if (!whole) unanswered = Math.max(unanswered, to);
      }
    },
    async restart(offset) {
      await writer.restart(offset);
      unanswered = 0;
    },
  };
}
