/*
 * The limit: what one core can push through the kernel when there is next to nothing above it. A WebSocket server that knows just enough of
 * graphql-transport-ws to be measured beside those that know all of it: it answers connection_init, remembers who subscribed with which id,
 * and sends a ready-made message in which it patches that id, the time and the sequence. One write for each.
 *
 * Its argument is that message, with %ID% where the id belongs and a marker (wf-T<16 digits>-S<10 digits>) in it. A client names its member,
 * m0, m1 … or `broadcast`, in its address: /?member=m0. Commands on stdin, one a line, are answered by a line of JSON each, after the first
 * line that names the port:
 *   generate <unicast or broadcast> <members> <count> <per turn> <rate>      rate 0: as fast as it goes
 *   stats
 *   stop
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "carry.h"
#include "sha1.h"

enum { EVENTS_A_TURN = 1024, MAX_ID = 64, MAX_HANDSHAKE = 16 * 1024, BACKLOG = 4096, TIME_DIGITS = 16, NUMBER_DIGITS = 10 };

struct topic {
  struct connection *first;
  uint64_t sequence;
};

struct connection {
  int fd; /* -1: closed, to be freed at the end of the turn */
  bool upgraded;
  long member; /* its topic's index; NOBODY until the handshake */
  struct buffer carry; /* the beginning of a frame whose rest is to come */
  struct buffer out; /* what the kernel did not take yet */
  struct connection *next, **link; /* in its topic; `link` is what points at it, NULL while it is not subscribed */
  size_t id_length;
  char id[MAX_ID];
};

enum { BROADCAST = 0, NOBODY = -1 }; /* member m<n> is topic n + 1 */

static int loop_fd, listen_fd;
static struct topic *topics;
static size_t topic_count;
static uint64_t subscriptions;
static size_t stalled; /* connections with something in `out`: nothing is generated while there are any */
static struct connection *closed; /* linked by `next` */

/* The message, and the frame made of it for ids of one length. */
static struct {
  const char *before, *after; /* the id */
  size_t before_length, after_length;
  char *bytes; /* header, before, id, after */
  size_t length, id_length;
  char *id, *time, *number; /* in `bytes` */
} frame;

static struct {
  bool going, broadcast;
  uint64_t count, sent, per_turn, rate;
  int64_t began, cpu, lag; /* µs */
  size_t *order; /* the members' topics, shuffled anew when all had their turn */
  size_t members, at;
} generation;

static struct buffer input;

/* ---- The frame ---- */

static void split_message(const char *message) {
  const char *id = strstr(message, "%ID%"), *marker = strstr(message, "wf-T");
  if (id == NULL || marker == NULL || marker < id || strlen(marker) < 4 + TIME_DIGITS + 2 + NUMBER_DIGITS) {
    fputs("raw: the message needs %ID% and, behind it, a marker\n", stderr);
    exit(2);
  }
  frame.before = message;
  frame.before_length = (size_t)(id - message);
  frame.after = id + strlen("%ID%");
  frame.after_length = strlen(frame.after);
  frame.bytes = or_die(malloc(WS_MAX_HEADER + frame.before_length + MAX_ID + frame.after_length));
  frame.id_length = SIZE_MAX;
}

static void build_frame(size_t id_length) {
  const size_t payload = frame.before_length + id_length + frame.after_length;
  const size_t header = ws_header(frame.bytes, WS_TEXT, payload, false);
  memcpy(frame.bytes + header, frame.before, frame.before_length);
  frame.id = frame.bytes + header + frame.before_length;
  memcpy(frame.id + id_length, frame.after, frame.after_length);
  frame.time = frame.id + id_length + (strstr(frame.after, "wf-T") - frame.after) + strlen("wf-T");
  frame.number = frame.time + TIME_DIGITS + strlen("-S");
  frame.length = header + payload;
  frame.id_length = id_length;
}

