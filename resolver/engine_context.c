/*
 * The context is configured by a text in unbound.conf's language, written to memory: that takes
 * every option, where the calls take some. What stands here was measured with 1.17.1: the library's
 * defaults are for a stub (16 sockets, caches of some kilobytes, a dead server is waited for 17 s),
 * trust anchors are read by ub_ctx_add_ta_file() or told by ub_ctx_add_ta() (an autotrust file that
 * cannot be written ends the process, and belongs to `resolver anchor`), and a question that the
 * library answers by itself finalises everything at once and without a synchronous call, which
 * would open files again later.
 */
#include "resolver/engine_context.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/dns.h"
#include "lib/event.h"
#include "lib/mono.h"
#include "resolver/anchor_file.h"
#include "resolver/forward.h"

#define TCP_OUT 128
#define OTHER_DESCRIPTORS 256 /* peers, files, the loop */
#define LINES_PER_S 10
#define SECOND_PART 4 /* the second context has one part of so many */
#define TRACKING_PORTS 64

/* What the library said first (its cause; the rest is consequence), for the error that follows; and
 * how much it said within this second. */
static struct {
	char first[256];
	int64_t second;
	int lines, kept_back;
} said;

/* Lines look like "[1700000000] libunbound[4711:0] error: the sentence". */
static void
say_line(const char *line, size_t length)
{
	int64_t now = mono_now().us / 1000000;
	const char *text = memchr(line, ' ', length);
	size_t skip;

	if (text != NULL)
		text = memchr(text + 1, ' ', length - (size_t)(text + 1 - line));
	skip = text != NULL && line[0] == '[' ? (size_t)(text + 1 - line) : 0;
	line += skip;
	length -= skip;
	if (said.first[0] == '\0')
		snprintf(said.first, sizeof(said.first), "%.*s", (int)length, line);
	if (now != said.second) {
		if (said.kept_back > 0)
			event_say(EVENT_WARN, "engine_library", "%d more lines were kept back",
			    said.kept_back);
		said.second = now;
		said.lines = said.kept_back = 0;
	}
	if (said.lines++ < LINES_PER_S)
		event_say(EVENT_WARN, "engine_library", "%.*s", (int)length, line);
	else
		said.kept_back++;
}

static ssize_t
take_lines(void *cookie, const char *text, size_t length)
{
	const char *at = text, *end = text + length, *stop;

	(void)cookie;
	while (at < end) {
		stop = memchr(at, '\n', (size_t)(end - at));
		if (stop == NULL)
			stop = end;
		if (stop > at)
			say_line(at, (size_t)(stop - at));
		at = stop + 1;
	}
	return (ssize_t)length;
}

/* One for all contexts of the process, never closed: the library may log as long as it lives. */
static FILE *
log_stream(void)
{
	static FILE *stream;

	if (stream == NULL) {
		stream = fopencookie(NULL, "w", (cookie_io_functions_t){.write = take_lines});
		if (stream != NULL)
			setvbuf(stream, NULL, _IOLBF, 1024);
	}
	return stream;
}

int
context_count(const struct resolver_conf *c)
{
	return c->refresh.percent > 0 ? 2 : 1;
}

long
context_questions(const struct resolver_conf *c)
{
	return 2 * (long)c->engine.in_flight;
}

/* Of what an engine has, this context's part. */
static long
part(const struct resolver_conf *c, int number, long all)
{
	if (context_count(c) == 1)
		return all;
	return number == 0 ? all - all / SECOND_PART : all / SECOND_PART;
}

static void
put_caches(FILE *to, const struct resolver_conf *c, int number)
{
	long kib = part(c, number, (long)c->engine.cache_mib * 1024);

	fprintf(to, "\trrset-cache-size: %ldk\n\tmsg-cache-size: %ldk\n", kib / 2, kib / 4);
	fprintf(to, "\tkey-cache-size: %ldk\n\tneg-cache-size: %ldk\n", kib / 8, kib / 16);
	fputs("\trrset-cache-slabs: 1\n\tmsg-cache-slabs: 1\n\tkey-cache-slabs: 1\n"
	      "\tinfra-cache-slabs: 1\n\tinfra-cache-numhosts: 20000\n",
	    to);
	fprintf(to, "\tcache-max-ttl: %u\n\tcache-max-negative-ttl: %u\n", c->ttl.max_s,
	    c->ttl.neg_max_s);
}

