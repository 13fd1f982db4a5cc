/*
 * The load client: thousands of WebSockets in one thread, cheap enough that it is never what a measurement measures.
 *
 * Commands come on stdin, one a line; each is answered by one line of JSON on stdout, in the same order, or by {"error": "…"}. The end of
 * stdin ends the process. Times are µs of CLOCK_MONOTONIC. Events are text frames that carry wf-T<16 digits: µs>-S<10 digits: sequence>.
 *
 *   target <ip> <port> <path> <subprotocol or ->       of the connections made from now on
 *   ping <exact text frame>\t<reply>                   several may be given; ping frames are answered anyway
 *   group <0…7>                                        of the connections made from now on, for `report <group>`
 *   connect <file> <in flight> <timeout s>             one connection a line of the file, its steps separated by tabs: >text sends a frame,
 *                                                      <text waits for a frame that contains it, @path at first is used instead of the target's
 *                                                      (events count while it waits, and also in the frame that was waited for)
 *   mark                                               counters to zero; what was the last sequence of each connection stays known
 *   await <count> <timeout ms>                         `report` when so many events came since the mark, or at the timeout
 *   trace [file]                                       writes a line an event from now on: the time it carries and when it came; without a
 *                                                      file no more, and all of it is in the one there was. For rates at which that costs nothing
 *   report [group]                                     `received` is without repeats; a gap is `lost` until something fills it
 *   ack <prefix>\t<suffix>\t<max batch>                acknowledges what comes from now on: prefix, "id","id", suffix; %N% in the prefix is a
 *                                                      number of the connection; without arguments nothing is acknowledged any more
 *   drop <n>                                           resets the first n open connections
 *   reconnect <in flight> <timeout s>                  connects them again with their steps, %CURSOR% being the last "cursor":"…" they saw, and
 *                                                      answers when each has received an event, or at the timeout
 *   close
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "connection.h"
#include "ws.h"

enum { EVENTS_A_TURN = 1024 };

static struct connection **connections;
static size_t connection_count;
static size_t group;
static struct buffer input; /* lines not done yet */

/* What takes time; the lines behind it wait. */
static struct {
  enum { NOTHING, CONNECT, RECONNECT, AWAIT } kind;
  int64_t started, deadline;
  uint64_t count; /* AWAIT: of events; else how many may connect at the same time */
  struct connection **queue;
  size_t queued, next;
} task;

/* ---- Answers ---- */

/* Answers are read as JSON, and reasons come from anywhere. */
static void print_text(const char *text) {
  putchar('"');
  for (; *text != '\0'; text++) {
    const unsigned char letter = (unsigned char)*text;
    if (letter == '"' || letter == '\\') printf("\\%c", letter);
    else putchar(letter < ' ' || letter > '~' ? '?' : letter);
  }
  putchar('"');
}

static void answer_error(const char *text) {
  printf("{\"error\":");
  print_text(text);
  puts("}");
}

static int64_t cpu_micros(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const struct timeval *user = &usage.ru_utime, *system = &usage.ru_stime;
  return ((int64_t)user->tv_sec + system->tv_sec) * 1000000 + user->tv_usec + system->tv_usec;
}

static void answer_report(const struct tally *tally) {
  printf("{\"received\":%llu,\"bytes\":%llu,\"lost\":%lld,\"repeated\":%llu,\"other\":%llu,\"errors\":%llu,",
         (unsigned long long)tally->received, (unsigned long long)tally->bytes, (long long)tally->lost,
         (unsigned long long)tally->repeated, (unsigned long long)tally->other, (unsigned long long)tally->errors);
  printf("\"connections\":%llu,\"closed\":%llu,\"first\":%lld,\"last\":%lld,", (unsigned long long)load.open,
         (unsigned long long)load.closed, (long long)tally->first, (long long)tally->last);
  printf("\"p50\":%lld,\"p90\":%lld,\"p99\":%lld,\"p999\":%lld,\"max\":%lld,", (long long)tally_percentile(tally, 0.5),
         (long long)tally_percentile(tally, 0.9), (long long)tally_percentile(tally, 0.99),
         (long long)tally_percentile(tally, 0.999), (long long)tally->max);
  printf("\"cpu\":%lld,\"now\":%lld,\"failure\":", (long long)cpu_micros(), (long long)now_micros());
  print_text(load.failure);
  puts("}");
}

static void answer_whole_report(void) {
  static struct tally sum;
  sum = (struct tally){ 0 };
  for (size_t i = 0; i < MAX_GROUPS; i++) tally_add(&sum, &load.tallies[i]);
  answer_report(&sum);
}

