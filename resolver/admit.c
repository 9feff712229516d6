#include "resolver/admit.h"

bool
admit(const struct prefix *allowed, int n, const struct addr *client)
{
	for (int i = 0; i < n; i++)
		if (prefix_holds(&allowed[i], client))
			return true;
	return false;
}
