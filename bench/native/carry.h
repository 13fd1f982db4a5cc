/*
 * Many sockets, one place into which all of them are read: it stays in the cache, and a socket keeps memory of its own only while a frame of
 * it is split over two reads.
 */
#ifndef CARRY_H
#define CARRY_H

#include <errno.h>
#include <sys/socket.h>

#include "buffer.h"
#include "ws.h"

enum { READ_SIZE = 64 * 1024 };

/* Room for the largest frame whose rest is awaited, and for one more read behind it. */
static char inbox[WS_MAX_HEADER + WS_MAX_PAYLOAD + READ_SIZE];

/*
 * Reads once, behind what the last read left over; `length` is then how much stands in the inbox. The answer is recv's: 0 at the end, and
 * below 0 an error, of which EAGAIN is none.
 */
static inline ssize_t carry_receive(int fd, const struct buffer *carry, size_t *length) {
  if (carry->length > 0) memcpy(inbox, carry->data, carry->length);
  const ssize_t got = recv(fd, inbox + carry->length, READ_SIZE, 0);
  *length = carry->length + (got > 0 ? (size_t)got : 0);
  return got;
}

static inline bool is_again(ssize_t got) {
  return got < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Keeps what stands in the inbox from `used` on. */
static inline void carry_keep(struct buffer *carry, size_t used, size_t length) {
  carry->length = 0;
  if (length > used) buffer_append(carry, inbox + used, length - used);
  else if (carry->data != NULL) buffer_free(carry);
}

#endif
