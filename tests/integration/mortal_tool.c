/*
 * mortal_tool: the resolver, whose engines die of certain names, for probation_test.py and the lab:
 * what a packet of death does to libunbound, without one. Linked with --wrap=ub_resolve_event
 * around the shipped object files, so nothing of this is in what is installed.
 *
 * By how the first label of a question begins:
 *     die-   abort() as it is asked
 *     late-  abort() as its answer comes
 *     segv-  a bad access
 *     spin-  a loop without end
 *     mute-  SIGKILL, as when memory has ended: without last words
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <unbound.h>
#include <unbound-event.h>

typedef void outcome(void *arg, int rcode, void *packet, int length, int sec, char *why, int rate);

int __real_ub_resolve_event(struct ub_ctx *ctx, const char *name, int type, int class, void *arg,
    outcome *call, int *id);
int __wrap_ub_resolve_event(struct ub_ctx *ctx, const char *name, int type, int class, void *arg,
    outcome *call, int *id);

static void
die_now(void *arg, int rcode, void *packet, int length, int sec, char *why, int rate)
{
	(void)arg;
	(void)rcode;
	(void)packet;
	(void)length;
	(void)sec;
	(void)why;
	(void)rate;
	abort();
}

static int
begins(const char *name, const char *with)
{
	return strncmp(name, with, strlen(with)) == 0;
}

/* A sanitiser would not let it come to the signal that is meant. */
__attribute__((no_sanitize("undefined"))) int
__wrap_ub_resolve_event(struct ub_ctx *ctx, const char *name, int type, int class, void *arg,
    outcome *call, int *id)
{
	static int *volatile nowhere;

	if (begins(name, "die-"))
		abort();
	if (begins(name, "segv-"))
		*nowhere = 1;
	while (begins(name, "spin-"))
		continue;
	if (begins(name, "mute-"))
		syscall(SYS_tgkill, getpid(), gettid(), SIGKILL);
	return __real_ub_resolve_event(
	    ctx, name, type, class, arg, begins(name, "late-") ? die_now : call, id);
}
