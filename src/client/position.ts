/**
 * Where a stream stands: the newest cursor of all that arrived, by whatever path. Cursors are opaque, so what is newer is told by the
 * sequence of the events; only a page's end says nothing about itself but that it lies behind everything in the page.
 */
export function createPosition(start: string | null) {
  let cursor = start;
  let given = start !== null;
  let sequence = 0;
  return {
    get cursor() {
      return cursor;
    },
    /** The cursor is the app's own, not one that came with an event or a page. */
    get given() {
      return given;
    },
    get sequence() {
      return sequence;
    },
    /** An event came. Best-effort events have no place of their own. */
    passed(eventCursor: string, eventSequence: number | null): void {
      if (eventSequence === null || eventSequence <= sequence) return;
      sequence = eventSequence;
      cursor = eventCursor;
      given = false;
    },
    /** A page was taken in. Not newer where push has gone on since it was asked for, to behind the page. */
    ended(endCursor: string, before: { readonly sequence: number; readonly last: number }): void {
      if (sequence > Math.max(before.sequence, before.last)) return;
      cursor = endCursor;
      given = false;
    },
    /** The log that the cursor belonged to is gone. */
    lost(): void {
      cursor = null;
      given = false;
      sequence = 0;
    },
  };
}
