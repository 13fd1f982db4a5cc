#include "connection.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "carry.h"

enum { MAX_HANDSHAKE = 16 * 1024, MAX_UNSENT = 64 << 20, SOURCES = 8 };

struct load load;

/* The ids that came in one read, where they stand in the inbox. */
static struct {
  const char *text;
  size_t length;
} ids[MAX_ACK_BATCH];
static size_t id_count;

/* Frames are put together here before they are sent. */
static struct buffer scratch;

/* ---- Life and death ---- */

bool connection_is_connecting(const struct connection *connection) {
  return connection->state == CONNECTING || connection->state == HANDSHAKE || connection->state == STEPS;
}

static void set_failure(const char *what, const char *text, size_t length) {
  snprintf(load.failure, sizeof load.failure, "%s%.*s", what, (int)(length < FAILURE_SIZE ? length : FAILURE_SIZE), text);
}

static void settle(struct connection *connection, bool connected) {
  load.progress.active--;
  load.progress.last_settled = now_micros();
  if (connected) {
    load.progress.connected++;
    load.open++;
    connection->state = OPEN;
  } else {
    load.progress.failed++;
    connection->awaited = false;
  }
}

static void take_down(struct connection *connection, enum state state) {
  if (connection_is_connecting(connection)) {
    settle(connection, false);
  } else {
    load.open--;
    if (state == CLOSED) load.closed++;
  }
  if (connection->fd >= 0) close(connection->fd);
  connection->fd = -1;
  connection->state = state;
  buffer_free(&connection->carry);
  buffer_free(&connection->out);
}

static void fail(struct connection *connection, const char *what, const char *text) {
  set_failure(what, text, strlen(text));
  take_down(connection, CLOSED);
}

void connection_abandon(struct connection *connection, const char *reason) {
  fail(connection, reason, "");
}

void connection_drop(struct connection *connection) {
  const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
  setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  take_down(connection, DROPPED);
}

/* ---- Sending ---- */

static uint32_t interest(const struct connection *connection) {
  if (connection->state == CONNECTING) return EPOLLOUT;
  return EPOLLIN | (connection->out.length > 0 ? (uint32_t)EPOLLOUT : 0);
}

static void watch(struct connection *connection, int operation) {
  struct epoll_event event = { .events = interest(connection), .data.ptr = connection };
  epoll_ctl(load.epoll, operation, connection->fd, &event);
}

/* How much of it the kernel took; the connection is down when that is an error. */
static size_t send_some(struct connection *connection, const char *data, size_t length) {
  const ssize_t sent = send(connection->fd, data, length, MSG_NOSIGNAL);
  if (sent >= 0) return (size_t)sent;
  if (errno != EAGAIN && errno != EINTR) fail(connection, "send: ", strerror(errno));
  return 0;
}

static void send_bytes(struct connection *connection, const char *data, size_t length) {
  const bool idle = connection->out.length == 0;
  const size_t sent = idle ? send_some(connection, data, length) : 0;
  if (connection->fd < 0 || sent == length) return;
  buffer_append(&connection->out, data + sent, length - sent);
  if (connection->out.length > MAX_UNSENT) fail(connection, "the server does not read", "");
  else if (idle) watch(connection, EPOLL_CTL_MOD);
}

static void send_unsent(struct connection *connection) {
  if (connection->out.length == 0) return;
  const size_t sent = send_some(connection, connection->out.data, connection->out.length);
  if (connection->fd < 0) return;
  buffer_consume(&connection->out, sent);
  if (connection->out.length == 0) {
    buffer_free(&connection->out);
    watch(connection, EPOLL_CTL_MOD);
  }
}

/* Room for the header is left at the beginning of `scratch`, because its length is known only when the payload is there. */
static void begin_frame(void) {
  static const char room[WS_MAX_HEADER];
  scratch.length = 0;
  buffer_append(&scratch, room, sizeof room);
}

static void send_frame(struct connection *connection, enum ws_opcode opcode) {
  char header[WS_MAX_HEADER];
  const size_t size = ws_header(header, opcode, scratch.length - WS_MAX_HEADER, true);
  char *frame = scratch.data + WS_MAX_HEADER - size;
  memcpy(frame, header, size);
  send_bytes(connection, frame, scratch.length - WS_MAX_HEADER + size);
}

static void send_message(struct connection *connection, enum ws_opcode opcode, const char *data, size_t length) {
  begin_frame();
  buffer_append(&scratch, data, length);
  send_frame(connection, opcode);
}

