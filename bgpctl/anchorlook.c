#include "bgpctl/anchorlook.h"

#include <time.h>

#include "bgpctl/cli.h"
#include "bgpctl/pick.h"

json_t *
anchorlook(const char *resolver_conf)
{
	char *words[] = {
	    "resolver", "-c", (char *)resolver_conf, "anchor", "status", "--json", NULL};

	return cli_execute_json(words[0], words);
}

double
anchorlook_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

bool
anchorlook_older(const json_t *anchors, const json_t *workers, double now_s)
{
	double up_s = pick_most(pick_part(workers, "engines"), "up_s");
	double written = pick_number(anchors, "written", 0);

	return up_s > 0 && written > 0 && now_s - up_s < written;
}