static void put_digits(char *at, int count, uint64_t value) {
  while (count-- > 0) {
    at[count] = (char)('0' + value % 10);
    value /= 10;
  }
}

/* ---- Connections ---- */

static void watch(struct connection *connection, int operation) {
  struct epoll_event event = { .events = EPOLLIN | (connection->out.length > 0 ? (uint32_t)EPOLLOUT : 0), .data.ptr = connection };
  epoll_ctl(loop_fd, operation, connection->fd, &event);
}

static void unsubscribe(struct connection *connection) {
  if (connection->link == NULL) return;
  *connection->link = connection->next;
  if (connection->next != NULL) connection->next->link = connection->link;
  connection->next = NULL;
  connection->link = NULL;
  subscriptions--;
}

static void subscribe(struct connection *connection) {
  if (connection->link != NULL || connection->member == NOBODY) return;
  struct topic *topic = &topics[connection->member];
  connection->next = topic->first;
  if (topic->first != NULL) topic->first->link = &connection->next;
  topic->first = connection;
  connection->link = &topic->first;
  subscriptions++;
}

/* Not freed yet: it may stand in the list that a broadcast goes through. */
static void hang_up(struct connection *connection) {
  if (connection->fd < 0) return;
  unsubscribe(connection);
  if (connection->out.length > 0) stalled--;
  close(connection->fd);
  connection->fd = -1;
  buffer_free(&connection->carry);
  buffer_free(&connection->out);
  connection->next = closed;
  closed = connection;
}

static void free_closed(void) {
  while (closed != NULL) {
    struct connection *next = closed->next;
    free(closed);
    closed = next;
  }
}

static size_t send_some(struct connection *connection, const char *data, size_t length) {
  const ssize_t sent = send(connection->fd, data, length, MSG_NOSIGNAL);
  if (sent >= 0) return (size_t)sent;
  if (!is_again(sent)) hang_up(connection);
  return 0;
}

static void send_bytes(struct connection *connection, const char *data, size_t length) {
  const bool idle = connection->out.length == 0;
  const size_t sent = idle ? send_some(connection, data, length) : 0;
  if (connection->fd < 0 || sent == length) return;
  buffer_append(&connection->out, data + sent, length - sent);
  if (!idle) return;
  stalled++;
  watch(connection, EPOLL_CTL_MOD);
}

static void send_unsent(struct connection *connection) {
  if (connection->out.length == 0) return;
  const size_t sent = send_some(connection, connection->out.data, connection->out.length);
  if (connection->fd < 0) return;
  buffer_consume(&connection->out, sent);
  if (connection->out.length > 0) return;
  stalled--;
  watch(connection, EPOLL_CTL_MOD);
}

static void send_control(struct connection *connection, enum ws_opcode opcode, const char *data, size_t length) {
  char bytes[WS_MAX_HEADER + 125];
  if (length > 125) return hang_up(connection); /* the most that control frames, and our own few texts, may have */
  const size_t header = ws_header(bytes, opcode, length, false);
  memcpy(bytes + header, data, length);
  send_bytes(connection, bytes, header + length);
}

/* ---- Handshake ---- */

static long topic_named(const char *name) {
  if (strncmp(name, "broadcast", strlen("broadcast")) == 0) return BROADCAST;
  char *end;
  const long number = *name == 'm' ? strtol(name + 1, &end, 10) : -1;
  return number < 0 || end == name + 1 || number >= 1 << 24 ? NOBODY : number + 1;
}

static void make_topics(size_t count) {
  if (count <= topic_count) return;
  struct topic *old = topics;
  count *= 2;
  topics = or_die(calloc(count, sizeof *topics));
  for (size_t i = 0; i < topic_count; i++) {
    topics[i] = old[i];
    if (topics[i].first != NULL) topics[i].first->link = &topics[i].first; /* it moved */
  }
  topic_count = count;
  free(old);
}

