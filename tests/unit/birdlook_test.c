/* birdlook: which questions a round asks, and what views its answers make. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "bgpctl/birdlook.h"

static struct prefix prefixes[3];
static struct service service = {.name = "dns", .prefixes = prefixes, .n_prefixes = 3};
static struct session sessions[] = {
    {.name = "up1", .families = 3},
    {.name = "up2", .families = 1},
};
static const char *communities[] = {"64500:7", "64500:8:9"};
static struct site site = {
    .bird = {.asn = 64500, .sessions = sessions, .n_sessions = 2},
    .n_rungs = 3,
    .services = &service,
    .n_services = 1,
    .rungs = {{.name = "silent"},
	{.name = "drain", .local_pref = 50, .prepend = 3, .med = 30, .graceful_shutdown = true,
	    .communities = communities, .n_communities = 2},
	{.name = "full", .local_pref = 200, .med = -1}},
};
static struct door_view views[N_FAMILIES];
static struct birdlook l;
static char asked[2000];
static bool unconfirmed; /* `configure timeout` waits for its confirmation */

static int
set_up(void **state)
{
	(void)state;
	prefix_parse("192.0.2.0/24", &prefixes[0]);
	prefix_parse("2001:db8:53::/48", &prefixes[1]);
	prefix_parse("198.51.100.0/24", &prefixes[2]);
	memset(views, 0, sizeof(views));
	birdlook_init(&l, &site, views);
	return 0;
}

/* What BIRD says: `full` stands and is sent everywhere, but up2 is as `up2` says. */
static void
answer(const char *command, const char *up2)
{
	char row[200];

	if (strcmp(command, "show status") == 0) {
		birdlook_row(&l, 1000, "BIRD 2.0.12");
		birdlook_row(&l, 1011, "Last reconfiguration on 2026-01-01 00:00:00");
		birdlook_done(&l, 13, "Daemon is up and running");
	} else if (strcmp(command, "show protocols") == 0) {
		birdlook_row(&l, 2002, "Name Proto Table State Since Info");
		birdlook_row(&l, 1002, "anypop_dns_v4_full Static anypop4 up 10:00:00 ");
		birdlook_row(&l, 1002, "anypop_dns_v4_drain Static anypop4 down 10:00:00 ");
		birdlook_row(&l, 1002, "anypop_dns_v6_full Static anypop6 up 10:00:00 ");
		birdlook_row(&l, 1002, "up1 BGP --- up 10:00:00 Established");
		snprintf(row, sizeof(row), "up2 BGP --- %s 10:00:00 Established", up2);
		birdlook_row(&l, 1002, row);
		birdlook_done(&l, 0, "");
	} else if (strncmp(command, "show protocols all", 18) == 0) {
		birdlook_row(&l, 1006, "    Neighbor address: 10.0.0.1");
		birdlook_row(&l, 1006, "    Session:          external AS4");
		birdlook_done(&l, 0, "");
	} else if (strcmp(command, "show bfd sessions") == 0) {
		birdlook_row(&l, 1020, "10.0.0.1 eth0 Up 10:00:00 0.050 0.150");
		birdlook_done(&l, 0, "");
	} else if (strcmp(command, "configure status") == 0) {
		birdlook_row(&l, 3, "Daemon is up and running");
		birdlook_done(&l, 0, "");
	} else {
		const char *net = strchr(command + 6, ' ') + 1;

		snprintf(row, sizeof(row), "%.*s unicast [anypop_dns_%s_full 10:00:00] * (303)",
		    (int)strcspn(net, " "), net, strchr(net, ':') ? "v6" : "v4");
		birdlook_row(&l, 1007, row);
		birdlook_done(&l, 0, "");
	}
}

static void
round_of(uint32_t lanes, uint32_t tables, bool attributes, const char *up2)
{
	char command[LOOK_COMMAND];

	asked[0] = '\0';
	birdlook_begin(&l, lanes, tables, attributes, (struct mono){42});
	while (birdlook_command(&l, command)) {
		strcat(strcat(asked, command), "\n");
		if (unconfirmed && strcmp(command, "configure status") == 0)
			birdlook_row(&l, 22, "Configuration unconfirmed, undo in 57.123 s");
		answer(command, up2);
	}
}

