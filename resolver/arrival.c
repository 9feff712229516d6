#include "resolver/arrival.h"

bool
arrival_doubtful(const struct arrival *a, struct mono now, int64_t old_us)
{
	return !mono_is_set(a->since) || mono_diff_us(now, a->since) >= old_us;
}

void
arrival_note(struct arrival *a, struct mono asked, struct mono first, bool emptied)
{
	a->since = emptied ? mono_max(asked, first) : first;
}
