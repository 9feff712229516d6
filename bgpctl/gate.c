/*
 * gate: links that carry nothing and exist for one bit, "is it up". BIRD's static route by a gate
 * is in force exactly while the gate is up.
 *
 * A gate never has an address: BIRD needs none, and a link-local one would make the kernel send
 * multicast on a link that nobody listens to. Hence addrgenmode none, set while the link is still
 * down. A gate that is made by two processes at once is made once; whoever comes second is content.
 *
 * `struct gates` is one netlink socket, owned by whoever called gates_open(). No state is cached:
 * each question is answered by the kernel.
 */
#include "bgpctl/gate.h"

#include <linux/if_link.h>
#include <net/if.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/link/inet6.h>
#include <stdlib.h>
#include <string.h>

#include "bgpctl/beaconkernel.h"
#include "lib/ensure.h"

struct gates {
	struct nl_sock *sock;
};

struct gates *
gates_open(struct err *err)
{
	struct gates *g = calloc(1, sizeof(*g));
	int e;

	ENSURE(g);
	g->sock = nl_socket_alloc();
	ENSURE(g->sock);
	e = nl_connect(g->sock, NETLINK_ROUTE);
	if (e < 0) {
		err_set(err, "cannot open a netlink socket for the gates: %s", nl_geterror(e));
		gates_close(g);
		return NULL;
	}
	return g;
}

void
gates_close(struct gates *g)
{
	if (!g)
		return;
	nl_socket_free(g->sock);
	free(g);
}

static void
ensure_name(const char *name)
{
	ENSURE(name[0] != '\0' && strlen(name) < IFNAMSIZ);
}

/* 0 and a link to be put back, or the (negative) error of libnl. */
static int
find(struct gates *g, const char *name, struct rtnl_link **link)
{
	ensure_name(name);
	return rtnl_link_get_kernel(g->sock, 0, name, link);
}

static bool
says_absent(int e)
{
	return e == -NLE_NODEV || e == -NLE_OBJ_NOTFOUND;
}

enum lock
gate_state(struct gates *g, const char *name)
{
	struct rtnl_link *link;
	int e = find(g, name, &link);
	bool up;

	if (says_absent(e))
		return LOCK_ABSENT;
	if (e < 0)
		return LOCK_UNKNOWN;
	up = rtnl_link_get_flags(link) & IFF_UP;
	rtnl_link_put(link);
	return up ? LOCK_OPEN : LOCK_CLOSED;
}

static int
add(struct gates *g, const char *name, const char *type)
{
	struct rtnl_link *link = rtnl_link_alloc();
	int e;

	ENSURE(link);
	rtnl_link_set_name(link, name);
	e = rtnl_link_set_type(link, type);
	if (e >= 0)
		e = rtnl_link_add(g->sock, link, NLM_F_CREATE | NLM_F_EXCL);
	rtnl_link_put(link);
	return e;
}

/* Kernels take this only from a link that exists. One without IPv6 has no such mode, and no need.
 */
static void
keep_addressless(struct gates *g, const char *name)
{
	struct rtnl_link *link, *change;
	uint8_t mode;

	if (find(g, name, &link) < 0)
		return;
	if (rtnl_link_inet6_get_addr_gen_mode(link, &mode) >= 0 && mode == IN6_ADDR_GEN_MODE_NONE) {
		rtnl_link_put(link);
		return;
	}
	change = rtnl_link_alloc();
	ENSURE(change);
	if (rtnl_link_inet6_set_addr_gen_mode(change, IN6_ADDR_GEN_MODE_NONE) >= 0)
		rtnl_link_change(g->sock, link, change, 0);
	rtnl_link_put(change);
	rtnl_link_put(link);
}

