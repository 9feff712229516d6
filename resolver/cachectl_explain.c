/*
 * `resolver cache explain`: what stands in the shared cache for a name and type, for each of the
 * four ways to ask: with DO or without, with CD or without. Each is an entry of its own, in the
 * shard of the engine that its key belongs to, or in that of one that stood in for it: of all
 * shards the entry that a worker takes (l2_best()).
 */
#include <stdlib.h>
#include <time.h>

#include "lib/ensure.h"
#include "resolver/cachectl_parts.h"
#include "resolver/given.h"
#include "resolver/refresh.h"

#define TYPE_RRSIG 46
#define TYPE_NSEC 47
#define TYPE_NSEC3 50
#define N_WAYS 4
#define LATER_MS 500
#define ORIGIN_TEXT 48

static const char *const ways[N_WAYS] = {"without DO", "with DO", "with CD", "with DO and CD"};
static const char *const causes[N_CAUSES] = {"upstream", "bogus", "internal"};
static const char *const sections[] = {"answer", "authority", "additional"};

/* One of them, as it was found. */
struct found {
	const struct cachectl *c;
	int way, engine; /* in whose shard it is */
	int home;	 /* whose key it is */
	int64_t now_s;
	const struct entry *entry;
};

struct look {
	const struct cachectl *c;
	struct dns_name name;
	uint16_t type;
	struct visit *visits; /* one an engine */
	const struct l2 *shards[ENGINES_MAX]; /* theirs; NULL: it does not answer */
	int n_found, n_absent;
	_Alignas(8) uint8_t entry[ENTRY_ROOM];
};

/* Ahead of now or years ago is damage; what is computed from it stays a number all the same. */
static int64_t
age_s(const struct found *f)
{
	static const int64_t most = 10LL * 365 * 86400;
	int64_t stored_s = f->entry->stored_s;

	return stored_s >= f->now_s ? 0 : stored_s < f->now_s - most ? most : f->now_s - stored_s;
}

