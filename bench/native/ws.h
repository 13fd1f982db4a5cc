/*
 * What a WebSocket (RFC 6455) without extensions needs on both sides: frame headers, and the one clock that all processes of a machine share.
 */
#ifndef WS_H
#define WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

enum ws_opcode { WS_CONTINUATION = 0, WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };

enum { WS_MAX_HEADER = 14, WS_MAX_PAYLOAD = 1 << 20 };

/* The least two answers of `ws_parse` that are no frame's size. */
enum { WS_INCOMPLETE = 0, WS_TOO_LARGE = -1 };

struct ws_frame {
  char *payload;
  size_t length;
  uint8_t opcode;
  bool final;
};

/* µs of CLOCK_MONOTONIC, which is also what process.hrtime of Node tells. */
static inline int64_t now_micros(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/*
 * Writes the header of a whole message into `out` (WS_MAX_HEADER bytes) and returns its length. A masked one has the key 0: clients must mask,
 * and this is the key that changes nothing.
 */
static inline size_t ws_header(char *out, enum ws_opcode opcode, size_t length, bool masked) {
  size_t size = 2;
  out[0] = (char)(0x80 | opcode);
  if (length < 126) {
    out[1] = (char)length;
  } else if (length < 0x10000) {
    out[1] = 126;
    out[size++] = (char)(length >> 8);
    out[size++] = (char)length;
  } else {
    out[1] = 127;
    for (int shift = 56; shift >= 0; shift -= 8) out[size++] = (char)((uint64_t)length >> shift);
  }
  if (masked) {
    out[1] = (char)(out[1] | 0x80);
    memset(out + size, 0, 4);
    size += 4;
  }
  return size;
}

static inline void ws_unmask(char *payload, size_t length, const char key[4]) {
  if (memcmp(key, "\0\0\0\0", 4) == 0) return;
  for (size_t i = 0; i < length; i++) payload[i] = (char)(payload[i] ^ key[i & 3]);
}

/*
 * The frame that `bytes` begins with, unmasked in place; returns its size with the header, WS_INCOMPLETE when bytes of it are still to come
 * (then nothing was changed), or WS_TOO_LARGE.
 */
static inline long ws_parse(char *bytes, size_t available, struct ws_frame *frame) {
  if (available < 2) return WS_INCOMPLETE;
  const unsigned char *head = (const unsigned char *)bytes;
  const bool masked = (head[1] & 0x80) != 0;
  uint64_t length = head[1] & 0x7f;
  size_t size = 2;
  const int extended = length == 126 ? 2 : length == 127 ? 8 : 0;
  if (extended > 0) {
    if (available < size + (size_t)extended) return WS_INCOMPLETE;
    length = 0;
    for (int i = 0; i < extended; i++) length = length << 8 | head[size++];
  }
  if (length > WS_MAX_PAYLOAD) return WS_TOO_LARGE;
  const size_t key = size;
  if (masked) size += 4;
  if (available < size + length) return WS_INCOMPLETE;
  if (masked) ws_unmask(bytes + size, length, bytes + key);
  *frame = (struct ws_frame){ .payload = bytes + size, .length = length, .opcode = head[0] & 0x0f, .final = (head[0] & 0x80) != 0 };
  return (long)(size + length);
}

#endif
