#include "resolver/slowstart.h"

#include "lib/ensure.h"

static void
widen(struct slowstart *s, int64_t by)
{
	s->room = by < s->most - s->room ? s->room + by : s->most;
}

void
slowstart_init(struct slowstart *s, int64_t most)
{
	ENSURE(most > 0);
	*s = (struct slowstart){.most = most};
	widen(s, SLOWSTART_FIRST);
}

bool
slowstart_enter(struct slowstart *s, struct mono now)
{
	if (s->room < s->most && !mono_before(now, s->doubles)) {
		if (mono_is_set(s->doubles))
			widen(s, s->room);
		s->doubles = mono_add_ms(now, SLOWSTART_MS);
	}
	if (s->inside >= s->room)
		return false;
	s->inside++;
	return true;
}

void
slowstart_leave(struct slowstart *s, bool answered)
{
	ENSURE(s->inside > 0);
	s->inside--;
	if (answered)
		widen(s, 1);
}