/* Accepts the request, which ends in a zero; false where it is none for us. */
static bool upgrade(struct connection *connection, const char *request) {
  static const char protocol[] = "graphql-transport-ws";
  const char *member = strstr(request, "?member="), *key = strcasestr(request, "\r\nSec-WebSocket-Key:");
  if (member == NULL || key == NULL) return false;
  connection->member = topic_named(member + strlen("?member="));
  if (connection->member == NOBODY) return false;
  make_topics((size_t)connection->member + 1);

  char accepted[29], answer[256];
  key += strlen("\r\nSec-WebSocket-Key:");
  key += strspn(key, " ");
  accept_key(key, strcspn(key, " \r"), accepted);
  const bool asked = strstr(request, protocol) != NULL;
  const int length = snprintf(answer, sizeof answer,
                              "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Accept: %s\r\n%s%s%s\r\n",
                              accepted, asked ? "Sec-WebSocket-Protocol: " : "", asked ? protocol : "", asked ? "\r\n" : "");
  connection->upgraded = true;
  send_bytes(connection, answer, (size_t)length);
  return true;
}

/* How many bytes the request took; 0 while it is not whole. */
static size_t take_handshake(struct connection *connection, char *bytes, size_t length) {
  char *end = memmem(bytes, length, "\r\n\r\n", 4);
  if (end == NULL) {
    if (length > MAX_HANDSHAKE) hang_up(connection);
    return 0;
  }
  end[2] = '\0';
  if (!upgrade(connection, bytes)) hang_up(connection);
  return (size_t)(end - bytes) + 4;
}

/* ---- Messages ---- */

static bool contains(const struct ws_frame *message, const char *wanted) {
  return memmem(message->payload, message->length, wanted, strlen(wanted)) != NULL;
}

static bool remember_id(struct connection *connection, const struct ws_frame *message) {
  static const char key[] = "\"id\":\"";
  const char *end = message->payload + message->length;
  const char *id = memmem(message->payload, message->length, key, strlen(key));
  if (id == NULL) return false;
  id += strlen(key);
  const char *quote = memchr(id, '"', (size_t)(end - id));
  if (quote == NULL || quote - id > MAX_ID) return false;
  connection->id_length = (size_t)(quote - id);
  memcpy(connection->id, id, connection->id_length);
  return true;
}

static void on_text(struct connection *connection, const struct ws_frame *message) {
  static const char ack[] = "{\"type\":\"connection_ack\"}", pong[] = "{\"type\":\"pong\"}";
  if (contains(message, "\"connection_init\"")) send_control(connection, WS_TEXT, ack, strlen(ack));
  else if (contains(message, "\"ping\"")) send_control(connection, WS_TEXT, pong, strlen(pong));
  else if (contains(message, "\"complete\"")) unsubscribe(connection);
  else if (contains(message, "\"subscribe\"") && remember_id(connection, message)) subscribe(connection);
}

static void on_frame(struct connection *connection, const struct ws_frame *message) {
  if (message->opcode == WS_TEXT) on_text(connection, message);
  else if (message->opcode == WS_PING) send_control(connection, WS_PONG, message->payload, message->length);
  else if (message->opcode == WS_CLOSE) hang_up(connection);
}

static size_t take_frames(struct connection *connection, char *bytes, size_t length) {
  size_t used = 0;
  while (connection->fd >= 0) {
    struct ws_frame message;
    const long size = ws_parse(bytes + used, length - used, &message);
    if (size == WS_INCOMPLETE) break;
    if (size == WS_TOO_LARGE) hang_up(connection);
    else {
      used += (size_t)size;
      on_frame(connection, &message);
    }
  }
  return used;
}

static void receive(struct connection *connection) {
  size_t length;
  const ssize_t got = carry_receive(connection->fd, &connection->carry, &length);
  if (is_again(got)) return;
  if (got <= 0) return hang_up(connection);
  size_t used = connection->upgraded ? 0 : take_handshake(connection, inbox, length);
  if (connection->upgraded) used += take_frames(connection, inbox + used, length - used);
  if (connection->fd >= 0) carry_keep(&connection->carry, used, length);
}

