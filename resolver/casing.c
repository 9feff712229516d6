#include "resolver/casing.h"

enum casing_way
casing_way(const struct casing *c)
{
	if (c->off || (c->folded == CASING_ROW && c->failed == CASING_ROW))
		return CASING_PLAIN;
	return c->folded == CASING_ROW ? CASING_STREAM : CASING_MIXED;
}

static uint8_t
one_more(uint8_t row)
{
	return row < CASING_ROW ? (uint8_t)(row + 1) : row;
}

struct casing
casing_step(struct casing c, enum casing_event event)
{
	/* What is still under way when it is settled changes nothing any more. */
	if (casing_way(&c) == CASING_PLAIN)
		return c;
	switch (event) {
	case CASING_KEPT:
		if (c.folded < CASING_ROW)
			c.folded = 0;
		break;
	case CASING_FOLDED:
		c.folded = one_more(c.folded);
		break;
	case CASING_STREAM_TOLD:
		c.failed = 0;
		break;
	case CASING_STREAM_FAILED:
		c.failed = one_more(c.failed);
		break;
	}
	return c;
}
