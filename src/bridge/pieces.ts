import type { Batch, KafkaRecord } from './records.ts';

/**
 * What is decoded and sent to the log in one go. A fetch of 1 MiB, compressed, can be a hundred thousand records: all at once they would
 * block the event loop for seconds, and take the log longer than a call may.
 */
const pieceRecords = 1_000;
const pieceBytes = 1024 * 1024;

/** A batch in pieces that follow each other; one that holds no records is one piece. */
export function* piecesOf({ first, next, records }: Batch): Generator<Batch> {
  let piece: KafkaRecord[] = [];
  let from = first;
  let bytes = 0;
  for (const record of records) {
    if (piece.length >= pieceRecords || bytes >= pieceBytes) {
      yield { first: from, next: record.origin.offset, records: piece };
      [piece, from, bytes] = [[], record.origin.offset, 0];
    }
    piece.push(record);
    bytes += record.value?.length ?? 0;
  }
  yield { first: from, next, records: piece };
}
