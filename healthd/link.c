/*
 * link: what the kernel says about interfaces and addresses.
 *
 * Two netlink sockets: one only listens, one asks and commands. A message that concerns something
 * watched says no more than "look": the state always comes from one full reading of links and
 * addresses, so that a lost message, a renamed interface or an odd order of events are no cases of
 * their own. A reading is also made each 10 s, and after the kernel had to drop messages (ENOBUFS).
 *
 * An address is present when it is bound, past duplicate address detection, and its interface is
 * up: on an interface that is down, the kernel takes its local route away.
 */
#include "healthd/link.h"

#include <net/if.h> /* before the kernel's, which then leaves out what it has in common */
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/ensure.h"

#define RESYNC_S 10.0
#define EVENT_BUFFER (1 << 18) /* octets; more than fits is not lost, only read anew */
#define DUMP_TRIES 3 /* a dump that was interrupted by a change is made again */

struct watched_link {
	const char *name; /* borrowed */
	int index;	  /* as of the last reading; 0: not there */
	bool carrier, told, was;
};

struct watched_addr {
	struct addr addr;
	int index; /* of the interface that holds it, 0: none */
	bool present, told, was;
};

struct link_watch {
	struct ev_loop *loop;
	ev_io io;
	ev_timer resync;
	struct nl_sock *events, *asks; /* owned */
	struct watched_link *links;
	struct watched_addr *addrs;
	int n_links, n_addrs;
	int *up; /* indices of interfaces that are up, as of this reading; owned, grows */
	int n_up, room_up;
	bool dirty; /* a message concerned us, or some were lost */
	link_carrier *carrier;
	link_address *address;
	void *arg;
};

static bool
is_up(const struct link_watch *w, int index)
{
	for (int i = 0; i < w->n_up; i++)
		if (w->up[i] == index)
			return true;
	return false;
}

static void
up_add(struct link_watch *w, int index)
{
	if (w->n_up == w->room_up) {
		w->room_up = w->room_up > 0 ? 2 * w->room_up : 64;
		w->up = reallocarray(w->up, (size_t)w->room_up, sizeof(*w->up));
		ENSURE(w->up != NULL);
	}
	w->up[w->n_up++] = index;
}

/* The interface's message, or NULL: a bridge's own view of its ports comes by the same types. */
static const struct ifinfomsg *
link_message(struct nl_msg *msg, const char **name)
{
	struct nlmsghdr *h = nlmsg_hdr(msg);
	struct nlattr *attrs[IFLA_MAX + 1];

	if ((h->nlmsg_type != RTM_NEWLINK && h->nlmsg_type != RTM_DELLINK) ||
	    nlmsg_parse(h, sizeof(struct ifinfomsg), attrs, IFLA_MAX, NULL) < 0 ||
	    ((struct ifinfomsg *)nlmsg_data(h))->ifi_family != AF_UNSPEC ||
	    attrs[IFLA_IFNAME] == NULL)
		return NULL;
	*name = nla_get_string(attrs[IFLA_IFNAME]);
	return nlmsg_data(h);
}

/* The address's message, the address and its flags; or NULL. */
static const struct ifaddrmsg *
addr_message(struct nl_msg *msg, struct addr *out, uint32_t *flags)
{
	struct nlmsghdr *h = nlmsg_hdr(msg);
	struct nlattr *attrs[IFA_MAX + 1], *a;
	struct ifaddrmsg *m;
	int size;

	if ((h->nlmsg_type != RTM_NEWADDR && h->nlmsg_type != RTM_DELADDR) ||
	    nlmsg_parse(h, sizeof(*m), attrs, IFA_MAX, NULL) < 0)
		return NULL;
	m = nlmsg_data(h);
	if (m->ifa_family != AF_INET && m->ifa_family != AF_INET6)
		return NULL;
	a = attrs[IFA_LOCAL] != NULL ? attrs[IFA_LOCAL] : attrs[IFA_ADDRESS];
	size = m->ifa_family == AF_INET ? 4 : 16;
	if (a == NULL || nla_len(a) != size)
		return NULL;
	*out = (struct addr){.family = m->ifa_family == AF_INET ? FAMILY_V4 : FAMILY_V6};
	memcpy(out->bytes, nla_data(a), (size_t)size);
	*flags = attrs[IFA_FLAGS] != NULL ? nla_get_u32(attrs[IFA_FLAGS]) : m->ifa_flags;
	return m;
}

