/*
 * door_differs: what of a door and its view is worth telling: not the times of looks and tries.
 */
#include "bgpctl/door.h"

#include <string.h>

bool
door_differs(const struct door *a, const struct door *b)
{
	return a->order != b->order || a->proven != b->proven || a->alarms != b->alarms ||
	    a->hand != b->hand || a->corrections != b->corrections ||
	    strcmp(a->covered_by, b->covered_by) != 0;
}

bool
door_view_differs(const struct door_view *a, const struct door_view *b)
{
	if (a->bird_answers != b->bird_answers ||
	    memcmp(a->protocol, b->protocol, sizeof(a->protocol)) != 0 ||
	    memcmp(a->gate, b->gate, sizeof(a->gate)) != 0 ||
	    memcmp(a->in_table, b->in_table, sizeof(a->in_table)) != 0)
		return true;
	for (int i = 0; i < a->n_prefixes; i++)
		for (int s = 0; s < a->n_sessions; s++) {
			const struct sending *x = &a->sending[i][s], *y = &b->sending[i][s];

			if (x->sent != y->sent || x->rung != y->rung ||
			    x->attributes != y->attributes || strcmp(x->protocol, y->protocol) != 0)
				return true;
		}
	return false;
}