/* ---- Connecting ---- */

static void send_handshake(struct connection *connection) {
  const struct target *target = connection->target;
  const char *path = connection->steps < connection->steps_end && *connection->steps == '@' ? connection->steps + 1 : target->path;
  scratch.length = 0;
  buffer_append_text(&scratch, "GET ");
  buffer_append_text(&scratch, path);
  buffer_append_text(&scratch, " HTTP/1.1\r\nHost: ");
  buffer_append_text(&scratch, target->host);
  buffer_append_text(&scratch, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
  if (target->subprotocol != NULL) {
    buffer_append_text(&scratch, "Sec-WebSocket-Protocol: ");
    buffer_append_text(&scratch, target->subprotocol);
    buffer_append_text(&scratch, "\r\n");
  }
  buffer_append_text(&scratch, "\r\n");
  send_bytes(connection, scratch.data, scratch.length);
}

/*
 * A source address has about 28 000 ports for one server, so several take turns; and the kernel is to choose the port when it knows the
 * server (IP_BIND_ADDRESS_NO_PORT), or one address could have 28 000 for all servers together.
 */
static void bind_source(const struct connection *connection) {
  const uint32_t server = ntohl(connection->target->address.sin_addr.s_addr);
  if (server >> 24 != 127) return;
  const int yes = 1;
  setsockopt(connection->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
  const struct sockaddr_in source = {
    .sin_family = AF_INET,
    .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + connection->source % SOURCES),
  };
  /* Where the address cannot be had, the kernel's choice does as well for some thousand sockets. */
  (void)!bind(connection->fd, (const struct sockaddr *)&source, sizeof source);
}

static void connected(struct connection *connection) {
  connection->state = HANDSHAKE;
  send_handshake(connection);
}

void connection_open(struct connection *connection) {
  load.progress.active++;
  connection->state = CONNECTING;
  connection->step = connection->steps;
  if (connection->step < connection->steps_end && *connection->step == '@') connection->step += strlen(connection->step) + 1;
  connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (connection->fd < 0) return fail(connection, "socket: ", strerror(errno));
  const int yes = 1;
  setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  bind_source(connection);
  const struct sockaddr_in *address = &connection->target->address;
  const bool at_once = connect(connection->fd, (const struct sockaddr *)address, sizeof *address) == 0;
  if (!at_once && errno != EINPROGRESS) return fail(connection, "connect: ", strerror(errno));
  watch(connection, EPOLL_CTL_ADD);
  /* One that is up at once is writable too, so epoll says so in the next turn: one way for both. */
}

static void finish_connect(struct connection *connection) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return fail(connection, "connect: ", strerror(error));
  connected(connection);
  if (connection->fd >= 0) watch(connection, EPOLL_CTL_MOD);
}

/* ---- Steps ---- */

/* Puts the last cursor where a step has %CURSOR%. Before there is one, the JSON string "%CURSOR%" becomes null. */
static void append_step(struct connection *connection, const char *text) {
  static const char name[] = "%CURSOR%", quoted[] = "\"%CURSOR%\"";
  const char *found;
  while ((found = strstr(text, name)) != NULL) {
    const bool string = found > text && strncmp(found - 1, quoted, strlen(quoted)) == 0;
    const bool none = connection->cursor == NULL;
    buffer_append(&scratch, text, (size_t)(found - text) - (string && none ? 1 : 0));
    if (!none) buffer_append_text(&scratch, connection->cursor);
    else if (string) buffer_append_text(&scratch, "null");
    text = found + strlen(name) + (string && none ? 1 : 0);
  }
  buffer_append_text(&scratch, text);
}

static void next_step(struct connection *connection) {
  connection->step += strlen(connection->step) + 1;
}

/* Goes on until a step waits for something. */
static void run_steps(struct connection *connection) {
  while (connection->step < connection->steps_end) {
    if (*connection->step == '<') return;
    begin_frame();
    append_step(connection, connection->step + 1);
    send_frame(connection, WS_TEXT);
    if (connection->fd < 0) return;
    next_step(connection);
  }
  settle(connection, true);
}

static void look_for_step(struct connection *connection, const char *text, size_t length) {
  const char *wanted = connection->step + 1;
  if (memmem(text, length, wanted, strlen(wanted)) == NULL) return;
  next_step(connection);
  run_steps(connection);
}

/* ---- Acknowledging ---- */

