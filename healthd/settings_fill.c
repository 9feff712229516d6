/*
 * What follows from other keys: the values that depend on a check's kind, the ladder's thresholds,
 * and the checks of a configuration that names none.
 */
#include <string.h>

#include "healthd/settings_keys.h"

static void
set(int64_t *value, int64_t otherwise)
{
	if (*value == CONF_AUTO)
		*value = otherwise;
}

static void
set_text(const char **value, const char *otherwise)
{
	if (*value == NULL)
		*value = otherwise;
}

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void
fill_question(struct check_conf *c)
{
	if (c->kind == KIND_UPSTREAM) {
		set_text(&c->qtype, c->n_qnames == 0 ? "NS" : "A");
		return;
	}
	if (c->qname == NULL && !c->recursion && c->target != DNS_SERVERS) {
		c->qname = "id.server";
		set_text(&c->qtype, "TXT");
		set_text(&c->qclass, "CH");
	}
	set_text(&c->qtype, "A");
	set_text(&c->qclass, "IN");
	set_text(&c->expect_rcode, "NOERROR");
}

/* Percent, or drops a second: where a host in use starts to suffer, and where it does. */
static void
fill_resource(struct check_conf *c, const struct site *site)
{
	static const struct {
		int64_t warn, crit;
	} limits[] = {
	    [RESOURCE_PSI_CPU] = {60, 90},
	    [RESOURCE_PSI_MEMORY] = {20, 50},
	    [RESOURCE_PSI_IO] = {50, 80},
	    [RESOURCE_MEM_AVAILABLE] = {10, 4},
	    [RESOURCE_DISK] = {90, 98},
	    [RESOURCE_DESCRIPTORS] = {70, 90},
	    [RESOURCE_UDP_DROPS] = {100, 2000},
	    [RESOURCE_NIC_DROPS] = {100, 2000},
	};

	set(&c->warn, limits[c->source].warn);
	set(&c->crit, limits[c->source].crit);
	if (c->source == RESOURCE_DISK)
		set_text(&c->path, site->paths.state_dir);
}

/* Percent of the answers: failed ones; those that came from a cache. */
static void
fill_score(struct check_conf *c)
{
	set(&c->warn, c->kind == KIND_CACHE ? 30 : 5);
	set(&c->crit, c->kind == KIND_CACHE ? 5 : 50);
}

/* Answers of our own are asked for fast, and their silence is given the time that a supervisor
 * needs to start a worker again. */
static void
fill_window(struct check_conf *c)
{
	bool self_dns = c->kind == KIND_DNS && check_conf_class(c) == CLASS_SELF;
	bool told = c->kind == KIND_WORKERS || c->kind == KIND_LINK || c->kind == KIND_BGP ||
		    c->kind == KIND_VANTAGE;
	int64_t timeout = c->kind == KIND_DNS ? 500 : 1000;

	if (c->kind == KIND_DNS && c->recursion)
		timeout = 1000;
	set(&c->interval_ms, self_dns ? 100 : 1000);
	set(&c->timeout_ms, least(c->interval_ms, timeout));
	/* What the kernel, BIRD or the roster tell is so; only where a missing address will be put
	 * back is its absence given one more look. */
	set(&c->rise, told ? 1 : 2);
	set(&c->fall, !told ? 3 : c->kind == KIND_LINK && c->address_interface != NULL ? 2 : 1);
	set(&c->forgive, told ? 1 : 10);
	set(&c->patience_ms, self_dns ? 700 : 0);
	set(&c->k, c->kind == KIND_UPSTREAM || c->kind == KIND_BGP || c->n_interfaces > 0 ? 1 : 0);
}

static void
fill_check(struct check_conf *c, const struct site *site)
{
	if (c->kind == KIND_DNS || c->kind == KIND_UPSTREAM)
		fill_question(c);
	if (c->kind == KIND_RESOURCE)
		fill_resource(c, site);
	if (c->kind == KIND_ERROR_RATE || c->kind == KIND_CACHE)
		fill_score(c);
	fill_window(c);
}

static void
fill_thresholds(struct ladder_conf *ladder, const struct site *site)
{
	int i;

	ladder->n_rungs = site->n_rungs;
	for (i = 0; i < site->n_rungs - 1; i++) {
		ladder->enter[i] = (int)site->rungs[i].enter;
		ladder->leave[i] = (int)site->rungs[i].leave;
	}
}

