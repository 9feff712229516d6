#include "resolver/engine_probation.h"

#include <string.h>
#include <unistd.h>

#include "lib/dns.h"
#include "lib/event.h"
#include "lib/sealed.h"
#include "resolver/engine_impl.h"
#include "resolver/given.h"
#include "resolver/hold.h"
#include "resolver/quarantine_map.h"

#define MOST_IN_FLIGHT 64 /* libunbound's own questions on the way to one answer */
#define CACHE_MIB 4

const struct resolver_conf *
probation_conf(const struct resolver_conf *conf)
{
	static struct resolver_conf own;

	own = *conf;
	if (own.engine.in_flight > MOST_IN_FLIGHT)
		own.engine.in_flight = MOST_IN_FLIGHT;
	own.engine.cache_mib = CACHE_MIB;
	own.refresh.percent = 0;
	return &own;
}

static void
say(enum quarantine_settled settled, const struct sentence *s)
{
	char text[DNS_NAME_TEXT], type[DNS_WORD], how[QUARANTINE_HOW];
	struct dns_name name = {.length = s->key.name_length};

	memcpy(name.wire, s->key.name, s->key.name_length);
	dns_name_render(&name, text);
	dns_type_render(s->key.type, type);
	if (settled == SETTLED_SPARED)
		event_say(EVENT_WARN, "probation_spared",
		    "somebody ended the probation engine while it was at %s %s, which may be asked "
		    "once more",
		    text, type);
	else
		event_say(EVENT_ALARM, "quarantined",
		    "%s %s ended the probation engine (%s): nobody resolves it for %lld s; "
		    "times so far: %u",
		    text, type, quarantine_how(s, how), (long long)(s->until_s - s->since_s),
		    s->strikes);
}

int
probation_open(struct engine *e, struct held *given, struct err *err)
{
	int fd = given_take(given, HOLD_QUARANTINE);
	bool is_given = fd != -1;
	enum quarantine_settled settled;
	struct sentence sentence;

	if (!is_given && quarantine_make(&fd, err) < 0)
		return -1;
	e->quarantine = quarantine_open(fd, true, err);
	if (e->quarantine != NULL)
		e->shard_reader = sealed_reopen(fd, err);
	close(fd);
	if (e->quarantine == NULL || e->shard_reader < 0)
		return is_given ? err_wrap(err, "%s", HOLD_QUARANTINE) : -1;
	settled = quarantine_settle(e->quarantine, mono_now().us / 1000000, &sentence);
	if (settled != SETTLED_NOBODY)
		say(settled, &sentence);
	return 0;
}

void
probation_close(struct engine *e)
{
	if (e->over)
		quarantine_leave(e->quarantine);
	quarantine_close(e->quarantine);
}

void
probation_begun(struct engine *e, const struct key *k)
{
	quarantine_begin(e->quarantine, k);
	peers_pause(e);
}

void
probation_passed(struct engine *e)
{
	quarantine_end(e->quarantine);
	if (!e->hushed)
		peers_resume(e);
}
