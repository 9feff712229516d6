/*
 * trace: traffic. Popularity follows Zipf's law with exponent 0.9 over all names; a part of
 * everything is asked once only, as at real resolvers.
 */
#include "tests/bench/trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dns.h"
#include "lib/ensure.h"
#include "resolver/packed.h"

#define EXPONENT 0.9
#define RATE 2000
#define SHIFTS 40      /* times the popularity changes in a trace */
#define SHIFT_TOP 2000 /* names of which a tenth is replaced by others each time */
#define INDEX_BYTES 9

const char *const trace_names[N_TRACES] = {"zipf", "scans", "shifts"};

static uint64_t
mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static uint64_t
draw(uint64_t *state)
{
	return mix(*state += 0x9e3779b97f4a7c15u);
}

static double
draw_unit(uint64_t *state)
{
	return (double)(draw(state) >> 11) * 0x1p-53;
}

/* ---- Zipf: rejection by inversion (Hoermann, Derflinger 1996) -------------------------------- */

struct zipf {
	double n, first, last;
};

static double
integral(double x)
{
	return (pow(x, 1 - EXPONENT) - 1) / (1 - EXPONENT);
}

static double
inverse(double x)
{
	return pow(1 + x * (1 - EXPONENT), 1 / (1 - EXPONENT));
}

static struct zipf
zipf_of(uint32_t n)
{
	return (struct zipf){n, integral(1.5) - 1, integral(n + 0.5)};
}

/* From 0. */
static uint32_t
zipf_draw(const struct zipf *z, uint64_t *state)
{
	for (;;) {
		double u = z->last + draw_unit(state) * (z->first - z->last), x = inverse(u);
		double k = floor(x + 0.5);

		if (k < 1)
			k = 1;
		if (k > z->n)
			k = z->n;
		if (u >= integral(k + 0.5) - pow(k, -EXPONENT))
			return (uint32_t)k - 1;
	}
}

/* ---- requests -------------------------------------------------------------------------------- */

static void
popularity_shift(uint32_t *by_rank, uint32_t n, uint64_t *state)
{
	for (int i = 0; i < SHIFT_TOP / 10; i++) {
		uint32_t a = (uint32_t)(draw(state) % SHIFT_TOP), b = (uint32_t)(draw(state) % n);
		uint32_t was = by_rank[a];

		by_rank[a] = by_rank[b];
		by_rank[b] = was;
	}
}

/* Bursts: in every second two-hundredth of the trace, half of the queries are of random subdomains.
 */
static bool
is_scan(const struct trace *t, uint32_t i, uint64_t *state)
{
	return t->kind == TRACE_SCANS && i / (t->n_requests / 200) % 2 == 1 && draw(state) % 2 == 0;
}

static void
requests_make(struct trace *t, uint64_t seed)
{
	struct zipf z = zipf_of(t->n_names);
	uint32_t *by_rank = malloc(t->n_names * sizeof(*by_rank));
	/* The names' own draws are those of the same seed's other traces. */
	uint64_t state = mix(seed + 1), other = mix(seed + 2);

	ENSURE(by_rank != NULL);
	for (uint32_t i = 0; i < t->n_names; i++)
		by_rank[i] = i;
	for (uint32_t i = 0; i < t->n_requests; i++) {
		if (t->kind == TRACE_SHIFTS && i % (t->n_requests / SHIFTS) == 0)
			popularity_shift(by_rank, t->n_names, &other);
		t->asked[i] =
		    is_scan(t, i, &other) ? t->n_objects++ : by_rank[zipf_draw(&z, &state)];
	}
	free(by_rank);
}

struct trace *
trace_new(enum trace_kind kind, uint32_t n_names, uint32_t n_requests, uint64_t seed)
{
	struct trace *t = calloc(1, sizeof(*t));
	uint8_t *seen = calloc(n_names, 1);

	ENSURE(t != NULL && seen != NULL && n_requests >= 200);
	*t = (struct trace){.kind = kind,
	    .n_requests = n_requests,
	    .n_names = n_names,
	    .n_objects = n_names,
	    .rate = RATE};
	t->asked = malloc(n_requests * sizeof(*t->asked));
	ENSURE(t->asked != NULL);
	requests_make(t, seed);
	for (uint32_t i = 0; i < n_requests; i++) {
		if (t->asked[i] >= n_names || seen[t->asked[i]])
			continue;
		seen[t->asked[i]] = 1;
		t->distinct++;
		t->footprint += object_bytes(t, t->asked[i]);
	}
	free(seen);
	return t;
}

void
trace_free(struct trace *t)
{
	free(t->asked);
	free(t);
}

/* ---- objects --------------------------------------------------------------------------------- */

enum answer { ONE_A, TWO_A, FOUR_A, CNAME_A, NO_NAME };

static enum answer
answer_of(const struct trace *t, uint32_t object)
{
	unsigned share = (unsigned)(mix(object) % 100);

	if (object >= t->n_names || share >= 90)
		return NO_NAME;
	return share < 55 ? ONE_A : share < 70 ? TWO_A : share < 80 ? FOUR_A : CNAME_A;
}