static void answer_task(void) {
  const struct progress *progress = &load.progress;
  const bool resumed = progress->resumed >= progress->connected;
  if (task.kind == AWAIT) return answer_whole_report();
  printf("{\"connected\":%llu,\"failed\":%llu,\"microsTotal\":%lld", (unsigned long long)progress->connected,
         (unsigned long long)progress->failed, (long long)(progress->last_settled - task.started));
  if (task.kind == RECONNECT)
    printf(",\"resumed\":%llu,\"allReceived\":%lld", (unsigned long long)progress->resumed,
           (long long)(resumed && progress->resumed > 0 ? progress->last_resumed - task.started : 0));
  printf(",\"failure\":");
  print_text(load.failure);
  puts("}");
}

/* ---- What takes time ---- */

static void begin_task(int kind, int64_t micros, uint64_t count) {
  task.kind = kind;
  task.started = now_micros();
  task.deadline = task.started + micros;
  task.count = count;
}

/* Takes the queue over. */
static void begin_connecting(int kind, struct connection **queue, size_t queued, uint64_t in_flight, int64_t seconds) {
  begin_task(kind, seconds * 1000000, in_flight);
  free(task.queue);
  task.queue = queue;
  task.queued = queued;
  task.next = 0;
  load.progress = (struct progress){ .last_settled = task.started };
}

static uint64_t received(void) {
  uint64_t sum = 0;
  for (size_t i = 0; i < MAX_GROUPS; i++) sum += load.tallies[i].received;
  return sum;
}

static void open_more(void) {
  while (task.next < task.queued && load.progress.active < task.count) connection_open(task.queue[task.next++]);
}

static bool connecting_is_done(void) {
  open_more();
  const struct progress *progress = &load.progress;
  if (progress->connected + progress->failed < task.queued) return false;
  return task.kind == CONNECT || progress->resumed >= progress->connected;
}

/* At the timeout: what is not up by now counts as failed. */
static void stop_connecting(void) {
  for (size_t i = 0; i < task.next; i++)
    if (connection_is_connecting(task.queue[i])) connection_abandon(task.queue[i], "not connected in time");
  for (size_t i = 0; i < task.queued; i++) task.queue[i]->awaited = false;
  for (size_t i = task.next; i < task.queued; i++) task.queue[i]->state = CLOSED;
  load.progress.failed += task.queued - task.next;
}

static void advance_task(void) {
  if (task.kind == NOTHING) return;
  const bool done = task.kind == AWAIT ? received() >= task.count : connecting_is_done();
  if (!done && now_micros() < task.deadline) return;
  if (!done && task.kind != AWAIT) stop_connecting();
  answer_task();
  task.kind = NOTHING;
}

/* For epoll_wait, ms; rounded up, or the last one before a deadline would be spent spinning. */
static int patience(void) {
  if (task.kind == NOTHING) return -1;
  const int64_t left = task.deadline - now_micros();
  return left <= 0 ? 0 : (int)(left / 1000 + 1);
}

/* ---- The connections file ---- */

static struct connection *add_connection(const char *steps, const char *end) {
  struct connection *connection = or_die(calloc(1, sizeof *connection));
  connection->fd = -1;
  connection->state = WAITING;
  connection->source = (uint8_t)connection_count;
  connection->target = load.target;
  connection->tally = &load.tallies[group];
  connection->steps = steps;
  connection->steps_end = end;
  connections = or_die(realloc(connections, (connection_count + 1) * sizeof *connections));
  connections[connection_count++] = connection;
  return connection;
}

/* The steps of a line become strings: every tab, and the line's end, a zero. */
static void add_line(char *line, char *end) {
  for (char *letter = line; letter < end; letter++)
    if (*letter == '\t') *letter = '\0';
  *end = '\0';
  add_connection(line, line == end ? line : end + 1);
}

static bool steps_are_fine(const struct connection *connection) {
  for (const char *step = connection->steps; step < connection->steps_end; step += strlen(step) + 1) {
    if (strstr(step, "%CURSOR%") != NULL) load.cursors = true;
    if (*step != '>' && *step != '<' && !(*step == '@' && step == connection->steps)) return false;
  }
  return true;
}

/* Reads the file to its end into memory that stays, because the connections' steps are in it. */
static char *read_file(const char *path, size_t *length) {
  FILE *file = fopen(path, "r");
  if (file == NULL) return NULL;
  struct buffer content = { 0 };
  char part[64 * 1024];
  size_t got;
  while ((got = fread(part, 1, sizeof part, file)) > 0) buffer_append(&content, part, got);
  fclose(file);
  buffer_append(&content, "\n", 1); /* so that the last line ends in any case */
  *length = content.length;
  return content.data;
}

