/*
 * A worker's side of the ask protocol, for engine_test.py:
 *
 *     engine_tool RUN_DIR NUMBER
 *
 * connects and reads commands from standard input, a line each, and prints what comes, a line each:
 *     ask ID NAME TYPE [do] [cd] [refresh] -> told ID rcode=... (or: told ID none)
 *     find NAME TYPE [do] [cd]        -> found rcode=... (or: found none), from the engine's shard
 *     raw HEX                         sends these octets as a packet
 *     pass                            sends a question with a descriptor along, which nobody should
 *     flood COUNT ID NAME TYPE [...]  asks so often, under this id, and reads nothing meanwhile
 * "hello" is printed once the engine's came, "again cut=0|1" when it says it again, "closed" at the
 * connection's end.
 *
 *     engine_tool scored COMMAND...
 *
 * starts an engine with a scoreboard handed in and prints what that says for each line of standard
 * input.
 *
 *     engine_tool layout
 *
 * prints a scoreboard's magic, version and size.
 *
 *     engine_tool keep
 *
 * puts the entries that come on standard input, one behind the other, into the shard that was
 * handed in.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/dns.h"
#include "lib/ensure.h"
#include "lib/held.h"
#include "lib/mono.h"
#include "lib/scoreboard.h"
#include "resolver/ask.h"
#include "resolver/ask_io.h"
#include "resolver/store.h"

static _Alignas(8) uint8_t packet[TOLD_MAX], found[ENTRY_ROOM];
static struct l2 *shard;

static void
print_answers(const struct entry *e)
{
	static char text[1 << 18];
	const uint8_t *wire = entry_message(e);
	char type[DNS_WORD];
	struct dns_message m;
	struct dns_record r;
	size_t at;
	int i;

	ENSURE(dns_message_parse(wire, e->message_length, &m) == DNS_SOUND);
	at = m.answers;
	for (i = 0; i < m.ancount + m.nscount + m.arcount; i++) {
		ENSURE(dns_record_read(wire, e->message_length, &at, &r));
		ENSURE(dns_rdata_render(wire, e->message_length, &r, text, sizeof(text)));
		printf(" %s=%s/%s",
		    i < m.ancount		? "an"
		    : i < m.ancount + m.nscount ? "ns"
						: "ar",
		    dns_type_render(r.type, type), r.type == 46 ? "..." : text);
	}
}

static void
print_entry(const struct entry *e)
{
	printf("rcode=%d secure=%d negative=%d failure=%d ede=%d cause=%d ttl=%u origin=%d",
	    e->rcode, (e->flags & ENTRY_SECURE) != 0, (e->flags & ENTRY_NEGATIVE) != 0,
	    (e->flags & ENTRY_FAILURE) != 0, e->ede, e->cause, e->ttl_s, e->origin);
	print_answers(e);
	printf("\n");
}

/* False at the end of the connection. */
static bool
receive(int socket)
{
	const struct entry *e;
	struct told t;
	struct err err;
	int descriptor;
	ssize_t n = ask_receive(socket, packet, sizeof(packet), &descriptor);

	if (n < 0 && errno == EAGAIN)
		return true;
	if (n <= 0)
		return false;
	ENSURE(told_decode(packet, (size_t)n, &t, &e));
	if (t.id == TOLD_HELLO && shard != NULL) {
		ENSURE(descriptor < 0);
		printf("again cut=%u\n", t.state);
		return true;
	}
	if (t.id == TOLD_HELLO) {
		ENSURE(descriptor >= 0);
		ENSURE(write(descriptor, "x", 1) < 0); /* it can only be read */
		shard = l2_open_reader(descriptor, &err);
		ENSURE(shard != NULL);
		close(descriptor);
		printf("hello\n");
		return true;
	}
	ENSURE(descriptor < 0);
	printf("told %u ", t.id);
	if (e == NULL) {
		printf("none\n");
		return true;
	}
	ENSURE(entry_valid(e, t.entry_size, NULL));
	print_entry(e);
	return true;
}

