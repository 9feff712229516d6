/*
 * Everything in the handler is a store, a copy or a system call: memory may be in ruins. What it
 * reads of that (a question's key) is checked by whoever gets it.
 */
#include "resolver/engine_fault.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "resolver/ask.h"
#include "resolver/engine_bridge.h"
#include "resolver/engine_impl.h"

#define STACK (64 << 10) /* a fault may be that the other one is used up */

static struct engine *whose;
static volatile sig_atomic_t said;

/* A heap that is in ruins may hold anything in the place of a pointer of ours; a second fault just
 * ends the process (SA_RESETHAND). */
static void
say(int number)
{
	const struct question *at = bridge_owner();
	struct last_words last = {.version = LAST_VERSION, .signal = (uint32_t)number};
	uint8_t out[LAST_MAX];
	size_t length;

	if (whose->quarantine != NULL)
		quarantine_fault(whose->quarantine, (uint32_t)number);
	if (at != NULL)
		last.key = at->key;
	length = last_encode(&last, out, sizeof(out));
	if (length == 0) {
		last.key = (struct key){0};
		length = last_encode(&last, out, sizeof(out));
	}
	for (int i = 0; i < MAX_PEERS; i++)
		if (whose->peers[i].fd >= 0)
			send(whose->peers[i].fd, out, length, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void
on_fault(int number)
{
	if (!said) {
		said = 1;
		say(number);
	}
	/* The others come again as soon as this returns, and find nobody who handles them; SIGABRT
	 * only where it is our own, and not from a supervisor who takes us for hung. */
	if (number == SIGPROF || number == SIGABRT)
		abort();
}

int
fault_install(struct engine *e, struct err *err)
{
	static const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGPROF};
	static uint8_t stack[STACK];
	const stack_t own = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction on = {
	    .sa_handler = on_fault, .sa_flags = (int)SA_RESETHAND | SA_ONSTACK | SA_NODEFER};

	whose = e;
	if (sigaltstack(&own, NULL) < 0)
		return err_errno(err, "cannot prepare for faults");
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (sigaction(numbers[i], &on, NULL) < 0)
			return err_errno(err, "cannot prepare for faults");
	return 0;
}

void
fault_turn(void)
{
	static const struct itimerval limit = {.it_value = {.tv_sec = FAULT_CPU_S}};

	setitimer(ITIMER_PROF, &limit, NULL);
}

void
fault_over(void)
{
	static const struct itimerval none;

	setitimer(ITIMER_PROF, &none, NULL);
}