static struct watched_addr *
addr_find(struct link_watch *w, const struct addr *a)
{
	for (int i = 0; i < w->n_addrs; i++)
		if (addr_equal(&w->addrs[i].addr, a))
			return &w->addrs[i];
	return NULL;
}

static int
read_link(struct nl_msg *msg, void *arg)
{
	struct link_watch *w = arg;
	const struct ifinfomsg *m;
	const char *name;

	m = link_message(msg, &name);
	if (m == NULL)
		return NL_OK;
	if (m->ifi_flags & IFF_UP)
		up_add(w, m->ifi_index);
	for (int i = 0; i < w->n_links; i++)
		if (strcmp(w->links[i].name, name) == 0) {
			w->links[i].index = m->ifi_index;
			w->links[i].carrier =
			    (m->ifi_flags & IFF_UP) != 0 && (m->ifi_flags & IFF_LOWER_UP) != 0;
		}
	return NL_OK;
}

static bool
is_usable(uint32_t flags)
{
	if (flags & IFA_F_DADFAILED)
		return false;
	return (flags & IFA_F_TENTATIVE) == 0 || (flags & IFA_F_OPTIMISTIC) != 0;
}

static int
read_addr(struct nl_msg *msg, void *arg)
{
	struct link_watch *w = arg;
	const struct ifaddrmsg *m;
	struct watched_addr *a;
	struct addr addr;
	uint32_t flags;

	m = addr_message(msg, &addr, &flags);
	a = m != NULL ? addr_find(w, &addr) : NULL;
	if (a == NULL || a->present)
		return NL_OK; /* not ours, or another interface holds it well */
	a->index = (int)m->ifa_index;
	a->present = is_usable(flags) && is_up(w, a->index);
	return NL_OK;
}

/* One dump of `type` through `each`. 0 or a libnl error. */
static int
dump(struct link_watch *w, int type, nl_recvmsg_msg_cb_t each)
{
	struct rtgenmsg any = {.rtgen_family = AF_UNSPEC};
	int rc;

	nl_socket_modify_cb(w->asks, NL_CB_VALID, NL_CB_CUSTOM, each, w);
	rc = nl_send_simple(w->asks, type, NLM_F_DUMP, &any, sizeof(any));
	return rc < 0 ? rc : nl_recvmsgs_default(w->asks);
}

static int
read_all(struct link_watch *w)
{
	int rc = 0;

	for (int i = 0; i < DUMP_TRIES; i++) {
		w->n_up = 0;
		for (int k = 0; k < w->n_links; k++) {
			w->links[k].index = 0;
			w->links[k].carrier = false;
		}
		for (int k = 0; k < w->n_addrs; k++) {
			w->addrs[k].index = 0;
			w->addrs[k].present = false;
		}
		rc = dump(w, RTM_GETLINK, read_link);
		if (rc >= 0)
			rc = dump(w, RTM_GETADDR, read_addr);
		if (rc != -NLE_DUMP_INTR)
			break;
	}
	if (rc < 0 && rc != -NLE_DUMP_INTR) { /* what is left of an answer must not meet the next */
		nl_close(w->asks);
		nl_connect(w->asks, NETLINK_ROUTE);
	}
	return rc;
}

/* Tells what is not yet told. The callbacks come last of all: one of them may look again. */
static void
tell(struct link_watch *w)
{
	for (int i = 0; i < w->n_links; i++) {
		struct watched_link *l = &w->links[i];

		if (l->told && l->was == l->carrier)
			continue;
		l->told = true;
		l->was = l->carrier;
		w->carrier(w->arg, l->name, l->was);
	}
	for (int i = 0; i < w->n_addrs; i++) {
		struct watched_addr *a = &w->addrs[i];

		if (a->told && a->was == a->present)
			continue;
		a->told = true;
		a->was = a->present;
		w->address(w->arg, &a->addr, a->was);
	}
}