static void accept_all(void) {
  int fd;
  while ((fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    const int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    struct connection *connection = or_die(calloc(1, sizeof *connection));
    connection->fd = fd;
    connection->member = NOBODY;
    watch(connection, EPOLL_CTL_ADD);
  }
}

static void handle(struct connection *connection, uint32_t events) {
  if (connection->fd >= 0 && (events & EPOLLOUT) != 0) send_unsent(connection);
  if (connection->fd >= 0 && (events & ~(uint32_t)EPOLLOUT) != 0) receive(connection);
}

/* ---- Generating ---- */

static int64_t cpu_micros(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const struct timeval *user = &usage.ru_utime, *system = &usage.ru_stime;
  return ((int64_t)user->tv_sec + system->tv_sec) * 1000000 + user->tv_usec + system->tv_usec;
}

static uint64_t next_random(void) {
  static uint64_t state; /* xorshift64 */
  while (state == 0) (void)!getrandom(&state, sizeof state, 0);
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

/* Every member once, in random order, then in another: nobody gets many more than the rest. */
static struct topic *next_member(void) {
  if (generation.at == generation.members) {
    for (size_t last = generation.members - 1; last > 0; last--) {
      const size_t other = next_random() % (last + 1), kept = generation.order[last];
      generation.order[last] = generation.order[other];
      generation.order[other] = kept;
    }
    generation.at = 0;
  }
  return &topics[generation.order[generation.at++]];
}

static void publish(struct topic *topic, int64_t time) {
  const uint64_t number = ++topic->sequence;
  struct connection *next;
  for (struct connection *connection = topic->first; connection != NULL; connection = next) {
    next = connection->next; /* it leaves the list when it cannot be written to */
    if (connection->id_length != frame.id_length) build_frame(connection->id_length);
    memcpy(frame.id, connection->id, connection->id_length);
    put_digits(frame.time, TIME_DIGITS, (uint64_t)time);
    put_digits(frame.number, NUMBER_DIGITS, number);
    send_bytes(connection, frame.bytes, frame.length);
  }
}

/* How many should have been sent by now. */
static uint64_t due(int64_t now) {
  if (generation.rate == 0) return generation.count;
  const uint64_t due = (uint64_t)(now - generation.began) * generation.rate / 1000000 + 1;
  return due < generation.count ? due : generation.count;
}

static void generate_turn(void) {
  const int64_t now = now_micros();
  const uint64_t until_due = due(now), until_turn = generation.sent + generation.per_turn;
  const uint64_t until = until_due < until_turn ? until_due : until_turn;
  for (; generation.sent < until; generation.sent++) {
    const bool paced = generation.rate != 0;
    const int64_t time = paced ? generation.began + (int64_t)(generation.sent * 1000000 / generation.rate) : now_micros();
    if (paced && now - time > generation.lag) generation.lag = now - time;
    publish(generation.broadcast ? &topics[BROADCAST] : next_member(), time);
  }
}

static void answer_generated(void) {
  generation.going = false;
  printf("{\"sent\":%llu,\"micros\":%lld,\"cpuMicros\":%lld,\"lagMicros\":%lld}\n", (unsigned long long)generation.sent,
         (long long)(now_micros() - generation.began), (long long)(cpu_micros() - generation.cpu), (long long)generation.lag);
  fflush(stdout);
}

static void begin_generation(const char *kind, size_t members, uint64_t count, uint64_t per_turn, uint64_t rate) {
  make_topics(members + 1);
  free(generation.order);
  size_t *order = or_die(malloc(members * sizeof *order));
  for (size_t i = 0; i < members; i++) order[i] = i + 1;
  generation.order = order;
  generation.members = generation.at = members;
  generation.broadcast = strcmp(kind, "broadcast") == 0;
  generation.count = count;
  generation.per_turn = per_turn;
  generation.rate = rate;
  generation.sent = 0;
  generation.lag = 0;
  generation.cpu = cpu_micros();
  generation.began = now_micros();
  generation.going = true;
}

/* ---- Commands ---- */

static long long resident_bytes(void) {
  long long total = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file == NULL) return 0;
  if (fscanf(file, "%lld %lld", &total, &resident) != 2) resident = 0;
  fclose(file);
  return resident * sysconf(_SC_PAGESIZE);
}

static void run_line(const char *line) {
  char kind[16];
  size_t members;
  unsigned long long count, per_turn, rate;
  if (strcmp(line, "stop") == 0) exit(0);
  if (strcmp(line, "stats") == 0)
    printf("{\"cpuMicros\":%lld,\"rssBytes\":%lld,\"heapBytes\":0,\"subscriptions\":%llu}\n", (long long)cpu_micros(),
           resident_bytes(), (unsigned long long)subscriptions);
  else if (sscanf(line, "generate %15s %zu %llu %llu %llu", kind, &members, &count, &per_turn, &rate) == 5 && members > 0 && per_turn > 0)
    begin_generation(kind, members, count, per_turn, rate);
  else
    puts("{\"error\":\"no such command\"}");
  fflush(stdout);
}

/* A command that comes while one is generating waits for its end. */
static void run_lines(void) {
  char *end;
  while (!generation.going && input.length > 0 && (end = memchr(input.data, '\n', input.length)) != NULL) {
    *end = '\0';
    run_line(input.data);
    buffer_consume(&input, (size_t)(end + 1 - input.data));
  }
}

static void read_input(void) {
  char part[4096];
  const ssize_t got = read(STDIN_FILENO, part, sizeof part);
  if (is_again(got)) return;
  if (got <= 0) exit(0); /* who started it is gone */
  buffer_append(&input, part, (size_t)got);
}

/* ---- The loop ---- */

static unsigned listen_anywhere(void) {
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  socklen_t size = sizeof address;
  listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listen_fd < 0 || bind(listen_fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(listen_fd, BACKLOG) != 0 ||
      getsockname(listen_fd, (struct sockaddr *)&address, &size) != 0) {
    perror("raw: listen");
    exit(1);
  }
  return ntohs(address.sin_port);
}

static void raise_file_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

/* What epoll hands back for the two descriptors that are no connections. */
static char newcomers, commands;

static void watch_for(int fd, char *what) {
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = what };
  if (epoll_ctl(loop_fd, EPOLL_CTL_ADD, fd, &event) == 0) return;
  perror("raw: epoll_ctl");
  exit(1);
}

static void dispatch(const struct epoll_event *event) {
  if (event->data.ptr == &newcomers) accept_all();
  else if (event->data.ptr == &commands) read_input();
  else handle(event->data.ptr, event->events);
}

int main(int count, char **arguments) {
  static struct epoll_event events[EVENTS_A_TURN];
  if (count != 2) {
    fputs("raw <message>\n", stderr);
    return 2;
  }
  split_message(arguments[1]);
  raise_file_limit();
  make_topics(1);
  loop_fd = epoll_create1(EPOLL_CLOEXEC);
  printf("{\"port\":%u}\n", listen_anywhere());
  fflush(stdout);
  watch_for(listen_fd, &newcomers);
  watch_for(STDIN_FILENO, &commands);
  for (;;) {
    /* While it generates it only looks; when it waits for a client to read, the kernel says when. */
    const int ready = epoll_wait(loop_fd, events, EVENTS_A_TURN, generation.going && stalled == 0 ? 0 : -1);
    for (int i = 0; i < ready; i++) dispatch(&events[i]);
    run_lines();
    if (generation.going && stalled == 0) {
      if (generation.sent < generation.count) generate_turn();
      else answer_generated();
    }
    free_closed();
  }
}
