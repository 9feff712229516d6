/*
 * Scenarios set options of a resolver that ours leaves to libunbound: whether names are minimised,
 * whether glue is trusted, which zones are taken as unsigned. Preloaded, this reads them in after
 * the engine's own, from the file that MORE_OPTIONS names. The resolver's binary stays as it ships.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <unbound.h>

int
ub_ctx_config(struct ub_ctx *ctx, const char *path)
{
	int (*config)(struct ub_ctx *, const char *) = dlsym(RTLD_NEXT, "ub_ctx_config");
	const char *more = getenv("MORE_OPTIONS");
	int status = config(ctx, path);

	return status != 0 || more == NULL ? status : config(ctx, more);
}