bool
object_is_typical(const struct trace *t, uint32_t object)
{
	return answer_of(t, object) == ONE_A;
}

uint32_t
object_ttl(const struct trace *t, uint32_t object)
{
	unsigned share = (unsigned)(mix(object) >> 32) % 100;

	if (answer_of(t, object) == NO_NAME)
		return share < 50 ? 300 : 900;
	return share < 20 ? 60 : share < 55 ? 300 : share < 80 ? 3600 : 86400;
}

/* "a7f3xxx.dom7f3x.net": 16 to 26 octets. */
static uint8_t
name_put(uint32_t object, uint8_t *out)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz012345";
	uint64_t h = mix(object);
	uint8_t host = (uint8_t)(6 + h % 4), domain = (uint8_t)(4 + (h >> 8) % 7), *p = out;

	*p++ = host;
	for (int i = 0; i < host; i++)
		*p++ = (uint8_t)(i < 6 ? digits[object >> 5 * i & 31] : 'x');
	*p++ = domain;
	for (int i = 0; i < domain; i++)
		*p++ = (uint8_t)digits[h >> 5 * i & 31];
	memcpy(p, "\3net", 5);
	return (uint8_t)(p + 5 - out);
}

struct key
object_key(const struct trace *t, uint32_t object)
{
	struct key k = {.type = DNS_TYPE_A, .class = DNS_CLASS_IN};

	(void)t;
	k.name_length = name_put(object, k.name);
	return k;
}

static uint8_t *
put16(uint8_t *p, unsigned v)
{
	*p++ = (uint8_t)(v >> 8);
	*p++ = (uint8_t)v;
	return p;
}

static uint8_t *
record_put(uint8_t *p, unsigned type, uint32_t ttl, unsigned length)
{
	p = put16(put16(put16(p, 0xc00c), type), DNS_CLASS_IN);
	p = put16(put16(put16(p, ttl >> 16), ttl & 0xffff), length);
	memset(p, 1, length);
	return p + length;
}

/* Types and lengths of an answer's records; how many. */
static int
records_of(enum answer a, unsigned type[4], unsigned length[4])
{
	static const int n[] = {
	    [ONE_A] = 1, [TWO_A] = 2, [FOUR_A] = 4, [CNAME_A] = 2, [NO_NAME] = 1};

	for (int i = 0; i < n[a]; i++) {
		type[i] = DNS_TYPE_A;
		length[i] = 4;
	}
	if (a == CNAME_A || a == NO_NAME) {
		type[0] = a == CNAME_A ? DNS_TYPE_CNAME : DNS_TYPE_SOA;
		length[0] = a == CNAME_A ? 14 : 44;
	}
	return n[a];
}

const struct entry *
object_entry(const struct trace *t, uint32_t object, int64_t now_s, void *out)
{
	enum answer a = answer_of(t, object);
	unsigned type[4], length[4];
	int n = records_of(a, type, length);
	struct entry *e = out;
	uint8_t *message = (uint8_t *)(e + 1) + 2 * n, *p = message + DNS_HEADER;
	uint16_t *offsets = (uint16_t *)(e + 1);

	*e = (struct entry){.ttl_s = object_ttl(t, object),
	    .stored_s = now_s,
	    .n_ttls = (uint16_t)n,
	    .type = DNS_TYPE_A,
	    .class = DNS_CLASS_IN,
	    .rcode = a == NO_NAME ? DNS_NXDOMAIN : 0,
	    .flags = a == NO_NAME ? ENTRY_NEGATIVE : 0};
	memset(message, 0, DNS_HEADER);
	put16(message + 2, 0x8080);
	message[5] = 1;
	message[a == NO_NAME ? 9 : 7] = (uint8_t)n;
	e->name_length = name_put(object, p);
	p = put16(put16(p + e->name_length, DNS_TYPE_A), DNS_CLASS_IN);
	for (int i = 0; i < n; i++) {
		offsets[i] = (uint16_t)(p - message + 6);
		p = record_put(p, type[i], e->ttl_s, length[i]);
	}
	e->message_length = (uint16_t)(p - message);
	e->size = (uint32_t)((uint64_t)(p - (uint8_t *)out + 7) / 8 * 8);
	memset(p, 0, e->size - (size_t)(p - (uint8_t *)out));
	return e;
}

uint32_t
object_bytes(const struct trace *t, uint32_t object)
{
	uint8_t name[ENTRY_NAME_MAX];
	unsigned type[4], length[4];
	uint32_t n = (uint32_t)records_of(answer_of(t, object), type, length);
	uint32_t message = DNS_HEADER + name_put(object, name) + 4u + 12 * n;

	for (uint32_t i = 0; i < n; i++)
		message += length[i];
	return (uint32_t)((sizeof(struct packed) + 2 * n + message + 7) / 8 * 8) + INDEX_BYTES;
}