void
link_resync(struct link_watch *w)
{
	w->dirty = read_all(w) < 0; /* the timer tries again; what was told stands till then */
	if (!w->dirty)
		tell(w);
}

static void
on_resync(struct ev_loop *loop, ev_timer *t, int events)
{
	(void)events;
	t->repeat = RESYNC_S;
	ev_timer_again(loop, t);
	link_resync(t->data);
}

/* Does a message concern something that is watched, by its name now or its number before? */
static int
on_message(struct nl_msg *msg, void *arg)
{
	struct link_watch *w = arg;
	const struct ifinfomsg *link;
	struct addr addr;
	const char *name;
	uint32_t flags;

	if (addr_message(msg, &addr, &flags) != NULL) {
		w->dirty = w->dirty || addr_find(w, &addr) != NULL;
		return NL_OK;
	}
	link = link_message(msg, &name);
	if (link == NULL)
		return NL_OK;
	for (int i = 0; i < w->n_links; i++)
		if (w->links[i].index == link->ifi_index || strcmp(w->links[i].name, name) == 0)
			w->dirty = true;
	for (int i = 0; i < w->n_addrs; i++)
		if (w->addrs[i].index == link->ifi_index)
			w->dirty = true;
	return NL_OK;
}

static void
on_event(struct ev_loop *loop, ev_io *io, int events)
{
	struct link_watch *w = io->data;
	int rc;

	(void)loop, (void)events;
	do {
		rc = nl_recvmsgs_default(w->events);
	} while (rc >= 0);
	if (rc != -NLE_AGAIN)
		w->dirty = true; /* the kernel dropped some, or one we can't read */
	if (w->dirty)
		link_resync(w);
}

/* A connected routing socket. NULL and an error. */
static struct nl_sock *
socket_new(struct err *err)
{
	struct nl_sock *s = nl_socket_alloc();
	int rc;

	ENSURE(s != NULL);
	rc = nl_connect(s, NETLINK_ROUTE);
	if (rc < 0) {
		err_set(err, "netlink: %s", nl_geterror(rc));
		nl_socket_free(s);
		return NULL;
	}
	return s;
}

static int
events_open(struct link_watch *w, struct err *err)
{
	int rc;

	w->events = socket_new(err);
	if (w->events == NULL)
		return -1;
	nl_socket_disable_seq_check(w->events);
	nl_socket_modify_cb(w->events, NL_CB_VALID, NL_CB_CUSTOM, on_message, w);
	nl_socket_set_nonblocking(w->events);
	nl_socket_set_buffer_size(w->events, EVENT_BUFFER, 0);
	rc = nl_socket_add_memberships(w->events, RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR,
	    RTNLGRP_IPV6_IFADDR, 0);
	if (rc < 0)
		return err_set(err, "netlink groups: %s", nl_geterror(rc));
	return 0;
}

struct link_watch *
link_watch_new(struct ev_loop *loop, const char *const *interfaces, int n,
    const struct addr *addresses, int n_addresses, link_carrier *carrier, link_address *address,
    void *arg, struct err *err)
{
	struct link_watch *w = calloc(1, sizeof(*w));

	ENSURE(w != NULL);
	*w = (struct link_watch){.loop = loop, .n_links = n, .n_addrs = n_addresses,
	    .carrier = carrier, .address = address, .arg = arg};
	w->links = calloc((size_t)n + 1, sizeof(*w->links));
	w->addrs = calloc((size_t)n_addresses + 1, sizeof(*w->addrs));
	ENSURE(w->links != NULL && w->addrs != NULL);
	for (int i = 0; i < n; i++)
		w->links[i].name = interfaces[i];
	for (int i = 0; i < n_addresses; i++)
		w->addrs[i].addr = addresses[i];
	ev_init(&w->io, on_event);
	ev_init(&w->resync, on_resync);
	w->io.data = w->resync.data = w;
	w->asks = socket_new(err);
	if (w->asks == NULL || events_open(w, err) < 0) {
		link_watch_free(w);
		return NULL;
	}
	ev_io_set(&w->io, nl_socket_get_fd(w->events), EV_READ);
	ev_io_start(loop, &w->io);
	ev_timer_set(&w->resync, 0.0, RESYNC_S); /* the first reading, at once in the loop */
	ev_timer_start(loop, &w->resync);
	return w;
}

