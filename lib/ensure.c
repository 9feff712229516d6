#include "lib/ensure.h"

#include <stdio.h>
#include <stdlib.h>

void
ensure_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "event=bug at=%s:%d broken=\"%s\"\n", file, line, what);
	abort();
}
