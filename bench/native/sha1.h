/* SHA-1 (RFC 3174) and base64 (RFC 4648): all that a WebSocket server needs of them, to answer the key of a handshake. */
#ifndef SHA1_H
#define SHA1_H

#include <stdint.h>
#include <string.h>

static inline uint32_t rotate_left(uint32_t value, int bits) {
  return value << bits | value >> (32 - bits);
}

static inline void sha1_block(uint32_t state[5], const unsigned char *block) {
  uint32_t words[80];
  for (int i = 0; i < 16; i++)
    words[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
  for (int i = 16; i < 80; i++) words[i] = rotate_left(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
  for (int i = 0; i < 80; i++) {
    uint32_t mixed, constant;
    if (i < 20) mixed = (b & c) | (~b & d), constant = 0x5a827999;
    else if (i < 40) mixed = b ^ c ^ d, constant = 0x6ed9eba1;
    else if (i < 60) mixed = (b & c) | (b & d) | (c & d), constant = 0x8f1bbcdc;
    else mixed = b ^ c ^ d, constant = 0xca62c1d6;
    const uint32_t next = rotate_left(a, 5) + mixed + e + constant + words[i];
    e = d, d = c, c = rotate_left(b, 30), b = a, a = next;
  }
  state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
}

/* Of at most 119 bytes, so that text, padding and length fill two blocks at most. */
static inline void sha1(const char *text, size_t length, unsigned char digest[20]) {
  unsigned char padded[128] = { 0 };
  uint32_t state[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };
  memcpy(padded, text, length);
  padded[length] = 0x80;
  const size_t size = length < 56 ? 64 : 128;
  padded[size - 2] = (unsigned char)(length * 8 >> 8);
  padded[size - 1] = (unsigned char)(length * 8);
  for (size_t at = 0; at < size; at += 64) sha1_block(state, padded + at);
  for (int i = 0; i < 20; i++) digest[i] = (unsigned char)(state[i / 4] >> (24 - 8 * (i % 4)));
}

/* Of the 20 bytes of a digest: 28 letters and the end. */
static inline void base64_digest(const unsigned char digest[20], char text[29]) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  char *out = text;
  for (int i = 0; i < 21; i += 3) {
    const unsigned last = i + 2 < 20 ? digest[i + 2] : 0;
    const unsigned bits = (unsigned)digest[i] << 16 | (unsigned)digest[i + 1] << 8 | last;
    for (int shift = 18; shift >= 0; shift -= 6) *out++ = letters[bits >> shift & 63];
  }
  text[27] = '=';
  text[28] = '\0';
}

/* What a server answers to a client's key (RFC 6455, section 4.2.2). Keys are 24 letters; of longer ones the rest is not looked at. */
static inline void accept_key(const char *key, size_t length, char text[29]) {
  static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  char joined[24 + sizeof magic];
  unsigned char digest[20];
  if (length > 24) length = 24;
  memcpy(joined, key, length);
  memcpy(joined + length, magic, sizeof magic - 1);
  sha1(joined, length + sizeof magic - 1, digest);
  base64_digest(digest, text);
}

#endif
