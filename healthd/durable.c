#include "healthd/durable.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/errand.h"
#include "lib/file.h"

#define LATE_MS 3000
#define RETRY_MS 10000

struct durable {
	char *path;
	struct errand *errand; /* NULL until the first text */
	char *now, *next;      /* what is written, the errand's while it is busy; what waits */
	struct err why;	       /* of the last write; the errand's likewise */
	bool writing, failing;
	struct mono begun_at, retry_at;
};

/* In the thread. */
static int
write_now(void *arg)
{
	struct durable *d = arg;

	return file_replace(d->path, d->now, strlen(d->now), 0640, &d->why) < 0 ? EIO : 0;
}

struct durable *
durable_new(const char *path)
{
	struct durable *d = calloc(1, sizeof(*d));

	if (d != NULL)
		d->path = strdup(path);
	if (d == NULL || d->path == NULL) {
		free(d);
		return NULL;
	}
	d->begun_at = d->retry_at = MONO_NEVER;
	return d;
}

/* It is said once. */
static int
fail(struct durable *d)
{
	int rc = d->failing ? 0 : -1;

	d->failing = true;
	return rc;
}

/* What was written, or could not be. */
static int
finish(struct durable *d, struct mono now, struct err *err)
{
	bool well = errand_result(d->errand) == 0;

	d->writing = false;
	if (well || d->next != NULL)
		free(d->now);
	else
		d->next = d->now;
	d->now = NULL;
	d->retry_at = well ? MONO_NEVER : mono_add_ms(now, RETRY_MS);
	if (!well) {
		*err = d->why;
		return fail(d);
	}
	if (!d->failing || d->next != NULL)
		return 0;
	d->failing = false;
	return 1;
}

static int
begin(struct durable *d, struct mono now, struct err *err)
{
	if (d->errand == NULL)
		d->errand = errand_new(write_now, d);
	if (d->errand == NULL) {
		d->retry_at = mono_add_ms(now, RETRY_MS);
		err_set(err, "%s: cannot start the thread that writes it", d->path);
		return fail(d);
	}
	d->now = d->next;
	d->next = NULL;
	d->writing = true;
	d->begun_at = now;
	errand_begin(d->errand);
	return 0;
}

int
durable_step(struct durable *d, struct mono now, struct err *err)
{
	int rc = 0, again;

	if (d->writing && errand_busy(d->errand)) {
		if (mono_diff_ms(now, d->begun_at) < LATE_MS)
			return 0;
		err_set(err, "%s: the disk has not taken it for %d s", d->path, LATE_MS / 1000);
		return fail(d);
	}
	if (d->writing)
		rc = finish(d, now, err);
	if (d->next == NULL || (mono_is_set(d->retry_at) && mono_before(now, d->retry_at)))
		return rc;
	again = begin(d, now, err);
	return rc != 0 ? rc : again;
}

void
durable_put(struct durable *d, char *text)
{
	free(d->next);
	d->next = text;
	d->retry_at = MONO_NEVER;
}

bool
durable_kept(const struct durable *d)
{
	return d->next == NULL &&
	       (!d->writing || (!errand_busy(d->errand) && errand_result(d->errand) == 0));
}

bool
durable_failing(const struct durable *d)
{
	return d->failing;
}

bool
durable_free(struct durable *d, int ms)
{
	struct err unsaid;
	bool kept;

	/* Once for what is under way, once for what waits. */
	for (int i = 0; i < 2; i++) {
		d->retry_at = MONO_NEVER;
		if (d->next != NULL)
			durable_step(d, mono_now(), &unsaid);
		if (d->errand != NULL && !errand_wait(d->errand, ms))
			break;
	}
	kept = durable_kept(d);
	if (d->errand != NULL && !errand_free(d->errand))
		return false; /* the disk has it, and what belongs to it */
	free(d->now);
	free(d->next);
	free(d->path);
	free(d);
	return kept;
}
