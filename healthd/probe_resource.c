/*
 * probe_resource: what the host has left, read from the kernel's files.
 *
 * Descriptors stay open and are read anew each time; one that fails is closed and opened again at
 * the next question, so that a control group or an interface may come and go. A source that has
 * never been readable is idle: this host lacks it. One that was, and is not, is unknown.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "healthd/probe_base.h"
#include "healthd/reading.h"
#include "lib/ensure.h"

#define FILE_ROOM 16384 /* the longest of them, /proc/net/snmp6, has about 4000 */
#define N_FILES 3

struct resource_probe {
	struct probe base;
	enum resource_source source;
	const char *path; /* borrowed */
	int64_t warn, crit; /* in hundredths */
	bool had;	    /* has been readable */
	bool v1;	    /* `path` is a control group of version 1 */
	bool counted;	    /* `count` holds a first count */
	uint64_t count;
	struct mono count_at;
	int fd[N_FILES];
};

/* What one look gave. */
struct look {
	enum { LOOK_READING, LOOK_NOTHING, LOOK_FAILED } sort;
	int64_t reading;
	char why[64]; /* of the latter two */
};

static const struct {
	const char *what, *unit, *path;
} sources[] = {
    [RESOURCE_PSI_CPU] = {"cpu pressure avg10", " %", "/proc/pressure/cpu"},
    [RESOURCE_PSI_MEMORY] = {"memory pressure avg10", " %", "/proc/pressure/memory"},
    [RESOURCE_PSI_IO] = {"io pressure avg10", " %", "/proc/pressure/io"},
    [RESOURCE_MEM_AVAILABLE] = {"memory available", " %", "/proc/meminfo"},
    [RESOURCE_DISK] = {"disk used", " %", "/"},
    [RESOURCE_DESCRIPTORS] = {"descriptors used", " %", "/proc/sys/fs/file-nr"},
    [RESOURCE_UDP_DROPS] = {"UDP buffer errors", "/s", "/proc/net"},
    [RESOURCE_NIC_DROPS] = {"NIC drops", "/s", NULL},
};

static struct look __attribute__((format(printf, 2, 3)))
look_not(int sort, const char *fmt, ...)
{
	struct look l = {.sort = sort};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(l.why, sizeof(l.why), fmt, ap);
	va_end(ap);
	return l;
}

static struct look
look_reading(int64_t reading)
{
	return (struct look){.sort = LOOK_READING, .reading = reading};
}

/* The file `dir`/`name` (or just `dir`) as text by the descriptor in slot i. False with errno. */
static bool
slot_read(struct resource_probe *r, int i, const char *dir, const char *name,
    char text[static FILE_ROOM])
{
	char path[512];
	ssize_t n;
	int error;

	if (r->fd[i] < 0) {
		snprintf(path, sizeof(path), "%s%s%s", dir, name != NULL ? "/" : "",
		    name != NULL ? name : "");
		r->fd[i] = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	}
	if (r->fd[i] < 0)
		return false;
	n = pread(r->fd[i], text, FILE_ROOM - 1, 0);
	if (n <= 0) {
		error = n < 0 ? errno : ENODATA;
		close(r->fd[i]);
		r->fd[i] = -1;
		errno = error;
		return false;
	}
	text[n] = '\0';
	return true;
}

static struct look
failed(const char *path)
{
	char text[PROBE_ERROR];

	return look_not(LOOK_FAILED, "%.40s: %s", path, probe_strerror(errno, text));
}

static struct look
odd(const char *path)
{
	return look_not(LOOK_FAILED, "%.40s: not the text expected", path);
}

static struct look
pressure_look(struct resource_probe *r)
{
	char text[FILE_ROOM];
	int64_t reading;

	if (!slot_read(r, 0, r->path, NULL, text))
		return failed(r->path);
	return reading_pressure(text, &reading) ? look_reading(reading) : odd(r->path);
}

static struct look
descriptors_look(struct resource_probe *r)
{
	char text[FILE_ROOM];
	uint64_t used, most;

	if (!slot_read(r, 0, r->path, NULL, text))
		return failed(r->path);
	if (!reading_nth(text, 0, &used) || !reading_nth(text, 2, &most))
		return odd(r->path);
	return look_reading(reading_share(used, most));
}

