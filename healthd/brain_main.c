/*
 * healthd-brain: started by healthd (the keeper), which gives it its end of the bond, its user and
 * its one capability. Not meant to be started by hand.
 */
#include "healthd/brain.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/event.h"

static int
usage(void)
{
	fprintf(stderr, "usage: healthd-brain -c FILE [-o ORIGIN]\n"
			"healthd starts this; see healthd(8).\n");
	return 2;
}

static bool
has_bond(void)
{
	int type = 0;
	socklen_t length = sizeof(type);

	return getsockopt(BOND_FD, SOL_SOCKET, SO_TYPE, &type, &length) == 0 &&
	       type == SOCK_SEQPACKET;
}

int
main(int argc, char **argv)
{
	static struct brain brain;
	const char *config = NULL, *origin = NULL;
	struct err err;
	int c;

	while ((c = getopt(argc, argv, "c:o:")) != -1) {
		if (c == 'c')
			config = optarg;
		else if (c == 'o')
			origin = optarg;
		else
			return usage();
	}
	if (config == NULL || optind != argc)
		return usage();
	if (!has_bond()) {
		fprintf(stderr,
		    "healthd-brain: no keeper on descriptor %d; start healthd instead\n", BOND_FD);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	fcntl(BOND_FD, F_SETFD, FD_CLOEXEC);
	event_open("healthd", EVENT_INFO);
	if (brain_init(&brain, config, origin != NULL ? origin : config, &err) < 0) {
		event_say(EVENT_ALARM, "brain", "%s", err.text);
		return 1;
	}
	event_say(EVENT_NOTICE, "brain", "started, %s, %d checks",
	    brain.settings.mode == MODE_OBSERVE ? "observing" : "driving", brain.n_instances);
	ev_run(brain.loop, 0);
	brain_fini(&brain);
	return 0;
}