static void send_acks(struct connection *connection) {
  const struct acknowledge *ack = &load.ack;
  begin_frame();
  buffer_append_text(&scratch, ack->before);
  if (ack->after != NULL) {
    char number[24];
    snprintf(number, sizeof number, "%llu", (unsigned long long)connection->acks);
    buffer_append_text(&scratch, number);
    buffer_append_text(&scratch, ack->after);
  }
  connection->acks++;
  for (size_t i = 0; i < id_count; i++) {
    buffer_append_text(&scratch, i == 0 ? "\"" : ",\"");
    buffer_append(&scratch, ids[i].text, ids[i].length);
    buffer_append_text(&scratch, "\"");
  }
  buffer_append_text(&scratch, ack->suffix);
  id_count = 0;
  send_frame(connection, WS_TEXT);
}

/* The text between `key` and the next quote, looked for from `from` on; NULL where there is none. */
static const char *string_after(const char *from, const char *end, const char *key, size_t *length) {
  const char *found = memmem(from, (size_t)(end - from), key, strlen(key));
  if (found == NULL) return NULL;
  found += strlen(key);
  const char *quote = memchr(found, '"', (size_t)(end - found));
  if (quote == NULL) return NULL;
  *length = (size_t)(quote - found);
  return found;
}

static void collect_ids(struct connection *connection, const char *text, size_t length) {
  static const char delivery[] = "\"delivery\":{";
  const char *end = text + length, *found;
  while ((found = memmem(text, (size_t)(end - text), delivery, strlen(delivery))) != NULL) {
    size_t size = 0;
    const char *id = string_after(found, end, "\"id\":\"", &size);
    if (id == NULL) return;
    ids[id_count].text = id;
    ids[id_count++].length = size;
    if (id_count == load.ack.batch) send_acks(connection);
    if (connection->fd < 0) return;
    text = id + size;
  }
}

/* ---- Events ---- */

static void keep_cursor(struct connection *connection, const char *text, size_t length) {
  const char *end = text + length, *found;
  size_t size = 0;
  while ((found = string_after(text, end, "\"cursor\":\"", &size)) != NULL) {
    free(connection->cursor);
    connection->cursor = or_die(strndup(found, size));
    text = found + size;
  }
}

static bool digits(const char *text, int count, uint64_t *value) {
  *value = 0;
  for (int i = 0; i < count; i++) {
    const unsigned digit = (unsigned)(unsigned char)text[i] - '0';
    if (digit > 9) return false;
    *value = *value * 10 + digit;
  }
  return true;
}

static void note_event(struct connection *connection, uint64_t sent, uint64_t number, int64_t now) {
  struct tally *tally = connection->tally;
  if (sequence_note(&connection->sequence, number, &tally->lost)) tally->repeated++;
  else tally_event(tally, (int64_t)sent, now);
  if (load.trace != NULL) fprintf(load.trace, "%llu %lld\n", (unsigned long long)sent, (long long)now);
  if (!connection->awaited) return;
  connection->awaited = false;
  load.progress.resumed++;
  load.progress.last_resumed = now;
}

/*
 * Counts the markers wf-T<16 digits>-S<10 digits> of a message, of which batches and replays hold several. Looked for is the T: few letters
 * of an event are one, and memchr passes the others many at a time.
 */
static unsigned note_events(struct connection *connection, const char *text, size_t length, int64_t now) {
  enum { TIME = 16, NUMBER = 10, REST = 1 + TIME + 2 + NUMBER };
  const char *at = text + 3, *end = text + length;
  unsigned count = 0;
  while (end - at >= REST && (at = memchr(at, 'T', (size_t)(end - at))) != NULL && end - at >= REST) {
    uint64_t sent = 0, number = 0;
    const bool marker = memcmp(at - 3, "wf-", 3) == 0 && digits(at + 1, TIME, &sent) && memcmp(at + 1 + TIME, "-S", 2) == 0 &&
                        digits(at + 1 + TIME + 2, NUMBER, &number);
    if (marker) {
      note_event(connection, sent, number, now);
      count++;
    }
    at += marker ? REST : 1;
  }
  return count;
}

static bool contains(const char *text, size_t length, const char *wanted) {
  return memmem(text, length, wanted, strlen(wanted)) != NULL;
}

static bool answer_ping(struct connection *connection, const char *text, size_t length) {
  for (size_t i = 0; i < load.ping_count; i++) {
    const struct ping *ping = &load.pings[i];
    if (ping->length != length || memcmp(ping->frame, text, length) != 0) continue;
    send_message(connection, WS_TEXT, ping->reply, strlen(ping->reply));
    return true;
  }
  return false;
}

