/*
 * One WebSocket of the load client: it connects, shakes hands, goes through the steps of its line in the connections file, and then counts
 * the events that come. What all of them share stands in `load`.
 */
#ifndef CONNECTION_H
#define CONNECTION_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "buffer.h"
#include "sequence.h"
#include "tally.h"

enum { MAX_PINGS = 8, MAX_GROUPS = 8, MAX_ACK_BATCH = 4096, FAILURE_SIZE = 256 };

enum state {
  WAITING, /* not asked to connect yet */
  CONNECTING,
  HANDSHAKE,
  STEPS,
  OPEN,
  DROPPED, /* by us, to be connected again */
  CLOSED, /* by the server, or it never came up */
};

struct target {
  struct sockaddr_in address;
  char *host; /* for the Host header */
  char *path;
  char *subprotocol; /* NULL: none */
};

struct connection {
  int fd; /* -1 while there is none */
  enum state state;
  bool awaited; /* has not received an event since it was told to connect again */
  uint8_t source; /* which of the source addresses */
  const struct target *target;
  struct tally *tally;
  /* The steps of its line: strings one behind the other, the next one, and where they end. */
  const char *steps, *step, *steps_end;
  struct buffer carry; /* the beginning of a frame, or of the handshake's answer, whose rest is still to come */
  struct buffer out; /* what the kernel did not take yet */
  char *cursor; /* the last one seen, where steps ask for it */
  struct sequence sequence;
  uint64_t acks; /* batches of acknowledgements sent */
};

struct ping {
  char *frame, *reply;
  size_t length;
};

/* A frame of acknowledgements: before, number, after, ids, suffix. `batch` 0: events are not acknowledged. */
struct acknowledge {
  char *before, *after, *suffix; /* `after` is NULL where the prefix has no %N% */
  size_t batch;
};

/* How far the connecting is that goes on. */
struct progress {
  uint64_t active, connected, failed, resumed;
  int64_t last_settled, last_resumed; /* µs */
};

struct load {
  int epoll;
  const struct target *target;
  struct ping pings[MAX_PINGS];
  size_t ping_count;
  struct acknowledge ack;
  bool cursors; /* some step wants them */
  FILE *trace; /* NULL: nowhere; else a line an event: the time it carries, and when it came */
  uint64_t open, closed;
  struct progress progress;
  char failure[FAILURE_SIZE]; /* the latest reason why a connection failed or ended, or the beginning of an error that came */
  struct tally tallies[MAX_GROUPS];
};

extern struct load load;

/* Begins to connect; how it ended is found in `load.progress`. */
void connection_open(struct connection *connection);

/* What epoll said about it. */
void connection_handle(struct connection *connection, uint32_t events);

/* Resets an open connection, as a network that goes away would. */
void connection_drop(struct connection *connection);

/* Gives up on one that is still connecting. */
void connection_abandon(struct connection *connection, const char *reason);

/* Whether it is between `connection_open` and the end of its steps. */
bool connection_is_connecting(const struct connection *connection);

#endif
