/*
 * brain_links: facts that come as events rather than as answers: carrier and addresses from the
 * kernel, BGP sessions from BIRD. They are re-sampled each second, so that their windows stay
 * fresh.
 */
#include "healthd/brain.h"

#include <stdio.h>
#include <string.h>

#include "lib/event.h"

#define RESTORE_MIN_MS 1000 /* between putting an address back and doing so again ... */
#define RESTORE_MAX_MS 60000 /* ... doubled up to this */

static void
feed_carrier(struct brain *b, struct instance *i, int t)
{
	for (int u = 0; u < b->n_uplinks; u++) {
		if (!b->uplinks[u].known || strcmp(b->uplinks[u].name, i->targets[t].label) != 0)
			continue;
		checks_feed(b, i, t, b->uplinks[u].present ? OUTCOME_OK : OUTCOME_WRONG,
		    b->uplinks[u].present ? 100 : 0, b->uplinks[u].present ? "" : "no carrier");
	}
}

static void
feed_address(struct brain *b, struct instance *i, int t)
{
	char text[ADDR_TEXT];

	for (int a = 0; a < b->n_addresses; a++) {
		if (!b->addresses[a].known ||
		    strcmp(addr_render(&b->addresses[a].address, text), i->targets[t].label) != 0)
			continue;
		checks_feed(b, i, t, b->addresses[a].present ? OUTCOME_OK : OUTCOME_WRONG,
		    b->addresses[a].present ? 100 : 0, b->addresses[a].present ? "" : "not bound");
	}
}

/* Of one interface or address, or of all: NULL. What one of them does is no news of the others:
 * `rise` counts samples. */
static void
links_feed(struct brain *b, const char *one)
{
	for (int n = 0; n < b->n_instances; n++) {
		struct instance *i = &b->instances[n];

		for (int t = 0; t < i->n_targets; t++) {
			if (one != NULL && strcmp(i->targets[t].label, one) != 0)
				continue;
			if (i->carrier)
				feed_carrier(b, i, t);
			else if (i->addresses)
				feed_address(b, i, t);
		}
	}
}

static void
on_carrier(void *arg, const char *interface, bool present)
{
	struct brain *b = arg;

	for (int u = 0; u < b->n_uplinks; u++)
		if (strcmp(b->uplinks[u].name, interface) == 0) {
			b->uplinks[u].known = true;
			b->uplinks[u].present = present;
		}
	links_feed(b, interface);
}

/* The interface on which the configuration wants a missing address of this lane restored. */
static const char *
restore_interface(const struct brain *b, const struct addr *address)
{
	for (int n = 0; n < b->n_instances; n++) {
		const struct instance *i = &b->instances[n];
		char text[ADDR_TEXT];

		if (!i->addresses || i->conf->address_interface == NULL ||
		    *i->conf->address_interface == '\0')
			continue;
		for (int t = 0; t < i->n_targets; t++)
			if (strcmp(addr_render(address, text), i->targets[t].label) == 0)
				return i->conf->address_interface;
	}
	return NULL;
}

/* Puts a missing address back: at once the first time, then after waits that double, so that
 * neither an interface that is gone nor a hand that takes it away again makes us busy or loud. */
static void
restore(struct brain *b, struct own_address *a)
{
	const char *interface = restore_interface(b, &a->address);
	struct mono now = mono_now();
	char text[ADDR_TEXT];
	struct event e;
	struct err err;

	if (interface == NULL || b->settings.mode == MODE_OBSERVE || b->shutdown ||
	    mono_before(now, a->restore_at))
		return;
	a->restore_wait_ms = a->restore_wait_ms == 0 ? RESTORE_MIN_MS : 2 * a->restore_wait_ms;
	if (a->restore_wait_ms > RESTORE_MAX_MS)
		a->restore_wait_ms = RESTORE_MAX_MS;
	a->restore_at = mono_add_ms(now, a->restore_wait_ms);
	event_begin(&e, EVENT_WARN, "address_restore");
	event_str(&e, "address", addr_render(&a->address, text));
	event_str(&e, "interface", interface);
	event_int(&e, "times", ++a->restores);
	if (link_restore(b->link, &a->address, interface, &err) < 0) {
		e.level = EVENT_ALARM;
		event_str(&e, "failed", err.text);
	}
	event_send(&e);
}