static void add_lines(char *content, size_t length) {
  char *line = content, *end;
  while ((end = memchr(line, '\n', length - (size_t)(line - content))) != NULL) {
    const bool last = end == content + length - 1;
    if (!last || end > line) add_line(line, end); /* the newline added by `read_file` makes no line of its own */
    line = end + 1;
    if (last) break;
  }
}

static struct connection **copy_of(struct connection **from, size_t count) {
  struct connection **copy = or_die(malloc((count + 1) * sizeof *copy));
  if (count > 0) memcpy(copy, from, count * sizeof *copy);
  return copy;
}

/* ---- Commands: each takes the text behind its name and returns NULL, or what was wrong with it ---- */

static const char *say_fine(void) {
  puts("{\"ok\":true}");
  return NULL;
}

static const char *do_target(char *arguments) {
  char *ip = NULL, *path = NULL, *subprotocol = NULL, host[64];
  unsigned port = 0;
  struct target *target = or_die(calloc(1, sizeof *target));
  target->address.sin_family = AF_INET;
  const bool fine = sscanf(arguments, "%ms %u %ms %ms", &ip, &port, &path, &subprotocol) == 4 && port < 65536 &&
                    inet_pton(AF_INET, ip, &target->address.sin_addr) == 1;
  if (!fine) return "target <ip> <port> <path> <subprotocol or ->";
  target->address.sin_port = htons((uint16_t)port);
  snprintf(host, sizeof host, "%s:%u", ip, port);
  target->host = or_die(strdup(host));
  target->path = path;
  target->subprotocol = strcmp(subprotocol, "-") == 0 ? NULL : subprotocol;
  load.target = target;
  free(ip);
  return say_fine();
}

/* Cuts the text at its next tab; what is behind it, or NULL where there is none. */
static char *cut(char *text) {
  char *tab = strchr(text, '\t');
  if (tab == NULL) return NULL;
  *tab = '\0';
  return tab + 1;
}

static const char *do_ping(char *arguments) {
  char *reply = cut(arguments);
  if (reply == NULL) return "ping <frame>\\t<reply>";
  if (load.ping_count == MAX_PINGS) return "too many pings";
  load.pings[load.ping_count++] =
      (struct ping){ .frame = or_die(strdup(arguments)), .reply = or_die(strdup(reply)), .length = strlen(arguments) };
  return say_fine();
}

static bool number_in(const char *text, uint64_t below, uint64_t *number) {
  char *end;
  *number = strtoull(text, &end, 10);
  return end != text && *end == '\0' && *number < below;
}

static const char *do_group(char *arguments) {
  uint64_t wanted = 0;
  if (!number_in(arguments, MAX_GROUPS, &wanted)) return "group <0…7>";
  group = wanted;
  return say_fine();
}

static const char *do_connect(char *arguments) {
  char *path = NULL;
  unsigned long in_flight = 0;
  long seconds = 0;
  if (sscanf(arguments, "%ms %lu %ld", &path, &in_flight, &seconds) != 3 || in_flight == 0)
    return "connect <file> <in flight> <timeout s>";
  if (load.target == NULL) return "no target";
  size_t length = 0;
  char *content = read_file(path, &length);
  free(path);
  if (content == NULL) return "the file cannot be read";
  const size_t before = connection_count;
  add_lines(content, length);
  for (size_t i = before; i < connection_count; i++) {
    if (steps_are_fine(connections[i])) continue;
    connection_count = before;
    return "a step is >text, <text, or at first @path";
  }
  const size_t added = connection_count - before;
  begin_connecting(CONNECT, copy_of(connections + before, added), added, in_flight, seconds);
  return NULL;
}

static const char *do_mark(char *arguments) {
  (void)arguments;
  memset(load.tallies, 0, sizeof load.tallies);
  for (size_t i = 0; i < connection_count; i++) sequence_settle(&connections[i]->sequence);
  printf("{\"marked\":%lld}\n", (long long)now_micros());
  return NULL;
}

static const char *do_await(char *arguments) {
  unsigned long long count = 0;
  long long milliseconds = 0;
  if (sscanf(arguments, "%llu %lld", &count, &milliseconds) != 2) return "await <count> <timeout ms>";
  begin_task(AWAIT, milliseconds * 1000, count);
  return NULL;
}

static const char *do_report(char *arguments) {
  uint64_t wanted = 0;
  if (*arguments == '\0') answer_whole_report();
  else if (number_in(arguments, MAX_GROUPS, &wanted)) answer_report(&load.tallies[wanted]);
  else return "report [group]";
  return NULL;
}