static struct look
meminfo_look(struct resource_probe *r)
{
	char text[FILE_ROOM];
	uint64_t total, available;

	if (!slot_read(r, 0, r->path, NULL, text))
		return failed(r->path);
	if (!reading_field(text, "MemTotal:", &total) ||
	    !reading_field(text, "MemAvailable:", &available))
		return odd(r->path);
	return look_reading(reading_share(available, total));
}

/* A control group of either version. Cache that can be dropped at once is available. */
static struct look
cgroup_look(struct resource_probe *r)
{
	static const char *const files[2][N_FILES] = {
	    {"memory.current", "memory.max", "memory.stat"},
	    {"memory.usage_in_bytes", "memory.limit_in_bytes", "memory.stat"},
	};
	char current[FILE_ROOM], limit[FILE_ROOM], parts[FILE_ROOM];
	const char *const *names = files[r->v1];
	uint64_t used, most, cache = 0;

	if (!slot_read(r, 0, r->path, names[0], current)) {
		r->v1 = !r->v1 && errno == ENOENT; /* the other version, then; or none any more */
		names = files[r->v1];
		if (!slot_read(r, 0, r->path, names[0], current))
			return failed(r->path);
	}
	if (!slot_read(r, 1, r->path, names[1], limit) ||
	    !slot_read(r, 2, r->path, names[2], parts))
		return failed(r->path);
	if (strncmp(limit, "max", 3) == 0)
		return look_not(LOOK_NOTHING, "the control group has no memory limit");
	if (!reading_number(current, &used) || !reading_number(limit, &most))
		return odd(r->path);
	if (most >= UINT64_C(1) << 60) /* how version 1 writes "none" */
		return look_not(LOOK_NOTHING, "the control group has no memory limit");
	if (!reading_field(parts, r->v1 ? "total_inactive_file" : "inactive_file", &cache))
		return odd(r->path);
	used = used > cache ? used - cache : 0;
	return look_reading(reading_share(most > used ? most - used : 0, most));
}

static struct look
memory_look(struct resource_probe *r)
{
	struct stat st;

	if (stat(r->path, &st) < 0)
		return failed(r->path);
	return S_ISDIR(st.st_mode) ? cgroup_look(r) : meminfo_look(r);
}

/* The worse of blocks and inodes, as df counts them: what is reserved for root is not there. May
 * block where `path` is on a dead network file system: such a path is not for this check. */
static struct look
disk_look(struct resource_probe *r)
{
	struct statvfs v;
	int64_t blocks, inodes = 0;
	uint64_t used;

	if (statvfs(r->path, &v) < 0)
		return failed(r->path);
	used = v.f_blocks - v.f_bfree;
	blocks = reading_share(used, used + v.f_bavail);
	if (v.f_files > 0)
		inodes = reading_share(v.f_files - v.f_ffree, v.f_files - v.f_ffree + v.f_favail);
	return look_reading(blocks > inodes ? blocks : inodes);
}

/* From a count to its rate. */
static struct look
count_look(struct resource_probe *r, uint64_t count)
{
	struct mono now = mono_now();
	bool first = !r->counted || count < r->count;
	int64_t reading = reading_rate(r->count, count, mono_diff_us(now, r->count_at));

	r->counted = true;
	r->count = count;
	r->count_at = now;
	return first ? look_not(LOOK_NOTHING, "the first count") : look_reading(reading);
}

static struct look
udp_drops_look(struct resource_probe *r)
{
	char text[FILE_ROOM];
	uint64_t v4, v6 = 0;

	if (!slot_read(r, 0, r->path, "snmp", text))
		return failed(r->path);
	if (!reading_column(text, "Udp:", "RcvbufErrors", &v4))
		return odd(r->path);
	if (slot_read(r, 1, r->path, "snmp6", text)) /* absent where IPv6 is */
		reading_field(text, "Udp6RcvbufErrors", &v6);
	return count_look(r, v4 + v6);
}