static void
read_question(char **rest, struct ask *a)
{
	char *name = strtok_r(NULL, " ", rest), *type = strtok_r(NULL, " ", rest), *word;
	struct dns_name n;
	struct err err;
	int i;

	ENSURE(name != NULL && type != NULL && dns_name_parse(name, &n, &err) == 0);
	for (i = 0; i < n.length; i++)
		a->name[i] = (uint8_t)tolower(n.wire[i]);
	a->name_length = n.length;
	a->version = ASK_VERSION;
	a->type = (uint16_t)dns_type_parse(type);
	a->class = DNS_CLASS_IN;
	a->flags = 0;
	while ((word = strtok_r(NULL, " ", rest)) != NULL)
		a->flags |= strcmp(word, "do") == 0   ? KEY_DO
			    : strcmp(word, "cd") == 0 ? KEY_CD
						      : ASK_REFRESH;
}

static void
find(char **rest)
{
	struct ask a = {.id = 1};
	struct key k;

	read_question(rest, &a);
	ENSURE(key_make(&k, a.name, a.name_length, a.type, a.class, (a.flags & KEY_DO) != 0,
	    (a.flags & KEY_CD) != 0));
	printf("found ");
	if (l2_find(shard, &k, found) == 0)
		printf("none\n");
	else
		print_entry((const struct entry *)(const void *)found);
}

static void
send_waiting(int socket, const void *bytes, size_t n, int descriptor)
{
	struct pollfd p = {.fd = socket, .events = POLLOUT};

	while (ask_send(socket, bytes, n, NULL, 0, descriptor) < 0) {
		if (errno != EAGAIN)
			return;
		poll(&p, 1, -1);
	}
}

static void
ask(int socket, char **rest, int descriptor)
{
	uint8_t out[ASK_MAX];
	struct ask a = {.id = (uint32_t)strtoul(strtok_r(NULL, " ", rest), NULL, 10)};
	size_t n;

	read_question(rest, &a);
	n = ask_encode(&a, out, sizeof(out));
	ENSURE(n > 0);
	send_waiting(socket, out, n, descriptor);
}

/* Ends when nothing can be sent any more for a while, or the engine hangs up. */
static void
flood(int socket, char **rest)
{
	uint8_t out[ASK_MAX];
	long count = strtol(strtok_r(NULL, " ", rest), NULL, 10);
	struct ask a = {.id = (uint32_t)strtoul(strtok_r(NULL, " ", rest), NULL, 10)};
	struct pollfd p = {.fd = socket, .events = POLLOUT};
	size_t n;

	read_question(rest, &a);
	n = ask_encode(&a, out, sizeof(out));
	while (count > 0) {
		if (ask_send(socket, out, n, NULL, 0, -1) == 0)
			count--;
		else if (errno != EAGAIN || poll(&p, 1, 300) != 1)
			break;
	}
	printf("flooded left=%ld\n", count);
}

static void
raw(int socket, char **rest)
{
	char *hex = strtok_r(NULL, " ", rest);
	uint8_t out[2048];
	size_t n;

	for (n = 0; hex != NULL && n < sizeof(out) && hex[2 * n] != '\0'; n++) {
		char octet[3] = {hex[2 * n], hex[2 * n + 1], '\0'};

		out[n] = (uint8_t)strtoul(octet, NULL, 16);
	}
	send_waiting(socket, out, n, -1);
}

static void
command(int socket, char *line)
{
	char *rest, *verb;

	line[strcspn(line, "\n")] = '\0';
	verb = strtok_r(line, " ", &rest);
	if (verb == NULL)
		return;
	if (strcmp(verb, "ask") == 0)
		ask(socket, &rest, -1);
	else if (strcmp(verb, "pass") == 0)
		ask(socket, &rest, STDERR_FILENO);
	else if (strcmp(verb, "find") == 0)
		find(&rest);
	else if (strcmp(verb, "flood") == 0)
		flood(socket, &rest);
	else if (strcmp(verb, "raw") == 0)
		raw(socket, &rest);
	else
		ENSURE(!"a command");
}