static const char *do_trace(char *arguments) {
  FILE *before = load.trace;
  load.trace = NULL;
  if (before != NULL && fclose(before) != 0) return "the trace could not be written";
  load.trace = *arguments == '\0' ? NULL : fopen(arguments, "w");
  return load.trace == NULL && *arguments != '\0' ? "the file cannot be written" : say_fine();
}

static const char *do_ack(char *arguments) {
  static char *text; /* that the parts are of */
  uint64_t batch = 0;
  char *copy = or_die(strdup(arguments));
  char *suffix = cut(copy), *most = suffix == NULL ? NULL : cut(suffix);
  if (*arguments != '\0' && (most == NULL || !number_in(most, MAX_ACK_BATCH + 1, &batch))) {
    free(copy);
    return "ack <prefix>\\t<suffix>\\t<max batch up to 4096>";
  }
  char *number = strstr(copy, "%N%");
  if (number != NULL) *number = '\0';
  load.ack =
      (struct acknowledge){ .before = copy, .after = number == NULL ? NULL : number + strlen("%N%"), .suffix = suffix, .batch = batch };
  free(text);
  text = copy;
  return say_fine();
}

static const char *do_drop(char *arguments) {
  uint64_t wanted = 0, dropped = 0;
  if (!number_in(arguments, UINT64_MAX, &wanted)) return "drop <n>";
  for (size_t i = 0; i < connection_count && dropped < wanted; i++) {
    if (connections[i]->state != OPEN) continue;
    connection_drop(connections[i]);
    dropped++;
  }
  printf("{\"dropped\":%llu}\n", (unsigned long long)dropped);
  return NULL;
}

static const char *do_reconnect(char *arguments) {
  unsigned long in_flight = 0;
  long seconds = 0;
  if (sscanf(arguments, "%lu %ld", &in_flight, &seconds) != 2 || in_flight == 0) return "reconnect <in flight> <timeout s>";
  struct connection **queue = copy_of(connections, connection_count);
  size_t queued = 0;
  for (size_t i = 0; i < connection_count; i++) {
    if (connections[i]->state != DROPPED) continue;
    connections[i]->awaited = true;
    queue[queued++] = connections[i];
  }
  begin_connecting(RECONNECT, queue, queued, in_flight, seconds);
  return NULL;
}

static const char *do_close(char *arguments) {
  (void)arguments;
  exit(0);
}

static const struct {
  const char *name;
  const char *(*run)(char *arguments);
} commands[] = {
  { "target", do_target }, { "ping", do_ping },     { "group", do_group },   { "connect", do_connect },
  { "mark", do_mark },     { "await", do_await },   { "report", do_report }, { "ack", do_ack },
  { "trace", do_trace },   { "drop", do_drop },     { "reconnect", do_reconnect }, { "close", do_close },
};

static const char *run_line(char *line) {
  const size_t length = strcspn(line, " ");
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
    if (strlen(commands[i].name) != length || strncmp(line, commands[i].name, length) != 0) continue;
    return commands[i].run(line[length] == ' ' ? line + length + 1 : line + length);
  }
  return "no such command";
}

/* ---- The loop ---- */

static void read_input(void) {
  char part[64 * 1024];
  const ssize_t got = read(STDIN_FILENO, part, sizeof part);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) exit(0);
  buffer_append(&input, part, (size_t)got);
}

/* Lines one after the other, until one takes time. */
static void run_lines(void) {
  char *end;
  for (;;) {
    advance_task();
    if (task.kind != NOTHING || input.length == 0 || (end = memchr(input.data, '\n', input.length)) == NULL) break;
    *end = '\0';
    const char *wrong = run_line(input.data);
    if (wrong != NULL) answer_error(wrong);
    buffer_consume(&input, (size_t)(end + 1 - input.data));
  }
  fflush(stdout);
}

/* 1 024 descriptors are the usual soft limit; the hard one is what the machine really allows. */
static void raise_file_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int main(void) {
  static struct epoll_event events[EVENTS_A_TURN];
  struct epoll_event commands_came = { .events = EPOLLIN, .data.ptr = NULL };
  raise_file_limit();
  load.epoll = epoll_create1(EPOLL_CLOEXEC);
  if (load.epoll < 0 || epoll_ctl(load.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &commands_came) != 0) {
    fputs("load: stdin must be a pipe or a terminal\n", stderr);
    return 2;
  }
  for (;;) {
    const int count = epoll_wait(load.epoll, events, EVENTS_A_TURN, patience());
    bool asked = false;
    for (int i = 0; i < count; i++) {
      if (events[i].data.ptr == NULL) asked = true;
      else connection_handle(events[i].data.ptr, events[i].events);
    }
    if (asked) read_input();
    run_lines();
  }
}
