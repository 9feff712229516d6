/*
 * beaconkernel: see the header. Messages are built by hand: libnl's route objects cannot be asked
 * for one table, and a router's other tables may hold a million routes.
 *
 * A number is a metric, so two numbers of one beacon are two routes: the new one is added before
 * the old one goes, and BIRD never sees the beacon missing.
 */
#include "bgpctl/beaconkernel.h"

#include <linux/rtnetlink.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bgpctl/birdconf_fleet.h"
#include "lib/ensure.h"

#define FLUSH_AT_ONCE 64
#define FLUSH_ROUNDS 200 /* a table that somebody fills as we empty it is left to the next call */

struct beaconkernel {
	struct nl_sock *sock;
	struct kernel_beacon *out; /* of the listing in progress; borrowed */
	int n, max;
};

static int
width(enum family f)
{
	return f == FAMILY_V4 ? 32 : 128;
}

/* One row of a listing. */
static int
take(struct nl_msg *msg, void *arg)
{
	struct beaconkernel *k = arg;
	struct nlmsghdr *head = nlmsg_hdr(msg);
	struct rtmsg *route = nlmsg_data(head);
	struct nlattr *a[RTA_MAX + 1];
	struct kernel_beacon b = {.link = 0};

	if (head->nlmsg_type != RTM_NEWROUTE ||
	    nlmsg_parse(head, sizeof(*route), a, RTA_MAX, NULL) < 0)
		return NL_OK;
	/* Kernels that do not filter give everything. */
	if (route->rtm_protocol != BEACON_PROTOCOL || !a[RTA_TABLE] ||
	    nla_get_u32(a[RTA_TABLE]) != BEACON_TABLE || k->n == k->max)
		return NL_OK;
	b.net.addr.family = route->rtm_family == AF_INET ? FAMILY_V4 : FAMILY_V6;
	b.net.length = route->rtm_dst_len;
	if (a[RTA_DST])
		nla_memcpy(b.net.addr.bytes, a[RTA_DST], width(b.net.addr.family) / 8);
	if (a[RTA_PRIORITY])
		b.number = nla_get_u32(a[RTA_PRIORITY]);
	if (route->rtm_type == RTN_UNICAST && a[RTA_OIF])
		b.link = (int)nla_get_u32(a[RTA_OIF]);
	k->out[k->n++] = b;
	return NL_OK;
}

struct beaconkernel *
beaconkernel_open(struct err *err)
{
	struct beaconkernel *k = calloc(1, sizeof(*k));
	int e, strict = 1;

	ENSURE(k);
	k->sock = nl_socket_alloc();
	ENSURE(k->sock);
	nl_socket_modify_cb(k->sock, NL_CB_VALID, NL_CB_CUSTOM, take, k);
	e = nl_connect(k->sock, NETLINK_ROUTE);
	if (e < 0) {
		err_set(err, "cannot open a netlink socket for the beacons: %s", nl_geterror(e));
		beaconkernel_close(k);
		return NULL;
	}
	/* Lets the kernel filter; where it cannot, take() does. */
	setsockopt(nl_socket_get_fd(k->sock), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &strict,
	    sizeof(strict));
	return k;
}

void
beaconkernel_close(struct beaconkernel *k)
{
	if (!k)
		return;
	nl_socket_free(k->sock);
	free(k);
}

static struct nl_msg *
message(int type, int flags, const struct rtmsg *route)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, flags);

	ENSURE(msg);
	ENSURE(nlmsg_append(msg, (void *)(uintptr_t)route, sizeof(*route), NLMSG_ALIGNTO) == 0);
	ENSURE(nla_put_u32(msg, RTA_TABLE, BEACON_TABLE) == 0);
	return msg;
}