static void on_text(struct connection *connection, const char *text, size_t length, int64_t now) {
  if (answer_ping(connection, text, length)) return;
  const unsigned events = note_events(connection, text, length, now);
  /* A whole operation that failed ends with a message of its own type. */
  if (contains(text, length, "\"errors\"") || (events == 0 && contains(text, length, "\"type\":\"error\""))) {
    connection->tally->errors++;
    set_failure("", text, length);
  }
  if (events == 0) connection->tally->other++;
  else if (load.ack.batch > 0) collect_ids(connection, text, length);
  if (load.cursors && connection->fd >= 0) keep_cursor(connection, text, length);
  if (connection->state == STEPS) look_for_step(connection, text, length);
}

static void on_close(struct connection *connection, const struct ws_frame *frame) {
  char what[32] = "closed";
  const unsigned char *code = (const unsigned char *)frame->payload;
  const size_t skip = frame->length < 2 ? frame->length : 2;
  if (skip == 2) snprintf(what, sizeof what, "closed %d ", code[0] << 8 | code[1]);
  set_failure(what, frame->payload + skip, frame->length - skip);
  take_down(connection, CLOSED);
}

static void on_frame(struct connection *connection, const struct ws_frame *frame, int64_t now) {
  switch (frame->opcode) {
    case WS_TEXT:
      /* No server here sends messages in parts; one that began to would be miscounted, so it is refused. */
      if (!frame->final) fail(connection, "a message in parts", "");
      else on_text(connection, frame->payload, frame->length, now);
      break;
    case WS_PING:
      send_message(connection, WS_PONG, frame->payload, frame->length);
      break;
    case WS_PONG:
      break;
    case WS_CLOSE:
      on_close(connection, frame);
      break;
    default:
      fail(connection, "a frame that is neither text nor control", "");
  }
}

/* ---- Receiving ---- */

/* Takes the answer to the handshake; how many bytes that was, 0 while it is not whole. */
static size_t take_handshake(struct connection *connection, const char *bytes, size_t length) {
  static const char accepted[] = "HTTP/1.1 101";
  const char *end = memmem(bytes, length, "\r\n\r\n", 4);
  if (end == NULL) {
    if (length > MAX_HANDSHAKE) fail(connection, "the handshake's answer does not end", "");
    return 0;
  }
  if (strncmp(bytes, accepted, strlen(accepted)) != 0) {
    set_failure("", bytes, strcspn(bytes, "\r"));
    take_down(connection, CLOSED);
    return 0;
  }
  connection->state = STEPS;
  run_steps(connection);
  return (size_t)(end - bytes) + 4;
}

/* Handles all that is whole; returns where the rest begins. */
static size_t take_frames(struct connection *connection, char *bytes, size_t length, int64_t now) {
  size_t used = 0;
  while (connection->fd >= 0) {
    struct ws_frame frame;
    const long size = ws_parse(bytes + used, length - used, &frame);
    if (size == WS_INCOMPLETE) break;
    if (size == WS_TOO_LARGE) fail(connection, "a frame that is too large", "");
    else {
      used += (size_t)size;
      on_frame(connection, &frame, now);
    }
  }
  return used;
}

static void receive(struct connection *connection) {
  size_t length;
  const ssize_t got = carry_receive(connection->fd, &connection->carry, &length);
  if (is_again(got)) return;
  if (got <= 0) return fail(connection, "ended: ", got < 0 ? strerror(errno) : "without a close frame");
  connection->tally->bytes += (uint64_t)got;
  const int64_t now = now_micros();
  size_t used = connection->state == HANDSHAKE ? take_handshake(connection, inbox, length) : 0;
  if (connection->fd >= 0 && connection->state != HANDSHAKE) used += take_frames(connection, inbox + used, length - used, now);
  if (connection->fd >= 0 && id_count > 0) send_acks(connection);
  id_count = 0; /* of a connection that went down meanwhile */
  if (connection->fd >= 0) carry_keep(&connection->carry, used, length);
}

void connection_handle(struct connection *connection, uint32_t events) {
  if (connection->state == CONNECTING) return finish_connect(connection);
  if ((events & EPOLLOUT) != 0) send_unsent(connection);
  if (connection->fd >= 0 && (events & ~(uint32_t)EPOLLOUT) != 0) receive(connection);
}
