/*
 * brain_request: one request at the control socket, as the verbs of brain_control.c and
 * brain_control_region.c read it.
 */
#ifndef HEALTHD_BRAIN_REQUEST_H
#define HEALTHD_BRAIN_REQUEST_H

#include "healthd/brain.h"

struct request {
	struct brain *brain;
	const struct console_peer *peer;
	const char *verb;
	const json_t *args;
	bool *follow;
};

/* Refuses arguments that the verb does not take: a typing error must not mean "all". `known` has
 * each between blanks. */
int request_args(const struct request *r, const char *known, struct err *err);
/* NULL where it is not given. */
int request_text(const struct request *r, const char *key, const char **out, struct err *err);
/* LANES: optional service and family; what names nothing is refused. */
int request_lanes(const struct request *r, uint32_t *mask, struct err *err);
/* `for_s` from now on; never where it is not given. */
int request_for(const struct request *r, struct mono *until, struct err *err);
void request_audit(const struct request *r);

/* brain_control_region.c */
json_t *verb_drain_region(const struct request *r, struct err *err);
json_t *verb_undrain_region(const struct request *r, struct err *err);
json_t *verb_alert(const struct request *r, struct err *err);

#endif