/* Time of day at which it was stored: the clock of the cache counts from the boot. */
static void
stored_at(const struct found *f, char *out, size_t size)
{
	/* The microseconds of both clocks, so that it is the same each time. */
	int64_t age_us = age_s(f) * 1000000 + mono_now().us % 1000000;
	struct timespec now;
	struct tm tm;
	time_t t;

	clock_gettime(CLOCK_REALTIME, &now);
	t = (time_t)((now.tv_sec * 1000000 + now.tv_nsec / 1000 - age_us) / 1000000);
	gmtime_r(&t, &tm);
	strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static int64_t
stale_s(const struct found *f)
{
	int64_t over = age_s(f) - (int64_t)f->entry->ttl_s;

	return over > 0 ? over : 0;
}

static const char *
cause_of(const struct entry *e)
{
	return e->cause < N_CAUSES ? causes[e->cause] : "unknown";
}

/* Near enough to its end that a worker which is asked for it has it renewed. */
static bool
is_near(const struct found *f)
{
	return (f->entry->flags & ENTRY_FAILURE) == 0 && entry_fresh(f->entry, f->now_s) &&
	    refresh_is_near(f->c->conf->refresh.percent, f->entry, f->now_s);
}

/* Who told it. */
static const char *
origin_render(const struct entry *e, char out[static ORIGIN_TEXT])
{
	unsigned n = ORIGIN_NUMBER(e->origin);

	switch (ORIGIN_WHO(e->origin)) {
	case ORIGIN_RECURSION:
		snprintf(out, ORIGIN_TEXT, "recursion, context %u", n);
		break;
	case ORIGIN_L3:
		snprintf(out, ORIGIN_TEXT, "the regional cache");
		break;
	case ORIGIN_BACKUP:
		snprintf(out, ORIGIN_TEXT, "backup resolver %u", n);
		break;
	default:
		snprintf(out, ORIGIN_TEXT, "unknown (%u)", e->origin);
		break;
	}
	return out;
}

static const char *
validation_of(const struct entry *e)
{
	if (e->flags & ENTRY_FAILURE)
		return e->cause == CAUSE_BOGUS ? "bogus" : "none";
	return e->flags & ENTRY_SECURE ? "secure" : "not validated";
}

static void
print_text(const struct found *f)
{
	const struct entry *e = f->entry;
	char rcode[DNS_WORD], stored[32], origin[ORIGIN_TEXT];

	stored_at(f, stored, sizeof(stored));
	printf("%s: %s", ways[f->way], dns_rcode_render(e->rcode, rcode));
	if (e->flags & ENTRY_FAILURE)
		printf(", failure (%s)", cause_of(e));
	else
		printf("%s, %s", e->flags & ENTRY_NEGATIVE ? ", negative" : "",
		    e->flags & ENTRY_SECURE ? "secure" : "not validated");
	if (e->ede != 0)
		printf(", EDE %u", e->ede);
	if (entry_text(e) != NULL)
		printf(" (%s)", entry_text(e));
	if (entry_fresh(e, f->now_s))
		printf("; %u s left of %u s", entry_left_s(e, f->now_s), e->ttl_s);
	else
		printf("; stale for %lld s, lived %u s", (long long)stale_s(f), e->ttl_s);
	if (is_near(f))
		printf(" (renewed when asked for)");
	printf("; stored %s; %u octets in engine %d's shard", stored, e->size, f->engine);
	if (f->engine != f->home)
		printf(", which stood in for engine %d", f->home);
	printf("; from %s\n", origin_render(e, origin));
}

static void
print_json(const struct found *f)
{
	const struct entry *e = f->entry;
	char rcode[DNS_WORD], stored[32], origin[ORIGIN_TEXT];

	stored_at(f, stored, sizeof(stored));
	printf("    {\"do\": %s, \"cd\": %s, \"engine\": %d, \"home\": %d, \"rcode\": \"%s\", ",
	    e->key_flags & KEY_DO ? "true" : "false", e->key_flags & KEY_CD ? "true" : "false",
	    f->engine, f->home, dns_rcode_render(e->rcode, rcode));
	printf("\"secure\": %s, \"negative\": %s, \"failure\": ",
	    e->flags & ENTRY_SECURE ? "true" : "false",
	    e->flags & ENTRY_NEGATIVE ? "true" : "false");
	if (e->flags & ENTRY_FAILURE)
		printf("\"%s\", ", cause_of(e));
	else
		printf("null, ");
	printf("\"validation\": \"%s\", \"origin\": \"%s\", \"why\": ", validation_of(e),
	    origin_render(e, origin));
	if (entry_text(e) != NULL)
		cachectl_quote(stdout, entry_text(e));
	else
		printf("null");
	printf(", \"age_s\": %lld, ", (long long)age_s(f));
	printf("\"ede\": %u, \"ttl_s\": %u, \"left_s\": %u, \"stale_s\": %lld, ", e->ede, e->ttl_s,
	    entry_left_s(e, f->now_s), (long long)stale_s(f));
	printf("\"stored\": \"%s\", \"octets\": %u,\n     ", stored, e->size);
	printf("\"context\": %d, \"refresh_due\": %s, \"records\": [",
	    ORIGIN_WHO(e->origin) == ORIGIN_RECURSION ? ORIGIN_NUMBER(e->origin) : -1,
	    is_near(f) ? "true" : "false");
}

static void
print_record(const struct found *f, const uint8_t *wire, size_t length, const struct dns_record *r,
    const char *section, bool first)
{
	static char data[4 * ENTRY_MAX]; /* the longest: text of octets that are all escaped */
	char owner[DNS_NAME_TEXT], type[DNS_WORD], class[DNS_WORD];

	if (!dns_rdata_render(wire, length, r, data, sizeof(data)))
		snprintf(data, sizeof(data), "(malformed)");
	dns_name_render(&r->owner, owner);
	dns_type_render(r->type, type);
	dns_class_render(r->class, class);
	if (!f->c->json) {
		printf("    %s%s%s %u %s %s %s\n", section == sections[0] ? "" : section,
		    section == sections[0] ? "" : ": ", owner, r->ttl, class, type, data);
		return;
	}
	printf("%s\n      {\"section\": \"%s\", \"name\": ", first ? "" : ",", section);
	cachectl_quote(stdout, owner);
	printf(
	    ", \"ttl\": %u, \"class\": \"%s\", \"type\": \"%s\", \"data\": ", r->ttl, class, type);
	cachectl_quote(stdout, data);
	putchar('}');
}

/* As a client would get them now, if only by their TTLs. */
static void
print_records(const struct found *f)
{
	static uint8_t wire[ENTRY_MAX];
	struct dns_message m;
	struct dns_record r;
	struct key k;
	size_t length, at;
	int hidden = 0, printed = 0;

	entry_key(f->entry, &k);
	length = entry_serve(f->entry, 0, true, true, k.name, f->now_s, 0, wire, sizeof(wire));
	if (dns_message_parse(wire, length, &m) != DNS_SOUND)
		return;
	at = m.answers;
	for (int i = 0; i < m.ancount + m.nscount + m.arcount; i++) {
		if (!dns_record_read(wire, length, &at, &r))
			break;
		if (!f->c->json && !f->c->dnssec &&
		    (r.type == TYPE_RRSIG || r.type == TYPE_NSEC || r.type == TYPE_NSEC3)) {
			hidden++;
			continue;
		}
		print_record(f, wire, length, &r,
		    sections[(i >= m.ancount) + (i >= m.ancount + m.nscount)], printed++ == 0);
	}
	if (hidden > 0)
		printf("    (%d of DNSSEC; --dnssec prints them)\n", hidden);
}

/* All of them, since any may have stood in for another. While the first that is away was waited for
 * the others had their time as well. */
static void
open_shards(struct look *l)
{
	struct mono by;
	struct err err;

	for (int i = 0; i < l->c->conf->engines; i++) {
		by = mono_add_ms(mono_now(), l->n_absent == 0 ? HELLO_MS : LATER_MS);
		if (visit_open(l->c, i, by, &l->visits[i], &err) < 0) {
			l->n_absent++;
			cachectl_trouble("engine %d's shard cannot be read: %s", i, err.text);
		}
		l->shards[i] = l->visits[i].shard;
	}
}

static void
look_at(struct look *l, int way)
{
	struct found f = {.c = l->c, .way = way, .entry = (const struct entry *)l->entry};
	int n = (int)l->c->conf->engines;
	struct key k;

	if (!key_make(&k, l->name.wire, l->name.length, l->type, DNS_CLASS_IN, way % 2 != 0,
		way / 2 != 0))
		return;
	f.now_s = mono_now().us / 1000000;
	f.home = (int)key_shard(&k, (unsigned)n);
	f.engine = l2_best(l->shards, n, &k, f.now_s, l->entry);
	if (f.engine < 0)
		return;
	if (l->c->json)
		printf("%s\n", l->n_found > 0 ? "," : "");
	l->n_found++;
	(l->c->json ? print_json : print_text)(&f);
	print_records(&f);
	if (l->c->json)
		printf("]}");
}

/* What the probation engine's memory says of it: nothing, where there is no such engine, or it does
 * not answer at once. */
static void
print_quarantine(const struct look *l)
{
	struct mono now = mono_now(), by = mono_add_ms(now, PROBATION_MS);
	int64_t now_s = now.us / 1000000;
	enum quarantine_state state = QUARANTINE_FREE;
	struct visit v = {.socket = -1};
	char how[QUARANTINE_HOW];
	struct sentence s;
	struct key k;
	struct err err;

	if (l->c->conf->engine.probation &&
	    visit_open(l->c, ENGINE_PROBATION, by, &v, &err) == 0 &&
	    key_make(
		&k, l->name.wire, l->name.length, l->type, DNS_CLASS_IN, false, false))
		state = quarantine_find(v.quarantine, &k, now_s, &s);
	visit_close(&v);
	if (l->c->json && state == QUARANTINE_FREE)
		printf("  \"quarantine\": null,\n");
	else if (l->c->json)
		printf("  \"quarantine\": {\"state\": \"%s\", \"left_s\": %lld, \"strikes\": %u, "
		       "\"signal\": %u},\n",
		    state == QUARANTINE_HELD ? "held" : "parole",
		    (long long)(state == QUARANTINE_HELD ? s.until_s - now_s : 0), s.strikes,
		    s.signal);
	else if (state == QUARANTINE_HELD)
		printf("quarantine: not resolved for %lld s more: it ended the probation engine "
		       "(%s), time %u\n",
		    (long long)(s.until_s - now_s), quarantine_how(&s, how), s.strikes);
	else if (state == QUARANTINE_PAROLE)
		printf("quarantine: its time is over; asked of the probation engine only (%s, time "
		       "%u)\n",
		    quarantine_how(&s, how), s.strikes);
}

static int
look_all(struct look *l)
{
	char name[DNS_NAME_TEXT], type[DNS_WORD];

	dns_name_render(&l->name, name);
	dns_type_render(l->type, type);
	if (l->c->json) {
		printf("{\n  \"name\": ");
		cachectl_quote(stdout, name);
		printf(", \"type\": \"%s\",\n  \"entries\": [", type);
	}
	for (int way = 0; way < N_WAYS; way++)
		look_at(l, way);
	if (l->c->json)
		printf("],\n");
	print_quarantine(l);
	if (l->c->json)
		printf("  \"unread\": %d\n}\n", l->n_absent);
	else if (l->n_found > 0)
		printf("(each worker's own copies cannot be read from outside)\n");
	if (l->n_found > 0)
		return CACHE_WELL;
	if (l->n_absent == l->c->conf->engines)
		return CACHE_NOBODY;
	if (!l->c->json)
		printf("%s %s: not in the shared cache%s\n", name, type,
		    l->n_absent > 0 ? ", as far as it can be read" : "");
	return CACHE_NO;
}

int
cachectl_explain(const struct cachectl *c)
{
	int type = c->argc > 2 ? dns_type_parse(c->argv[2]) : DNS_TYPE_A, status;
	size_t n = (size_t)c->conf->engines;
	static struct look l;
	struct err err;

	l.c = c;
	if (cachectl_name(c->argv[1], &l.name, &err) < 0)
		return cachectl_trouble("%s: %s", c->argv[1], err.text);
	if (type <= 0)
		return cachectl_trouble(
		    "%s is no type; write one as A, AAAA or TYPE65280", c->argv[2]);
	l.type = (uint16_t)type;
	l.visits = calloc(n, sizeof(*l.visits));
	ENSURE(l.visits != NULL);
	open_shards(&l);
	status = look_all(&l);
	for (size_t i = 0; i < n; i++)
		if (l.visits[i].shard != NULL)
			visit_close(&l.visits[i]);
	free(l.visits);
	return status;
}