/* A dead server is found out in 2.3 s, not 17, and tried again after 30 s, not 15 minutes. */
static void
put_patience(FILE *to)
{
	fputs("\tinfra-cache-max-rtt: 1000\n\toutbound-msg-retry: 2\n\tinfra-keep-probing: yes\n"
	      "\tinfra-host-ttl: 30\n",
	    to);
}

static void
put_addresses(FILE *to, const struct resolver_conf *c)
{
	bool has[N_FAMILIES] = {false};
	struct addr a;
	int i;

	for (i = 0; i < c->engine.n_outgoing_addresses; i++) {
		if (addr_parse(c->engine.outgoing_addresses[i], &a))
			has[a.family] = true;
		fprintf(to, "\toutgoing-interface: %s\n", c->engine.outgoing_addresses[i]);
	}
	if (c->engine.n_outgoing_addresses > 0)
		fprintf(to, "\tdo-ip4: %s\n\tdo-ip6: %s\n", has[FAMILY_V4] ? "yes" : "no",
		    has[FAMILY_V6] ? "yes" : "no");
}

static void
put_forwarders(FILE *to, const struct resolver_conf *c)
{
	int i;

	fputs("\tdo-not-query-localhost: no\n", to);
	fputs("forward-zone:\n\tname: \".\"\n", to);
	for (i = 0; i < c->engine.n_forwarders; i++)
		fprintf(to, "\tforward-addr: %s\n", c->engine.forwarders[i]);
}

void
context_options(FILE *to, const struct resolver_conf *c, int number, long ports)
{
	int i;

	fprintf(to, "server:\n\tverbosity: 0\n\tmodule-config: \"%s\"\n",
	    c->engine.trust_anchor[0] != '\0' ? "validator iterator" : "iterator");
	fprintf(to,
	    "\toutgoing-range: %ld\n\toutgoing-num-tcp: %d\n\tnum-queries-per-thread: %lld\n",
	    ports, TCP_OUT, (long long)c->engine.in_flight);
	/* The library, unlike Unbound, tells all it knows: addresses beside an MX made answers too
	 * large for UDP that are not. */
	fprintf(to, "\tedns-buffer-size: %d\n\taggressive-nsec: yes\n\tminimal-responses: yes\n",
	    DNS_UDP_PAYLOAD);
	/* A zone's keys are asked for on the way down, as soon as a DS is seen, and not one after
	 * the other once the answer is there: a way there and back for each zone. */
	fputs("\tprefetch-key: yes\n", to);
	put_caches(to, c, number);
	put_patience(to);
	put_addresses(to, c);
	for (i = 0; i < c->engine.n_special; i++)
		fprintf(to, "\tlocal-zone: \"%s\" nodefault\n", c->engine.special[i]);
	if (c->engine.mode == ENGINE_FORWARD)
		put_forwarders(to, c);
	else if (c->engine.root_hints[0] != '\0')
		fprintf(to, "\troot-hints: \"%s\"\n", c->engine.root_hints);
}

/* As many sockets as questions, as far as descriptors go; of renewals there are few at a time. */
static long
ports_for(const struct resolver_conf *c, int number)
{
	struct rlimit limit;
	long wanted = context_questions(c) < 64 ? 64 : context_questions(c), room;
	int n = context_count(c);
	long others = OTHER_DESCRIPTORS + (c->n_backup > 0 ? FORWARD_MOST : 0);

	if (wanted > 16384)
		wanted = 16384;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 64;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	room = (long)limit.rlim_max - n * TCP_OUT - others;
	if (wanted + (n - 1) * wanted / SECOND_PART <= room)
		return number == 0 ? wanted : wanted / SECOND_PART;
	room = part(c, number, room);
	room = room < 16 ? 16 : room;
	event_say(EVENT_WARN, "engine_descriptors",
	    "descriptors are enough for %ld sockets only; raise "
	    "LimitNOFILE to %ld",
	    room, wanted + (n - 1) * wanted / SECOND_PART + n * TCP_OUT + others);
	return room;
}

