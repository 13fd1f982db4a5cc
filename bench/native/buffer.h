/* Bytes that grow. Both programs end when there is no memory left: a measurement without it is worth nothing. */
#ifndef BUFFER_H
#define BUFFER_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct buffer {
  char *data;
  size_t length;
  size_t capacity;
};

static inline void *or_die(void *memory) {
  if (memory != NULL) return memory;
  fputs("out of memory\n", stderr);
  exit(1);
}

static inline void buffer_append(struct buffer *buffer, const char *data, size_t length) {
  if (length == 0) return;
  if (buffer->length + length > buffer->capacity) {
    buffer->capacity = (buffer->length + length) * 2;
    buffer->data = or_die(realloc(buffer->data, buffer->capacity));
  }
  memcpy(buffer->data + buffer->length, data, length);
  buffer->length += length;
}

static inline void buffer_append_text(struct buffer *buffer, const char *text) {
  buffer_append(buffer, text, strlen(text));
}

/* Takes away the first `count` bytes. */
static inline void buffer_consume(struct buffer *buffer, size_t count) {
  buffer->length -= count;
  memmove(buffer->data, buffer->data + count, buffer->length);
}

static inline void buffer_free(struct buffer *buffer) {
  free(buffer->data);
  *buffer = (struct buffer){ 0 };
}

#endif