void
link_watch_free(struct link_watch *w)
{
	if (w == NULL)
		return;
	ev_io_stop(w->loop, &w->io);
	ev_timer_stop(w->loop, &w->resync);
	nl_socket_free(w->events);
	nl_socket_free(w->asks);
	free(w->up);
	free(w->links);
	free(w->addrs);
	free(w);
}

/* Sends a message (freed here) and waits for its answer. 0 or a libnl error. */
static int
command(struct link_watch *w, struct nl_msg *msg)
{
	nl_socket_modify_cb(w->asks, NL_CB_VALID, NL_CB_DEFAULT, NULL, NULL);
	return nl_send_sync(w->asks, msg);
}

static int
interface_up(struct link_watch *w, int index)
{
	struct ifinfomsg m = {.ifi_family = AF_UNSPEC, .ifi_index = index, .ifi_flags = IFF_UP,
	    .ifi_change = IFF_UP};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_NEWLINK, 0);

	ENSURE(msg != NULL && nlmsg_append(msg, &m, sizeof(m), NLMSG_ALIGNTO) == 0);
	return command(w, msg);
}

/* Binds the address (`type` RTM_NEWADDR) or takes it away (RTM_DELADDR). */
static int
address_set(struct link_watch *w, int type, const struct addr *a, int index)
{
	int size = a->family == FAMILY_V4 ? 4 : 16;
	struct ifaddrmsg m = {.ifa_family = a->family == FAMILY_V4 ? AF_INET : AF_INET6,
	    .ifa_prefixlen = (uint8_t)(size * 8), .ifa_flags = IFA_F_NODAD,
	    .ifa_scope = RT_SCOPE_UNIVERSE, .ifa_index = (unsigned)index};
	int flags = type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_EXCL : 0;
	struct nl_msg *msg = nlmsg_alloc_simple(type, flags);

	ENSURE(msg != NULL && nlmsg_append(msg, &m, sizeof(m), NLMSG_ALIGNTO) == 0);
	ENSURE(nla_put(msg, IFA_LOCAL, size, a->bytes) == 0);
	ENSURE(nla_put(msg, IFA_ADDRESS, size, a->bytes) == 0);
	return command(w, msg);
}

int
link_restore(struct link_watch *w, const struct addr *address, const char *interface,
    struct err *err)
{
	int index = (int)if_nametoindex(interface), rc;
	const struct watched_addr *known = addr_find(w, address);
	char text[ADDR_TEXT];

	addr_render(address, text);
	if (index == 0)
		return err_set(err, "cannot restore %s: no interface %s", text, interface);
	rc = interface_up(w, index);
	if (rc < 0)
		return err_set(err, "cannot set %s up for %s: %s", interface, text,
		    nl_geterror(rc));
	rc = address_set(w, RTM_NEWADDR, address, index);
	if (rc == -NLE_EXIST && read_all(w) == 0 && known != NULL && !known->present) {
		/* There, and of no use, such as after duplicate address detection: once more. */
		address_set(w, RTM_DELADDR, address, index);
		rc = address_set(w, RTM_NEWADDR, address, index);
	}
	if (rc < 0 && rc != -NLE_EXIST)
		return err_set(err, "cannot bind %s to %s: %s", text, interface, nl_geterror(rc));
	w->dirty = true; /* its message is on the way and brings the reading */
	return 0;
}
