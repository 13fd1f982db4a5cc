import type { Reader } from '../../src/delivery/reader.ts';

/** What `take` has, or has once `advance` has read it; undefined when there is none for now. */
export async function nextOf(reader: Reader): Promise<ReturnType<Reader['take']>> {
  for (;;) {
    const taken = reader.take();
    if (taken !== undefined || !(await reader.advance())) return taken;
  }
}
