/*
 * Which of 1, 2, 3 … a connection has received: a gap is a loss until something fills it, and a number that was there before is a repeat.
 * 64 numbers behind the highest are remembered, so what comes out of order by design is not called lost; what is older counts as a repeat.
 */
#ifndef SEQUENCE_H
#define SEQUENCE_H

#include <stdbool.h>
#include <stdint.h>

struct sequence {
  uint64_t highest; /* 0: nothing received yet */
  uint64_t seen; /* bit k: highest - 1 - k was received */
  uint64_t settled; /* up to here gaps were never, or are no more, in `lost` */
};

/* Returns true for a repeat; `lost` changes by what this number leaves out or fills in. */
static inline bool sequence_note(struct sequence *sequence, uint64_t number, int64_t *lost) {
  if (sequence->highest == 0) {
    /* Streams are joined where they are: what was sent before the first one seen was not for us. */
    *sequence = (struct sequence){ .highest = number, .settled = number };
    return false;
  }
  if (number > sequence->highest) {
    const uint64_t ahead = number - sequence->highest;
    *lost += (int64_t)ahead - 1;
    sequence->seen = ahead < 64 ? sequence->seen << ahead : 0;
    if (ahead <= 64) sequence->seen |= 1ULL << (ahead - 1);
    sequence->highest = number;
    return false;
  }
  const uint64_t behind = sequence->highest - number;
  if (behind == 0 || behind > 64) return true;
  const uint64_t bit = 1ULL << (behind - 1);
  if ((sequence->seen & bit) != 0) return true;
  sequence->seen |= bit;
  if (number > sequence->settled) *lost -= 1;
  return false;
}

/* Losses are counted from here on: a gap that was counted before is not taken back later from a counter that is zero again. */
static inline void sequence_settle(struct sequence *sequence) {
  sequence->settled = sequence->highest;
}

#endif
