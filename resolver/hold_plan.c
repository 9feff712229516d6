#include "resolver/hold_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/ensure.h"
#include "lib/scoreboard.h"
#include "resolver/ask_held.h"
#include "resolver/given.h"
#include "resolver/hold.h"
#include "resolver/quarantine_map.h"
#include "resolver/secret.h"
#include "resolver/store.h"

/* The number at *text, in its shortest form and up to `most`; -1: there is none. */
static int
number_read(const char **text, int most)
{
	const char *at = *text;
	int n = 0;

	if (*at < '0' || *at > '9' || (at[0] == '0' && at[1] >= '0' && at[1] <= '9'))
		return -1;
	for (; *at >= '0' && *at <= '9' && n <= most; at++)
		n = n * 10 + (*at - '0');
	*text = at;
	return n <= most ? n : -1;
}

bool
hold_is_udp(const char *name, unsigned *slot)
{
	const char *at = name + 4;
	int n;

	if (strncmp(name, "udp.", 4) != 0)
		return false;
	n = number_read(&at, HOLD_SLOTS_MAX - 1);
	if (n == -1 || *at++ != '.' || number_read(&at, HELD_MAX) == -1 || *at != '\0')
		return false;
	*slot = (unsigned)n;
	return true;
}

bool
hold_is_tcp(const char *name)
{
	const char *at = name + 4;

	return strncmp(name, "tcp.", 4) == 0 && number_read(&at, HELD_MAX) != -1 && *at == '\0';
}

int
plan_close_ranks(int fds[], int n)
{
	int last = n - 1;

	for (int i = 0; i <= last; i++) {
		while (last > i && fds[last] == -1)
			last--;
		if (fds[i] == -1 && last > i) {
			fds[i] = fds[last];
			fds[last--] = -1;
		}
	}
	for (n = 0; n <= last && fds[n] != -1; n++)
		continue;
	return n;
}

size_t
plan_shard_bytes(const struct plan *p)
{
	return (size_t)p->conf->worker.l2_mib << 20;
}

static void
put(struct plan *p, const struct item *item)
{
	ENSURE(held_name_ok(item->name));
	if (p->n < HELD_MAX)
		p->items[p->n] = *item;
	p->n++;
}

/* What was handed over of these sockets, by slot. */
static int
udp_found(const struct place *place, const struct held *old, int fds[static HOLD_SLOTS_MAX])
{
	struct place at;
	unsigned slot;

	for (int i = 0; i < HOLD_SLOTS_MAX; i++)
		fds[i] = -1;
	for (int i = 0; i < old->n; i++) {
		int fd = old->all[i].fd;

		if (hold_is_udp(old->all[i].name, &slot) && fds[slot] == -1 &&
		    socket_place(fd, &at) && place_equal(&at, place) && socket_is_shared(fd))
			fds[slot] = fd;
	}
	return plan_close_ranks(fds, HOLD_SLOTS_MAX);
}

static void
plan_udp(struct plan *p, int number, const struct held *old)
{
	struct item item = {.kind = ITEM_SOCKET,
	    .place = {p->conf->listen[number], (uint16_t)p->conf->port, false}};
	int fds[HOLD_SLOTS_MAX], found = udp_found(&item.place, old, fds);

	for (int slot = 0; slot < p->slots || slot < found; slot++) {
		snprintf(item.name, sizeof(item.name), "udp.%d.%d", slot, number);
		item.first = slot == 0;
		item.fd = fds[slot];
		put(p, &item);
	}
}

static void
plan_tcp(struct plan *p, int number, const struct held *old)
{
	struct item item = {.kind = ITEM_SOCKET,
	    .fd = -1,
	    .first = true,
	    .place = {p->conf->listen[number], (uint16_t)p->conf->port, true}};
	struct place at;

	snprintf(item.name, sizeof(item.name), "tcp.%d", number);
	for (int i = 0; i < old->n && item.fd == -1; i++)
		if (hold_is_tcp(old->all[i].name) && socket_place(old->all[i].fd, &at) &&
		    place_equal(&at, &item.place))
			item.fd = old->all[i].fd;
	put(p, &item);
}

