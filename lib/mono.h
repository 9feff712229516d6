/*
 * mono: points in monotonic time, as a struct so that wall-clock time cannot slip in.
 *
 * Microseconds of CLOCK_BOOTTIME (it also counts suspend, and is comparable between processes of
 * one boot, which is what lets a new brain go on with its predecessor's holds). The zero value
 * means "never". mono_now() is the only impure function here.
 */
#ifndef LIB_MONO_H
#define LIB_MONO_H

#include <stdbool.h>
#include <stdint.h>

struct mono {
	int64_t us;
};

#define MONO_NEVER ((struct mono){0})
#define MONO_FOREVER ((struct mono){INT64_MAX})

struct mono mono_now(void);

static inline bool
mono_is_set(struct mono t)
{
	return t.us != 0;
}

static inline struct mono
mono_add_us(struct mono t, int64_t us)
{
	return (struct mono){t.us + us};
}

static inline struct mono
mono_add_ms(struct mono t, int64_t ms)
{
	return (struct mono){t.us + ms * 1000};
}

/* a - b in microseconds; in milliseconds, rounded towards zero. */
static inline int64_t
mono_diff_us(struct mono a, struct mono b)
{
	return a.us - b.us;
}

static inline int64_t
mono_diff_ms(struct mono a, struct mono b)
{
	return (a.us - b.us) / 1000;
}

static inline bool
mono_before(struct mono a, struct mono b)
{
	return a.us < b.us;
}

static inline struct mono
mono_min(struct mono a, struct mono b)
{
	return a.us < b.us ? a : b;
}

static inline struct mono
mono_max(struct mono a, struct mono b)
{
	return a.us > b.us ? a : b;
}

#endif