void
settings_fill(struct settings *s, struct arena *arena)
{
	int i;

	set(&s->workers.min_ready, s->workers.count > 1 ? s->workers.count - 1 : s->workers.count);
	if (s->recorder.path == NULL)
		s->recorder.path = arena_printf(arena, "%s/recorder", s->site.paths.state_dir);
	fill_thresholds(&s->ladder, &s->site);
	if (s->n_checks == 0)
		settings_default_checks(s, arena);
	for (i = 0; i < s->n_checks; i++)
		fill_check(&s->checks[i], &s->site);
}

/* As read from a group that holds nothing but name and kind. */
static struct check_conf *
add(struct settings *s, const char *name, enum check_kind kind, int64_t weight)
{
	struct check_conf *c = &s->checks[s->n_checks++];

	*c = (struct check_conf){
	    .name = name,
	    .kind = (int)kind,
	    .families = 3,
	    .weight = weight,
	    .interval_ms = CONF_AUTO,
	    .timeout_ms = CONF_AUTO,
	    .k = CONF_AUTO,
	    .rise = CONF_AUTO,
	    .fall = CONF_AUTO,
	    .forgive = CONF_AUTO,
	    .patience_ms = CONF_AUTO,
	    .transports = TRANSPORT_UDP,
	    .warn = CONF_AUTO,
	    .crit = CONF_AUTO,
	    .window_ms = 10000,
	    .min_answers = 50,
	};
	return c;
}

static void
add_self(struct settings *s)
{
	struct check_conf *c;

	if (s->workers.count > 0)
		add(s, "workers", KIND_WORKERS, 0)->vital = true;
	add(s, "id_udp", KIND_DNS, 0)->vital = true;
	c = add(s, "id_tcp", KIND_DNS, 0);
	c->vital = true;
	c->transports = TRANSPORT_TCP;
	c->interval_ms = 1000;
	/* More workers than a check has targets: `workers` asks each of them anyway. */
	if (s->workers.count > 0 && s->workers.count + s->workers.spare <= MAX_TARGETS) {
		c = add(s, "worker_answers", KIND_DNS, 5);
		c->target = DNS_WORKERS;
		c->qname = "localhost";
	}
	c = add(s, "addresses", KIND_LINK, 0);
	c->vital = true;
	c->addresses = true;
}

/* Four of the root servers, of which one must answer. */
static void
add_upstream(struct settings *s, struct arena *arena)
{
	static const char *const roots[] = {"193.0.14.129", "199.7.83.42", "2001:7fd::1",
	    "2001:500:9f::42"};
	struct check_conf *c = add(s, "upstream", KIND_UPSTREAM, 1);

	c->servers = arena_get(arena, sizeof(roots));
	memcpy(c->servers, roots, sizeof(roots));
	c->n_servers = (int)(sizeof(roots) / sizeof(roots[0]));
}

static void
add_derived(struct settings *s)
{
	static const struct {
		const char *name;
		enum resource_source source;
		int64_t weight;
	} resources[] = {
	    {"pressure_cpu", RESOURCE_PSI_CPU, 8},
	    {"pressure_memory", RESOURCE_PSI_MEMORY, 8},
	    {"memory", RESOURCE_MEM_AVAILABLE, 2},
	    {"descriptors", RESOURCE_DESCRIPTORS, 1},
	    {"udp_drops", RESOURCE_UDP_DROPS, 1},
	};
	struct check_conf *c = add(s, "recursion", KIND_DNS, 120);
	size_t i;

	c->recursion = true;
	c->qname = ".";
	c->qtype = "NS";
	if (s->workers.resolver[0] != '\0')
		add(s, "errors", KIND_ERROR_RATE, 30);
	if (s->site.bird.n_sessions > 0)
		add(s, "bgp", KIND_BGP, 1);
	for (i = 0; i < sizeof(resources) / sizeof(resources[0]); i++)
		add(s, resources[i].name, KIND_RESOURCE, resources[i].weight)->source =
		    (int)resources[i].source;
}

/*
 * Weights are chosen for the default rungs: recursion failing alone brings the score under 20 (it
 * may go silent, once the fault is proven to be here), and everything that pressure can say stays
 * above 80. Vital checks need no weight.
 *
 * With our own resolver the clients' answers are counted. Where there are enough to judge,
 * recursion failing while they are well only drains (they live on the cache), and their failures
 * alone take the node one rung down.
 */
void
settings_default_checks(struct settings *s, struct arena *arena)
{
	s->checks = arena_get(arena, 16 * sizeof(*s->checks));
	add_self(s);
	add_upstream(s, arena);
	add_derived(s);
}