int
gate_make(struct gates *g, const char *name, struct err *err)
{
	int e = 0;

	ensure_name(name);
	if (gate_state(g, name) < LOCK_CLOSED)
		e = add(g, name, "dummy");
	if (e < 0 && e != -NLE_EXIST && e != -NLE_PERM)
		e = add(g, name, "bridge");
	if (e < 0 && e != -NLE_EXIST)
		return err_set(err,
		    "cannot create the gate %s: %s; it takes CAP_NET_ADMIN and a kernel with "
		    "dummy or bridge links",
		    name, nl_geterror(e));
	keep_addressless(g, name);
	return 0;
}

int
gate_set(struct gates *g, const char *name, bool up, struct err *err)
{
	struct rtnl_link *link, *change;
	int e = find(g, name, &link);

	if (e < 0)
		return err_set(err, "cannot set the gate %s %s: %s", name, up ? "up" : "down",
		    nl_geterror(e));
	change = rtnl_link_alloc();
	ENSURE(change);
	if (up)
		rtnl_link_set_flags(change, IFF_UP);
	else
		rtnl_link_unset_flags(change, IFF_UP);
	e = rtnl_link_change(g->sock, link, change, 0);
	rtnl_link_put(change);
	rtnl_link_put(link);
	if (e < 0)
		return err_set(err, "cannot set the gate %s %s: %s", name, up ? "up" : "down",
		    nl_geterror(e));
	return 0;
}

int
gate_delete(struct gates *g, const char *name, struct err *err)
{
	struct rtnl_link *link;
	int e = find(g, name, &link);

	if (says_absent(e))
		return 0;
	if (e >= 0) {
		e = rtnl_link_delete(g->sock, link);
		rtnl_link_put(link);
	}
	if (e < 0 && !says_absent(e))
		return err_set(err, "cannot delete the gate %s: %s", name, nl_geterror(e));
	return 0;
}

static int
gate_down(struct gates *g, const char *name, struct err *err)
{
	int e = gate_set(g, name, false, err);

	/* An absent gate is as good as a closed one. */
	if (e < 0 && gate_state(g, name) == LOCK_ABSENT)
		return 0;
	return e;
}

int
beacons_silence(struct err *err)
{
	struct beaconkernel *k = beaconkernel_open(err);
	int rc = k ? beaconkernel_flush(k, err) : -1;

	beaconkernel_close(k);
	return rc;
}

#define MAX_OWN (MAX_LANES * N_BEACON_KINDS * 2) /* a number in change is two routes */

static bool
is_verdicts(const struct site *site, const struct kernel_beacon *k)
{
	struct beacon b;

	for (int lane = 0; lane < MAX_LANES; lane++)
		if (lanes_with_beacons(site, 3) >> lane & 1 &&
		    beacon_parse(lane_beacons(site, lane), &k->net, k->number,
			(int)site->fleet.size, site->n_rungs, &b) == BEACON_OK &&
		    b.kind == BEACON_VERDICTS)
			return true;
	return false;
}

int
beacons_forget(const struct site *site, struct err *err)
{
	struct beaconkernel *k = beaconkernel_open(err);
	struct kernel_beacon own[MAX_OWN];
	int n = k ? beaconkernel_list(k, 3, own, MAX_OWN, err) : -1, rc = n < 0 ? -1 : 0;

	for (int i = 0; i < n; i++)
		if (is_verdicts(site, &own[i]) && beaconkernel_delete(k, &own[i], err) < 0)
			rc = -1;
	beaconkernel_close(k);
	return rc;
}

int
gates_all_down(struct gates *g, const struct site *site, struct err *err)
{
	struct err later;
	char name[LOCK_NAME];
	int failed = 0;

	if (lanes_with_beacons(site, 3))
		failed = beacons_silence(err);
	for (int lane = 0; lane < site->n_services * N_FAMILIES; lane++) {
		if (!lane_exists(site, lane))
			continue;
		for (int rung = RUNG_DRAIN; rung < site->n_rungs; rung++) {
			lane_gate(site, lane, rung, name);
			if (gate_down(g, name, failed ? &later : err) < 0)
				failed = -1;
		}
	}
	return failed;
}
