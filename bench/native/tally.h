/*
 * What was received: counters, and a histogram of latencies that is linear within each power of two, 128 buckets wide: 1 % is the largest
 * error, no sample is left out, and adding one costs a few instructions.
 */
#ifndef TALLY_H
#define TALLY_H

#include <stdint.h>

enum { BUCKET_BITS = 7, OCTAVE = 1 << BUCKET_BITS, OCTAVES = 34, BUCKETS = OCTAVE * OCTAVES };

struct tally {
  uint64_t received; /* events, repeats left out */
  uint64_t repeated;
  int64_t lost; /* gaps that nothing has filled so far */
  uint64_t other; /* text frames that carry no event */
  uint64_t errors;
  uint64_t bytes;
  int64_t first, last; /* µs: when the first and the last event came; 0: none */
  int64_t max; /* µs */
  uint64_t latencies[BUCKETS];
};

static inline unsigned bucket_of(uint64_t micros) {
  const int octave = micros < OCTAVE ? 0 : 64 - __builtin_clzll(micros) - BUCKET_BITS;
  if (octave >= OCTAVES) return BUCKETS - 1;
  /* From the second octave on the highest bit says only which octave it is, so half of each octave's buckets stay empty; simple is worth it. */
  return (unsigned)octave * OCTAVE + (unsigned)(micros >> octave);
}

/* The middle of a bucket, µs. */
static inline int64_t micros_of(unsigned bucket) {
  const unsigned octave = bucket / OCTAVE;
  const uint64_t from = (uint64_t)(bucket % OCTAVE) << octave;
  return (int64_t)(from + (octave == 0 ? 0 : (1ULL << octave) / 2));
}

static inline void tally_event(struct tally *tally, int64_t sent, int64_t now) {
  const int64_t latency = now > sent ? now - sent : 0;
  if (tally->first == 0) tally->first = now;
  tally->last = now;
  tally->received++;
  tally->latencies[bucket_of((uint64_t)latency)]++;
  if (latency > tally->max) tally->max = latency;
}

/* The latency that a share of all events did not exceed, µs. */
static inline int64_t tally_percentile(const struct tally *tally, double share) {
  const uint64_t wanted = (uint64_t)((double)tally->received * share);
  uint64_t passed = 0;
  for (unsigned bucket = 0; bucket < BUCKETS; bucket++) {
    passed += tally->latencies[bucket];
    if (passed > wanted) {
      const int64_t micros = micros_of(bucket);
      return micros < tally->max ? micros : tally->max;
    }
  }
  return tally->max;
}

static inline void tally_add(struct tally *sum, const struct tally *part) {
  sum->received += part->received;
  sum->repeated += part->repeated;
  sum->lost += part->lost;
  sum->other += part->other;
  sum->errors += part->errors;
  sum->bytes += part->bytes;
  if (part->first != 0 && (sum->first == 0 || part->first < sum->first)) sum->first = part->first;
  if (part->last > sum->last) sum->last = part->last;
  if (part->max > sum->max) sum->max = part->max;
  for (unsigned bucket = 0; bucket < BUCKETS; bucket++) sum->latencies[bucket] += part->latencies[bucket];
}

#endif
