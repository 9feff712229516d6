/*
 * driver_report: what the driver tells its owner: a lane's door and view, BIRD, the sessions; each
 * when it is not as it was told last.
 */
#include <string.h>

#include "bgpctl/driver_parts.h"

void
driver_report(struct driver *d, int i)
{
	struct driver_lane *lane = &d->lanes[i];

	if (lane->reported && !door_differs(&lane->door, &lane->last_door) &&
	    !door_view_differs(&lane->view, &lane->last_view))
		return;
	lane->reported = true;
	lane->last_door = lane->door;
	lane->last_view = lane->view;
	if (!d->events.lane)
		return;
	d->in_event = true;
	d->events.lane(d->events.arg, i, &lane->last_door, &lane->last_view);
	d->in_event = false;
}

void
driver_report_bird(struct driver *d)
{
	const struct bird_status *now = &d->birdlook.status;

	if (d->bird_reported && d->bird_answers && d->undo == d->birdlook.undo &&
	    strcmp(now->version, d->bird.version) == 0 &&
	    birdrows_same_time(now->boot, d->bird.boot) &&
	    birdrows_same_time(now->reconfigured, d->bird.reconfigured))
		return;
	d->bird = *now;
	d->undo = d->birdlook.undo;
	d->bird_answers = d->bird_reported = true;
	d->lost[0] = '\0';
	if (!d->events.bird)
		return;
	d->in_event = true;
	d->events.bird(d->events.arg, true, now->version, now->boot, now->reconfigured);
	d->in_event = false;
}

bool
driver_undo(const struct driver *d)
{
	return d->bird_answers && d->undo;
}

void
driver_report_sessions(struct driver *d)
{
	bool changed = !d->sessions_reported;

	for (int s = 0; s < d->site->bird.n_sessions; s++) {
		const struct session_view *now = &d->birdlook.sessions[s].view;
		struct session_view *was = &d->sessions[s];

		if (now->state != was->state || now->bfd_known != was->bfd_known ||
		    now->bfd_up != was->bfd_up || strcmp(now->text, was->text) != 0)
			changed = true;
		*was = *now;
	}
	d->sessions_reported = true;
	if (!changed || !d->events.sessions)
		return;
	d->in_event = true;
	d->events.sessions(d->events.arg, d->sessions, d->site->bird.n_sessions);
	d->in_event = false;
}