static void
a_first_round_asks_everything_once(void **state)
{
	(void)state;
	round_of(3, 3, false, "up");
	assert_string_equal(asked,
	    "show status\nconfigure status\nshow protocols\nshow protocols all up1\n"
	    "show protocols all up2\n"
	    "show bfd sessions\n"
	    "show route 192.0.2.0/24 table anypop4\n"
	    "show route 192.0.2.0/24 exported up1\nshow route 192.0.2.0/24 export up1 all\n"
	    "show route 192.0.2.0/24 exported up2\nshow route 192.0.2.0/24 export up2 all\n"
	    "show route 198.51.100.0/24 table anypop4\n"
	    "show route 198.51.100.0/24 exported up1\nshow route 198.51.100.0/24 export up1 all\n"
	    "show route 198.51.100.0/24 exported up2\nshow route 198.51.100.0/24 export up2 all\n"
	    "show route 2001:db8:53::/48 table anypop6\n"
	    "show route 2001:db8:53::/48 exported up1\nshow route 2001:db8:53::/48 export up1 "
	    "all\n");
	assert_int_equal(views[0].n_prefixes, 2);
	assert_int_equal(views[0].n_sessions, 2);
	assert_int_equal(views[1].n_sessions, 1);
	assert_true(views[0].bird_answers && views[1].bird_answers);
	assert_int_equal(views[0].bird_at.us, 42);
	assert_int_equal(views[0].protocol[2], LOCK_OPEN);
	assert_int_equal(views[0].protocol[1], LOCK_CLOSED);
	assert_int_equal(views[1].protocol[1], LOCK_ABSENT);
	assert_int_equal(views[0].in_table[2], 3);
	assert_int_equal(views[0].in_table[1], 0);
	assert_int_equal(views[0].sending[1][1].sent, SENT_OURS);
	assert_int_equal(views[0].sending[1][1].rung, 2);
	assert_true(l.sessions[0].view.bfd_known && l.sessions[0].view.bfd_up);
}

static void
a_round_when_all_is_settled_asks_little(void **state)
{
	(void)state;
	round_of(3, 3, false, "up");
	round_of(3, 0, false, "up");
	assert_string_equal(asked, "show status\nshow protocols\nshow bfd sessions\n"
				   "show route 192.0.2.0/24 exported up1\n"
				   "show route 192.0.2.0/24 exported up2\n"
				   "show route 198.51.100.0/24 exported up1\n"
				   "show route 198.51.100.0/24 exported up2\n"
				   "show route 2001:db8:53::/48 exported up1\n");
	assert_true(views[0].sending[0][0].attributes);
	assert_int_equal(views[0].in_table[2], 3);
	round_of(2, 2, false, "up");
	assert_null(strstr(asked, "192.0.2.0"));
	round_of(1, 0, true, "up");
	assert_non_null(strstr(asked, "show route 192.0.2.0/24 export up2 all\n"));
	assert_non_null(strstr(asked, "show route 192.0.2.0/24 table anypop4\n"));
}

static void
a_pending_undo_is_seen_and_goes_with_its_confirmation(void **state)
{
	(void)state;
	unconfirmed = true;
	round_of(3, 3, false, "up"); /* the first, and after a reconfiguration */
	assert_true(l.undo);
	unconfirmed = false;
	round_of(3, 0, false, "up");
	assert_null(strstr(asked, "configure"));
	assert_true(l.undo);
	round_of(3, 0, true, "up");
	assert_false(l.undo);
	unconfirmed = true;
	round_of(3, 0, true, "up");
	birdlook_lost(&l);
	assert_false(l.undo);
	unconfirmed = false;
}

static void
a_session_that_is_down_is_not_asked_and_sends_nobody_knows_what(void **state)
{
	(void)state;
	round_of(3, 0, false, "up");
	round_of(3, 0, false, "start");
	assert_null(strstr(asked, "up2"));
	assert_int_equal(views[0].sending[0][1].sent, SENT_UNKNOWN);
	assert_int_equal(l.sessions[1].view.state, SESSION_DOWN);
	assert_int_equal(views[0].sending[0][0].sent, SENT_OURS);
}

/* The answer to the first `exported` of a round; all others as above. */
static struct sending
sent_by(int code, const char *row)
{
	char command[LOOK_COMMAND];
	bool done = false;

	birdlook_begin(&l, 1, 0, false, (struct mono){42});
	while (birdlook_command(&l, command)) {
		if (!done && strstr(command, "exported")) {
			done = true;
			if (row[0])
				birdlook_row(&l, 1007, row);
			birdlook_done(&l, code, "");
		} else {
			answer(command, "up");
		}
	}
	return views[0].sending[0][0];
}