/* Of an interface by name, or of one counter's file by path. */
static struct look
nic_drops_look(struct resource_probe *r)
{
	bool is_file = strchr(r->path, '/') != NULL;
	char dir[128], text[FILE_ROOM];
	uint64_t dropped, missed = 0;

	snprintf(dir, sizeof(dir), "/sys/class/net/%.32s/statistics", r->path);
	if (!(is_file ? slot_read(r, 0, r->path, NULL, text)
		      : slot_read(r, 0, dir, "rx_dropped", text)))
		return failed(r->path);
	if (!reading_number(text, &dropped))
		return odd(r->path);
	if (!is_file && slot_read(r, 1, dir, "rx_missed_errors", text))
		reading_number(text, &missed);
	return count_look(r, dropped + missed);
}

static struct look
resource_look(struct resource_probe *r)
{
	switch (r->source) {
	case RESOURCE_MEM_AVAILABLE:
		return memory_look(r);
	case RESOURCE_DISK:
		return disk_look(r);
	case RESOURCE_DESCRIPTORS:
		return descriptors_look(r);
	case RESOURCE_UDP_DROPS:
		return udp_drops_look(r);
	case RESOURCE_NIC_DROPS:
		return nic_drops_look(r);
	default:
		return pressure_look(r);
	}
}

static void
resource_ask(struct probe *p)
{
	struct resource_probe *r = (struct resource_probe *)p;
	struct look l = resource_look(r);
	const char *unit = sources[r->source].unit;
	int grade;

	if (l.sort == LOOK_FAILED) {
		r->counted = false;
		probe_end(p, r->had ? OUTCOME_UNKNOWN : OUTCOME_IDLE, 0, false, "%s", l.why);
		return;
	}
	r->had = true;
	if (l.sort == LOOK_NOTHING) {
		probe_end(p, OUTCOME_IDLE, 0, false, "%s", l.why);
		return;
	}
	grade = reading_grade(l.reading, r->warn, r->crit);
	if (grade > 0)
		probe_end(p, OUTCOME_OK, grade, false, "%s", "");
	else
		probe_end(p, OUTCOME_WRONG, 0, false, "%s %.6g%s %s %.6g%s",
		    sources[r->source].what, (double)l.reading / 100, unit,
		    r->crit < r->warn ? "<=" : ">=", (double)r->crit / 100, unit);
}

static bool
resource_late(struct probe *p)
{
	(void)p; /* every question ends while it is asked */
	return false;
}

static void
resource_drop(struct probe *p)
{
	(void)p;
}

static void
resource_free(struct probe *p)
{
	struct resource_probe *r = (struct resource_probe *)p;

	for (int i = 0; i < N_FILES; i++)
		if (r->fd[i] >= 0)
			close(r->fd[i]);
	free(r);
}

static const struct probe_kind resource_kind = {
    resource_ask, resource_late, resource_drop, resource_free};

struct probe *
probe_resource(struct ev_loop *loop, const struct probe_timing *t, enum resource_source source,
    const char *path, int64_t warn, int64_t crit, probe_done *done, void *arg, struct err *err)
{
	struct resource_probe *r;

	ENSURE((size_t)source < sizeof(sources) / sizeof(sources[0]));
	if (path == NULL || *path == '\0')
		path = sources[source].path;
	if (path == NULL)
		return (void)err_set(err, "NIC drops of which interface? Name it in `path`"), NULL;
	if (warn == crit)
		return (void)err_set(err, "warn and crit are both %lld; they must differ",
			   (long long)warn), NULL;
	if ((crit < warn) != (source == RESOURCE_MEM_AVAILABLE))
		return (void)err_set(err, "%s: crit must be the worse of warn %lld and crit %lld",
			   sources[source].what, (long long)warn, (long long)crit), NULL;
	r = calloc(1, sizeof(*r));
	ENSURE(r != NULL);
	r->source = source;
	r->path = path;
	r->warn = warn * 100;
	r->crit = crit * 100;
	for (int i = 0; i < N_FILES; i++)
		r->fd[i] = -1;
	probe_init(&r->base, &resource_kind, loop, t, done, arg);
	return &r->base;
}