static void
on_address(void *arg, const struct addr *address, bool present)
{
	struct brain *b = arg;
	char text[ADDR_TEXT];

	for (int a = 0; a < b->n_addresses; a++) {
		if (!addr_equal(&b->addresses[a].address, address))
			continue;
		b->addresses[a].known = true;
		b->addresses[a].present = present;
		if (!present)
			restore(b, &b->addresses[a]);
	}
	links_feed(b, addr_render(address, text));
	lanes_touch(b, lanes_all(b));
}

void
links_second(struct brain *b)
{
	struct mono now = mono_now();

	for (int i = 0; i < b->n_addresses; i++) {
		struct own_address *a = &b->addresses[i];

		if (a->known && !a->present)
			restore(b, a);
		else if (!mono_before(now, mono_add_ms(a->restore_at, RESTORE_MAX_MS))) {
			a->restore_wait_ms = 0;
			a->restores = 0;
		}
	}
	links_feed(b, NULL);
}

static void
collect_addresses(struct brain *b, struct addr *all)
{
	for (int l = 0; l < MAX_LANES; l++) {
		struct addr own[MAX_ADDRESSES];
		int n;

		if (!b->lanes[l].exists)
			continue;
		n = lane_addresses(&b->settings.site, l, own);
		for (int a = 0; a < n; a++) {
			all[b->n_addresses] = own[a];
			b->addresses[b->n_addresses++].address = own[a];
		}
	}
}

static void
add_uplink(struct brain *b, const char *name)
{
	for (int u = 0; u < b->n_uplinks; u++)
		if (strcmp(b->uplinks[u].name, name) == 0)
			return;
	b->uplinks[b->n_uplinks++].name = name;
}

/* Of all checks; what two of them name is there once, so that each hears of it once. */
static void
collect_uplinks(struct brain *b)
{
	int room = 0;

	for (int c = 0; c < b->settings.n_checks; c++)
		room += b->settings.checks[c].n_interfaces;
	b->uplinks = arena_get(b->arena, sizeof(*b->uplinks) * ((size_t)room + 1));
	for (int c = 0; c < b->settings.n_checks; c++) {
		const struct check_conf *k = &b->settings.checks[c];

		for (int u = 0; k->kind == KIND_LINK && u < k->n_interfaces; u++)
			add_uplink(b, k->interfaces[u]);
	}
}

int
links_init(struct brain *b, struct err *err)
{
	struct addr *all = arena_get(b->arena, sizeof(*all) * MAX_LANES * MAX_ADDRESSES);
	const char **names;

	b->addresses = arena_get(b->arena, sizeof(*b->addresses) * MAX_LANES * MAX_ADDRESSES);
	collect_addresses(b, all);
	collect_uplinks(b);
	names = arena_get(b->arena, sizeof(*names) * ((size_t)b->n_uplinks + 1));
	for (int u = 0; u < b->n_uplinks; u++)
		names[u] = b->uplinks[u].name;
	b->link = link_watch_new(b->loop, names, b->n_uplinks, all, b->n_addresses, on_carrier,
	    on_address, b, err);
	return b->link == NULL ? -1 : 0;
}

static void
feed_session(struct brain *b, struct instance *i, int t)
{
	const struct site *site = &b->settings.site;

	for (int s = 0; s < site->bird.n_sessions; s++) {
		const struct session_view *v = &b->sessions[s];

		if (strcmp(site->bird.sessions[s].name, i->targets[t].label) != 0)
			continue;
		if (v->state == SESSION_UNKNOWN)
			checks_feed(b, i, t, OUTCOME_UNKNOWN, 0, "BIRD does not answer");
		else if (v->state != SESSION_UP)
			checks_feed(b, i, t, OUTCOME_WRONG, 0,
			    v->state == SESSION_MISSING ? "not in BIRD" : v->text);
		else if (i->conf->bfd && v->bfd_known && !v->bfd_up)
			checks_feed(b, i, t, OUTCOME_WRONG, 0, "BFD is not up");
		else
			checks_feed(b, i, t, OUTCOME_OK, 100, "");
	}
}

void
checks_sessions(struct brain *b)
{
	for (int n = 0; n < b->n_instances; n++) {
		struct instance *i = &b->instances[n];

		for (int t = 0; i->sessions && t < i->n_targets; t++)
			feed_session(b, i, t);
	}
}