static int
list_family(struct beaconkernel *k, enum family f, struct err *err)
{
	struct rtmsg route = {
	    .rtm_family = f == FAMILY_V4 ? AF_INET : AF_INET6, .rtm_protocol = BEACON_PROTOCOL};
	struct nl_msg *msg = message(RTM_GETROUTE, NLM_F_DUMP, &route);
	int e = nl_send_auto(k->sock, msg);

	nlmsg_free(msg);
	if (e >= 0)
		e = nl_recvmsgs_default(k->sock);
	/* A table in which there never was a route does not exist. */
	if (e < 0 && e != -NLE_OBJ_NOTFOUND)
		return err_set(
		    err, "cannot list the kernel's table %d: %s", BEACON_TABLE, nl_geterror(e));
	return 0;
}

int
beaconkernel_list(
    struct beaconkernel *k, uint32_t families, struct kernel_beacon *out, int max, struct err *err)
{
	k->out = out;
	k->n = 0;
	k->max = max;
	for (int f = 0; f < N_FAMILIES; f++)
		if (families >> f & 1 && list_family(k, (enum family)f, err) < 0)
			return -1;
	return k->n;
}

static int
change(struct beaconkernel *k, int type, int flags, const struct kernel_beacon *b)
{
	enum family f = b->net.addr.family;
	struct rtmsg route = {
	    .rtm_family = f == FAMILY_V4 ? AF_INET : AF_INET6,
	    .rtm_dst_len = b->net.length,
	    .rtm_protocol = BEACON_PROTOCOL,
	    .rtm_scope = b->link != 0 && f == FAMILY_V4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
	    .rtm_type = b->link != 0 ? RTN_UNICAST : RTN_BLACKHOLE,
	};
	struct nl_msg *msg;
	int e;

	if (type == RTM_DELROUTE)
		route.rtm_scope = RT_SCOPE_NOWHERE;
	msg = message(type, flags | NLM_F_ACK, &route);
	ENSURE(nla_put(msg, RTA_DST, width(f) / 8, b->net.addr.bytes) == 0);
	ENSURE(nla_put_u32(msg, RTA_PRIORITY, b->number) == 0);
	if (b->link != 0)
		ENSURE(nla_put_u32(msg, RTA_OIF, (uint32_t)b->link) == 0);
	e = nl_send_sync(k->sock, msg); /* frees it */
	return e;
}

int
beaconkernel_add(struct beaconkernel *k, const struct kernel_beacon *b, struct err *err)
{
	char text[PREFIX_TEXT];
	int e = change(k, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, b);

	if (e >= 0 || e == -NLE_EXIST)
		return 0;
	/* libnl has no name for ENETDOWN. */
	if (b->link != 0 && (e == -NLE_NODEV || e == -NLE_FAILURE))
		return -2;
	return err_set(err, "cannot write the beacon %s into the kernel's table %d: %s",
	    prefix_render(&b->net, text), BEACON_TABLE, nl_geterror(e));
}

int
beaconkernel_delete(struct beaconkernel *k, const struct kernel_beacon *b, struct err *err)
{
	char text[PREFIX_TEXT];
	int e = change(k, RTM_DELROUTE, 0, b);

	/* ESRCH: it went by itself, with its gate. */
	if (e >= 0 || e == -NLE_OBJ_NOTFOUND || e == -NLE_NODEV)
		return 0;
	return err_set(err, "cannot take the beacon %s out of the kernel's table %d: %s",
	    prefix_render(&b->net, text), BEACON_TABLE, nl_geterror(e));
}

int
beaconkernel_flush(struct beaconkernel *k, struct err *err)
{
	struct kernel_beacon list[FLUSH_AT_ONCE];
	struct err later;
	int n = 0, failed = 0;

	for (int round = 0; round < FLUSH_ROUNDS && failed == 0; round++) {
		n = beaconkernel_list(k, 3, list, FLUSH_AT_ONCE, err);
		if (n < 0)
			return -1;
		for (int i = 0; i < n; i++)
			if (beaconkernel_delete(k, &list[i], failed ? &later : err) < 0)
				failed = -1;
		if (n < FLUSH_AT_ONCE)
			break;
	}
	return failed;
}