static void
plan_score(struct plan *p, uint32_t kind, int number, const struct held *old)
{
	struct item item = {.kind = ITEM_SCORE, .score_kind = kind};
	struct scoreboard *s = NULL;
	struct err ignored;

	if (number == ENGINE_PROBATION)
		given_engine(item.name, "score.", number);
	else
		snprintf(item.name, sizeof(item.name), "score.%c%d", (char)kind, number);
	item.fd = held_find(old, item.name);
	if (item.fd != -1)
		s = scoreboard_map(item.fd, true, &ignored);
	if (s == NULL || s->kind != kind)
		item.fd = -1;
	scoreboard_unmap(s);
	put(p, &item);
}

static void
plan_shard(struct plan *p, int number, const struct held *old)
{
	struct item item = {.kind = ITEM_SHARD, .number = number};

	snprintf(item.name, sizeof(item.name), "shard.%d", number);
	item.fd = held_find(old, item.name);
	if (item.fd != -1 && !l2_fits(item.fd, plan_shard_bytes(p)))
		item.fd = -1;
	put(p, &item);
}

static void
plan_hits(struct plan *p, int number, const struct held *old)
{
	struct item item = {.kind = ITEM_HITS, .number = number};

	snprintf(item.name, sizeof(item.name), "hits.%d", number);
	item.fd = held_find(old, item.name);
	if (item.fd != -1 && !l2_hits_fit(item.fd, plan_shard_bytes(p)))
		item.fd = -1;
	put(p, &item);
}

static void
plan_quarantine(struct plan *p, const struct held *old)
{
	struct item item = {.kind = ITEM_QUARANTINE, .name = HOLD_QUARANTINE};
	struct quarantine *q = NULL;
	struct err ignored;

	item.fd = held_find(old, item.name);
	if (item.fd != -1)
		q = quarantine_open(item.fd, true, &ignored);
	if (q == NULL)
		item.fd = -1;
	quarantine_close(q);
	put(p, &item);
}

static int
plan_listener(struct plan *p, int number, const struct held *old, struct err *err)
{
	struct item item = {.kind = ITEM_LISTENER, .number = number};
	int fits;

	given_engine(item.name, "listen.", number);
	item.fd = held_find(old, item.name);
	if (item.fd != -1) {
		fits = ask_held(item.fd, p->conf->run_dir, number, p->conf->worker.user, err);
		if (fits == -1)
			return -1;
		if (fits == 0)
			item.fd = -1;
	}
	put(p, &item);
	return 0;
}

static void
plan_secret(struct plan *p, const struct held *old)
{
	struct item item = {.name = HOLD_SECRET, .kind = ITEM_SECRET};

	item.fd = held_find(old, HOLD_SECRET);
	if (item.fd != -1 && !secret_fits(item.fd))
		item.fd = -1;
	put(p, &item);
}

/* The holder has things of its own beside ours. */
static int
room_check(const struct plan *p, struct err *err)
{
	const struct resolver_conf *c = p->conf;

	if (p->n <= HELD_MAX - 8)
		return 0;
	return conf_wrong(c->places, c, "listen", -1, err,
	    "%d addresses for %d workers are %d descriptors, more than the %d that can be held; "
	    "listen on fewer",
	    c->n_listen, p->slots, p->n, HELD_MAX - 8);
}

int
plan_make(struct plan *p, const struct held *old, struct err *err)
{
	const struct resolver_conf *c = p->conf;

	p->items = calloc(HELD_MAX, sizeof(*p->items));
	ENSURE(p->items != NULL);
	for (int i = 0; i < c->n_listen; i++)
		plan_udp(p, i, old);
	for (int i = 0; i < c->n_listen; i++)
		plan_tcp(p, i, old);
	for (int i = 0; i < p->slots; i++)
		plan_score(p, 'w', i, old);
	for (int i = 0; i < c->engines; i++) {
		plan_score(p, 'e', i, old);
		plan_shard(p, i, old);
		plan_hits(p, i, old);
	}
	if (c->engine.probation) {
		plan_score(p, 'e', ENGINE_PROBATION, old);
		plan_quarantine(p, old);
	}
	plan_secret(p, old);
	for (int i = 0; i < c->engines; i++)
		if (plan_listener(p, i, old, err) == -1)
			return -1;
	if (c->engine.probation && plan_listener(p, ENGINE_PROBATION, old, err) == -1)
		return -1;
	return room_check(p, err);
}

void
plan_fini(struct plan *p)
{
	free(p->items);
	*p = (struct plan){0};
}