/* A line may come in parts, and several at once. False at the end of the input. */
static bool
read_commands(int socket)
{
	static char text[8192];
	static size_t held;
	ssize_t n = read(STDIN_FILENO, text + held, sizeof(text) - 1 - held);
	char *at = text, *end;

	if (n <= 0)
		return false;
	held += (size_t)n;
	text[held] = '\0';
	while ((end = strchr(at, '\n')) != NULL) {
		*end = '\0';
		command(socket, at);
		at = end + 1;
	}
	held -= (size_t)(at - text);
	memmove(text, at, held);
	return true;
}

static void
print_score(const struct scoreboard *s)
{
	printf("score state=%lu generation=%lu pid=%lu heartbeat=%lu good=%lu servfail=%lu "
	       "upstream=%lu "
	       "bogus=%lu internal=%lu full=%lu malformed=%lu in_flight=%lu",
	    s->state, s->generation, s->pid, s->heartbeat_us, s->rcode[DNS_NOERROR],
	    s->rcode[DNS_SERVFAIL], s->cause[CAUSE_UPSTREAM], s->cause[CAUSE_BOGUS],
	    s->cause[CAUSE_INTERNAL], s->drop[DROP_FULL], s->drop[DROP_MALFORMED], s->in_flight);
	printf(" hit=%lu miss=%lu late=%lu bad=%lu failed=%lu write=%lu", s->event[SCORED_L3_HIT],
	    s->event[SCORED_L3_MISS], s->event[SCORED_L3_LATE], s->event[SCORED_L3_BAD],
	    s->event[SCORED_L3_FAILED], s->event[SCORED_L3_WRITE]);
	printf(" stale=%lu untrusted=%lu timeout=%lu\n", s->event[SCORED_L3_STALE],
	    s->event[SCORED_L3_UNTRUSTED], s->event[SCORED_L3_TIMEOUT]);
}

static int
scored(char **command)
{
	char text[16], *number = command[0];
	struct held_one one;
	struct err err;
	struct scoreboard *s = scoreboard_make('e', &one.fd, &err);
	pid_t pid;

	ENSURE(s != NULL);
	for (char **word = command; *word != NULL; word++)
		number = *word;
	snprintf(one.name, sizeof(one.name), "score.e%d", atoi(number));
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		ENSURE(one.fd == HELD_FIRST ? fcntl(one.fd, F_SETFD, 0) == 0
					    : dup2(one.fd, HELD_FIRST) == HELD_FIRST);
		ENSURE(held_to_env(&one, 1) == 0);
		execv(command[0], command);
		_exit(127);
	}
	while (fgets(text, sizeof(text), stdin) != NULL)
		print_score(s);
	kill(pid, SIGKILL);
	return 0;
}

static int
keep(void)
{
	const struct entry *e = (const struct entry *)(const void *)found;
	struct err err;
	struct l2 *to = l2_open_writer(HELD_FIRST, &err);

	ENSURE(to != NULL);
	while (fread(found, sizeof(*e), 1, stdin) == 1) {
		ENSURE(e->size >= sizeof(*e) && e->size <= sizeof(found));
		ENSURE(fread(found + sizeof(*e), e->size - sizeof(*e), 1, stdin) == 1);
		ENSURE(entry_valid(e, e->size, NULL));
		l2_put(to, e);
	}
	l2_close(to);
	return 0;
}

int
main(int argc, char **argv)
{
	struct pollfd p[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.events = POLLIN}};
	struct err err;

	if (argc > 2 && strcmp(argv[1], "scored") == 0) {
		setvbuf(stdout, NULL, _IOLBF, 0);
		return scored(argv + 2);
	}
	if (argc == 2 && strcmp(argv[1], "layout") == 0) {
		printf("%u %u %zu\n", SCOREBOARD_MAGIC, SCOREBOARD_VERSION,
		    sizeof(struct scoreboard));
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "keep") == 0)
		return keep();
	ENSURE(argc == 3);
	setvbuf(stdout, NULL, _IOLBF, 0);
	p[1].fd = ask_connect(argv[1], atoi(argv[2]), &err);
	if (p[1].fd < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	while (poll(p, 2, -1) > 0 || errno == EINTR) {
		if (p[1].revents != 0 && !receive(p[1].fd)) {
			printf("closed\n");
			return 0;
		}
		if (p[0].revents != 0 && !read_commands(p[1].fd))
			return 0;
	}
	return 1;
}