static void
what_a_session_sends_is_told_by_prefix_and_protocol(void **state)
{
	struct sending s;

	(void)state;
	s = sent_by(0, "192.0.2.0/24 unicast [backup4 10:00:00] * (200)");
	assert_int_equal(s.sent, SENT_FOREIGN);
	assert_string_equal(s.protocol, "backup4");
	assert_int_equal(sent_by(0, "").sent, SENT_NOTHING);
	assert_int_equal(sent_by(8001, "").sent, SENT_NOTHING);
	assert_int_equal(sent_by(9001, "").sent, SENT_UNKNOWN);
	/* Another lane's protocol is a stranger here, and another prefix no answer. */
	s = sent_by(0, "192.0.2.0/24 unicast [anypop_dns_v6_full 10:00:00] * (303)");
	assert_int_equal(s.sent, SENT_FOREIGN);
	s = sent_by(0, "192.0.2.0/25 unicast [anypop_dns_v4_full 10:00:00] * (303)");
	assert_int_equal(s.sent, SENT_NOTHING);
	s = sent_by(0, "192.0.2.0/24 unicast [anypop_dns_v4_drain 10:00:00] * (301)");
	assert_int_equal(s.rung, 1);
	assert_false(s.attributes); /* what the filter made of it was `full` */
}

static void
a_bird_that_went_away_leaves_nothing_known(void **state)
{
	(void)state;
	round_of(3, 3, false, "up");
	birdlook_lost(&l);
	assert_false(views[0].bird_answers);
	assert_int_equal(views[0].protocol[2], LOCK_UNKNOWN);
	assert_int_equal(views[0].sending[0][0].sent, SENT_UNKNOWN);
	assert_int_equal(views[0].in_table[2], 0);
	assert_int_equal(views[0].n_prefixes, 2);
}

static void
dress_is_judged_by_rung_and_kind_of_session(void **state)
{
	struct bird_route drain = {.n_path = 3, .path = {64500, 64500, 64500}, .med = 30,
	    .local_pref = 50, .n_communities = 2, .communities = {{65535, 0}, {64500, 7}},
	    .n_large = 1, .large = {{64500, 8, 9}}};
	struct bird_route r;

	(void)state;
	assert_true(birdlook_dressed(&site, 1, true, &drain));
#define WITHOUT(change)                                                                            \
	r = drain;                                                                                 \
	change;                                                                                    \
	assert_false(birdlook_dressed(&site, 1, true, &r))
	WITHOUT(r.n_path = 2);
	WITHOUT(r.path[1] = 64999);
	WITHOUT(r.med = -1);
	WITHOUT(r.communities[0][1] = 1);
	WITHOUT(r.n_communities = 1);
	WITHOUT(r.n_large = 0);
	r = drain;
	r.n_path = 5; /* the operator's own prepends on top */
	r.path[3] = r.path[4] = 64500;
	assert_true(birdlook_dressed(&site, 1, true, &r));
	/* In iBGP the preference speaks, and our own AS in the path would have it dropped. */
	assert_false(birdlook_dressed(&site, 1, false, &drain));
	r.n_path = 0;
	assert_true(birdlook_dressed(&site, 1, false, &r));
	r.local_pref = 100;
	assert_false(birdlook_dressed(&site, 1, false, &r));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(a_first_round_asks_everything_once, set_up),
	    cmocka_unit_test_setup(a_round_when_all_is_settled_asks_little, set_up),
	    cmocka_unit_test_setup(a_pending_undo_is_seen_and_goes_with_its_confirmation, set_up),
	    cmocka_unit_test_setup(a_session_that_is_down_is_not_asked_and_sends_nobody_knows_what,
		set_up),
	    cmocka_unit_test_setup(what_a_session_sends_is_told_by_prefix_and_protocol, set_up),
	    cmocka_unit_test_setup(a_bird_that_went_away_leaves_nothing_known, set_up),
	    cmocka_unit_test(dress_is_judged_by_rung_and_kind_of_session),
	};

	return cmocka_run_group_tests_name("birdlook", tests, NULL, NULL);
}
