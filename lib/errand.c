#include "lib/errand.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* `lock` guards `busy`, `stop` and `result`. */
struct errand {
	errand_run *run;
	void *arg;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool busy, stop;
	int result;
};

static void *
errand_thread(void *arg)
{
	struct errand *e = arg;

	/* Where the kernel does not know it, or a filter forbids it, life goes on as it can. */
	close_range(3, ~0U, CLOSE_RANGE_UNSHARE);
	pthread_mutex_lock(&e->lock);
	for (;;) {
		int rc;

		while (!e->busy && !e->stop)
			pthread_cond_wait(&e->changed, &e->lock);
		if (!e->busy)
			break;
		pthread_mutex_unlock(&e->lock);
		rc = e->run(e->arg);
		pthread_mutex_lock(&e->lock);
		e->result = rc;
		e->busy = false;
		pthread_cond_broadcast(&e->changed);
	}
	pthread_mutex_unlock(&e->lock);
	return NULL;
}

static int
start_thread(struct errand *e)
{
	pthread_attr_t small;
	sigset_t all, before;
	int rc;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 256 << 10);
	sigfillset(&all); /* signals are for the loop */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&e->thread, &small, errand_thread, e);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&small);
	return rc;
}

static void
dispose(struct errand *e)
{
	pthread_mutex_destroy(&e->lock);
	pthread_cond_destroy(&e->changed);
	free(e);
}

struct errand *
errand_new(errand_run *run, void *arg)
{
	struct errand *e = calloc(1, sizeof(*e));
	pthread_condattr_t monotonic;

	if (e == NULL)
		return NULL;
	e->run = run;
	e->arg = arg;
	pthread_mutex_init(&e->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&e->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (start_thread(e) == 0)
		return e;
	dispose(e);
	return NULL;
}

void
errand_begin(struct errand *e)
{
	pthread_mutex_lock(&e->lock);
	e->busy = true;
	pthread_cond_broadcast(&e->changed);
	pthread_mutex_unlock(&e->lock);
}

bool
errand_busy(struct errand *e)
{
	bool busy;

	pthread_mutex_lock(&e->lock);
	busy = e->busy;
	pthread_mutex_unlock(&e->lock);
	return busy;
}

int
errand_result(struct errand *e)
{
	int result;

	pthread_mutex_lock(&e->lock);
	result = e->result;
	pthread_mutex_unlock(&e->lock);
	return result;
}

bool
errand_wait(struct errand *e, int ms)
{
	struct timespec until;
	bool busy;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	pthread_mutex_lock(&e->lock);
	while (e->busy && rc == 0)
		rc = ms < 0 ? pthread_cond_wait(&e->changed, &e->lock)
			    : pthread_cond_timedwait(&e->changed, &e->lock, &until);
	busy = e->busy;
	pthread_mutex_unlock(&e->lock);
	return !busy;
}

bool
errand_free(struct errand *e)
{
	bool busy;

	pthread_mutex_lock(&e->lock);
	busy = e->busy;
	e->stop = true;
	pthread_cond_broadcast(&e->changed);
	pthread_mutex_unlock(&e->lock);
	if (busy) {
		pthread_detach(e->thread);
		return false;
	}
	pthread_join(e->thread, NULL);
	dispose(e);
	return true;
}