static int
configure(
    struct ub_ctx *ctx, const struct resolver_conf *c, int number, long ports, struct err *err)
{
	int fd = memfd_create("unbound.conf", MFD_CLOEXEC), status = UB_SYNTAX;
	char path[64];
	FILE *to;

	if (fd < 0)
		return err_errno(err, "cannot write libunbound's options");
	to = fdopen(fd, "w");
	if (to == NULL) {
		close(fd);
		return err_errno(err, "cannot write libunbound's options");
	}
	context_options(to, c, number, ports);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fflush(to) == 0)
		status = ub_ctx_config(ctx, path);
	fclose(to);
	if (status != 0)
		return err_set(err, "libunbound refuses its options (%s)", ub_strerror(status));
	return 0;
}

/* Those that are followed, where they can be read: of the library's own file of them it would trust
 * every key, whatever its state. */
static int
add_anchors(struct ub_ctx *ctx, const struct resolver_conf *c, struct err *err)
{
	struct anchors followed;
	struct err why;
	char line[ANCHOR_LINE];
	int status = 0, what = anchor_file_read(c, &followed, &why);

	if (c->engine.trust_anchor[0] == '\0')
		return 0;
	if (what < 0)
		event_say(EVENT_WARN, "engine_anchor", "%s; %s is read instead", why.text,
		    c->engine.trust_anchor);
	if (what != ANCHOR_FILE_KEYS)
		status = ub_ctx_add_ta_file(ctx, c->engine.trust_anchor);
	for (int i = 0; what == ANCHOR_FILE_KEYS && i < followed.n && status == 0; i++)
		if (anchor_in_force(&followed.keys[i]))
			status = ub_ctx_add_ta(ctx, anchor_line(&followed.keys[i], line));
	if (status != 0)
		return err_set(err, "libunbound cannot take trust anchors from %s (%s)",
		    what == ANCHOR_FILE_KEYS ? c->engine.followed_anchor : c->engine.trust_anchor,
		    ub_strerror(status));
	return 0;
}

static void
finalised(void *arg, int rcode, void *packet, int length, int sec, char *why, int ratelimited)
{
	(void)arg;
	(void)rcode;
	(void)packet;
	(void)length;
	(void)sec;
	(void)why;
	(void)ratelimited;
}

static int
finalise(struct ub_ctx *ctx, struct err *err)
{
	int status;

	said.first[0] = '\0';
	status = ub_resolve_event(ctx, "localhost.", 1, 1, NULL, finalised, NULL);
	if (status == 0)
		return 0;
	return err_set(err, "libunbound does not start (%s): %s", ub_strerror(status),
	    said.first[0] != '\0' ? said.first
				  : "it says no more; look at root_hints and trust_anchor");
}

struct ub_ctx *
context_new(const struct resolver_conf *c, int number, struct ub_event_base *base, struct err *err)
{
	struct ub_ctx *ctx = ub_ctx_create_ub_event(base);

	if (ctx == NULL) {
		err_errno(err, "libunbound makes no context");
		return NULL;
	}
	ub_ctx_debugout(ctx, log_stream());
	if (configure(ctx, c, number, ports_for(c, number), err) < 0 ||
	    add_anchors(ctx, c, err) < 0 || finalise(ctx, err) < 0) {
		ub_ctx_delete(ctx);
		return NULL;
	}
	return ctx;
}

struct ub_ctx *
context_tracking(const struct resolver_conf *c, const char *autotrust, struct ub_event_base *base,
    struct err *err)
{
	struct ub_ctx *ctx = ub_ctx_create_ub_event(base);
	int status;

	if (ctx == NULL) {
		err_errno(err, "libunbound makes no context");
		return NULL;
	}
	said.first[0] = '\0';
	ub_ctx_debugout(ctx, log_stream());
	if (configure(ctx, c, 0, TRACKING_PORTS, err) == 0) {
		status = ub_ctx_add_ta_autr(ctx, autotrust);
		if (status == 0)
			return ctx;
		err_set(err, "libunbound cannot follow %s (%s)", autotrust, ub_strerror(status));
	}
	ub_ctx_delete(ctx);
	return NULL;
}

const char *
context_said(void)
{
	return said.first[0] != '\0' ? said.first : "it says no more";
}
