/*
 * birddoctor_parts: what the doctor's files share: one examination in progress.
 */
#ifndef BGPCTL_BIRDDOCTOR_PARTS_H
#define BGPCTL_BIRDDOCTOR_PARTS_H

#include "bgpctl/birdask.h"
#include "bgpctl/birddoctor.h"
#include "bgpctl/birdrows.h"

#define MAX_KERNELS 8

struct doctor {
	const struct site *site;
	struct findings *out;
	struct birdask *bird;
	bool seen[MAX_LANES][MAX_RUNGS]; /* protocols that BIRD has */
	struct bird_protocol sessions[MAX_SESSIONS];
	struct bird_details details[MAX_SESSIONS];
	bool bfd_up[MAX_SESSIONS], bfd_known[MAX_SESSIONS];
	int n_kernels;
	char kernels[MAX_KERNELS][BIRD_NAME];
	char complaint[200];
	struct bird_routes routes;
};

/* A new finding at the end of the list; its sentences are to be filled in. */
struct finding *finding_add(struct doctor *d, enum finding_level level, const char *about);
void finding_text(struct finding *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void finding_mend(struct finding *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* 0, or -1 and an error when BIRD stops answering. */
int doctor_sessions(struct doctor *d, struct err *err);
int doctor_routes(struct doctor *d, struct err *err);
int doctor_fleet(struct doctor *d, struct err *err);

#endif
