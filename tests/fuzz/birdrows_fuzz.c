/* birdrows_fuzz: any reply through the frame and every parser of rows. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bgpctl/birdline.h"
#include "bgpctl/birdrows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
row(int code, const char *text)
{
	static struct bird_routes routes;
	static struct bird_details details;
	static struct bird_status status;
	struct bird_protocol protocol;
	struct bird_bfd bfd;

	if (code == 0) {
		birdrows_routes_init(&routes);
		birdrows_details_init(&details);
	}
	birdrows_routes(code, text, &routes);
	birdrows_details(code, text, &details);
	birdrows_status(code, text, &status);
	birdrows_protocol(code, text, &protocol);
	birdrows_bfd(code, text, &bfd);
	if (routes.n > BIRD_ROUTES)
		abort();
	for (int i = 0; i < routes.n; i++)
		if (routes.routes[i].n_path > BIRD_PATH ||
		    routes.routes[i].n_communities > BIRD_COMMUNITIES ||
		    routes.routes[i].n_large > BIRD_COMMUNITIES)
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct birdline l;
	size_t used;

	row(0, "");
	birdline_init(&l);
	for (size_t at = 0; at < size; at += used) {
		enum birdline_got got =
		    birdline_feed(&l, (const char *)data + at, size - at, &used);

		if (got == BIRDLINE_BROKEN)
			return 0;
		if (got != BIRDLINE_NOTHING)
			row(l.code, l.text);
	}
	return 0;
}
