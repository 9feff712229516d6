/*
 * metrics: /metrics (Prometheus text), /status.json and / by libmicrohttpd, polled from the loop;
 * no thread of its own.
 */
#ifndef HEALTHD_METRICS_H
#define HEALTHD_METRICS_H

#include <ev.h>
#include <stdint.h>

#include "lib/err.h"

struct metrics;
/* Renders the body for `path` ("/metrics", "/status.json", "/") into malloc'd memory (taken over),
 * with its content type; NULL: 404. */
typedef char *metrics_render(void *arg, const char *path, const char **content_type);

struct metrics *metrics_new(struct ev_loop *loop, const char *address, uint16_t port,
    metrics_render *render, void *arg, struct err *err);
void metrics_free(struct metrics *m);

#endif
