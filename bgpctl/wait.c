/*
 * By asking again: each 100 ms, on a new connection each time, since the brain may be replaced
 * meanwhile. The time limits are the caller's.
 */
#include "bgpctl/wait.h"

#include <string.h>
#include <time.h>

#include "bgpctl/pick.h"
#include "lib/mono.h"

#define EACH_MS 100

static void
pause_a_little(void)
{
	nanosleep(&(struct timespec){.tv_nsec = EACH_MS * 1000000L}, NULL);
}

static const json_t *
find_lane(const json_t *status, const json_t *like)
{
	const json_t *lane;
	size_t i;

	json_array_foreach (pick_part(status, "lanes"), i, lane) {
		if (strcmp(pick_text(lane, "service", ""), pick_text(like, "service", "?")) == 0 &&
		    strcmp(pick_text(lane, "family", ""), pick_text(like, "family", "?")) == 0)
			return lane;
	}
	return NULL;
}

/* The first lane that is not yet where its limit wants it, or NULL. */
static const json_t *
first_missing(const json_t *status, const json_t *changed)
{
	const json_t *want;
	size_t i;

	json_array_foreach (pick_part(changed, "lanes"), i, want) {
		const json_t *lane = find_lane(status, want);
		const json_t *limit = json_array_get(pick_part(want, "limits"), 0);
		const char *rung = pick_text(lane, "rung", "");

		if (!pick_bool(lane, "proven") ||
		    (strcmp(rung, pick_text(limit, "rung", "")) != 0 &&
			strcmp(rung, "silent") != 0))
			return want;
	}
	return NULL;
}

int
wait_proven(struct cli *cli, const json_t *changed, int timeout_ms)
{
	struct mono until = mono_add_ms(mono_now(), timeout_ms);
	struct err err = {0};

	for (;;) {
		int code;
		json_t *status = cli_ask(cli, "status", NULL, &code, &err);
		const json_t *missing = status != NULL ? first_missing(status, changed) : changed;

		json_decref(status);
		if (missing == NULL)
			return 0;
		if (!mono_before(mono_now(), until)) {
			if (status == NULL)
				cli_trouble("%s", err.text);
			else
				cli_trouble(
				    "%s %s is not proven there after %d s: `bgpctl why %s %s`",
				    pick_text(missing, "service", "?"),
				    pick_text(missing, "family", "?"), timeout_ms / 1000,
				    pick_text(missing, "service", "?"),
				    pick_text(missing, "family", "?"));
			return -1;
		}
		pause_a_little();
	}
}

void
wait_kept(struct cli *cli, json_t *changed, int timeout_ms)
{
	struct mono until = mono_add_ms(mono_now(), timeout_ms);

	/* A healthd of before does not say, and had it on the disk. */
	while (strcmp(pick_text(changed, "limits_kept", "disk"), "disk") != 0 &&
	       mono_before(mono_now(), until)) {
		struct err err;
		int code;
		json_t *status = cli_ask(cli, "status", NULL, &code, &err);
		json_t *now = json_object_get(status, "limits_kept");

		if (now != NULL)
			json_object_set(changed, "limits_kept", now);
		json_decref(status);
		if (strcmp(pick_text(changed, "limits_kept", "disk"), "disk") != 0)
			pause_a_little();
	}
}

json_t *
wait_brain(struct cli *cli, int old_pid, int timeout_ms, struct err *err)
{
	struct mono until = mono_add_ms(mono_now(), timeout_ms);

	for (;;) {
		int code;
		json_t *status = cli_ask(cli, "status", NULL, &code, err);

		if (status != NULL &&
		    (int)pick_number(pick_part(status, "brain"), "pid", old_pid) != old_pid)
			return status;
		if (status != NULL)
			err_set(err, "the old brain (%d) still answers after %d s", old_pid,
			    timeout_ms / 1000);
		json_decref(status);
		if (!mono_before(mono_now(), until))
			return NULL;
		pause_a_little();
	}
}
