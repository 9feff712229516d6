/*
 * birddoctor: looks at BIRD the way a colleague would who knows what goes wrong. Changes nothing.
 * Blocking; for `bgpctl doctor`.
 */
#ifndef BGPCTL_BIRDDOCTOR_H
#define BGPCTL_BIRDDOCTOR_H

#include "bgpctl/site.h"

enum finding_level { FINDING_OK, FINDING_NOTE, FINDING_WARN, FINDING_FAIL };

struct finding {
	enum finding_level level;
	char about[24];	 /* "socket", "include", "session", "filter", "gate", ... */
	char text[300];	 /* what was found */
	char mend[300];	 /* what to do about it; "" for OK */
};

#define MAX_FINDINGS 256
struct findings {
	int n;
	struct finding list[MAX_FINDINGS];
	bool more; /* there were others */
};

const char *finding_level_name(enum finding_level l); /* "ok", "note", "warn", "fail" */

/* Fills `out`; never fails itself, since not reaching BIRD is a finding too. */
void birddoctor(const struct site *site, struct findings *out);

#endif
