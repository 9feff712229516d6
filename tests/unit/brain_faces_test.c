/* The control socket and the page of metrics, where something is in the way when a brain begins. */
#include <arpa/inet.h>
#include <sys/stat.h>

#include "tests/unit/brain_rig.h"

static int alarms, notices;

static void
count(void *arg, enum event_level level, const char *name, const char *line)
{
	(void)arg, (void)line;
	if (strcmp(name, "console") != 0 && strcmp(name, "metrics") != 0)
		return;
	alarms += level == EVENT_ALARM;
	notices += level == EVENT_NOTICE;
}

static struct brain *
brain_with_no_face(const char *run_dir)
{
	struct brain *b = rig_brain();

	b->settings.site.paths.run_dir = run_dir;
	alarms = notices = 0;
	event_set_sink(count, NULL);
	return b;
}

static void
drop(struct brain *b)
{
	event_set_sink(NULL, NULL);
	console_free(b->console);
	if (b->metrics != NULL)
		metrics_free(b->metrics);
	rig_drop(b);
}

static void
ten_seconds_later(struct brain *b)
{
	b->faces.tried = mono_add_ms(b->faces.tried, -10000);
	faces_second(b);
}

static void
a_control_socket_comes_when_there_is_room_for_it(void **state)
{
	char dir[100];
	struct brain *b;

	(void)state;
	snprintf(dir, sizeof(dir), "%s/run", rig_dir);
	b = brain_with_no_face(dir);
	faces_open(b);
	assert_null(b->console);
	faces_second(b); /* not yet */
	ten_seconds_later(b);
	assert_null(b->console);
	assert_int_equal(alarms, 1);
	assert_int_equal(mkdir(dir, 0700), 0);
	ten_seconds_later(b);
	assert_non_null(b->console);
	assert_int_equal(alarms, 1);
	assert_int_equal(notices, 1);
	drop(b);
	assert_int_equal(rmdir(dir), 0);
}

static void
metrics_come_when_their_port_is_free(void **state)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int other = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t size = sizeof(at);
	struct brain *b = brain_with_no_face(rig_dir);

	(void)state;
	assert_int_equal(bind(other, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(other, 1), 0);
	assert_int_equal(getsockname(other, (struct sockaddr *)&at, &size), 0);
	b->settings.metrics.address = "127.0.0.1";
	b->settings.metrics.port = ntohs(at.sin_port);
	faces_open(b);
	assert_non_null(b->console);
	assert_null(b->metrics);
	close(other);
	ten_seconds_later(b);
	assert_non_null(b->metrics);
	assert_int_equal(alarms, 1);
	assert_int_equal(notices, 1);
	ten_seconds_later(b);
	assert_int_equal(notices, 1);
	drop(b);
}

#define ROW(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    ROW(a_control_socket_comes_when_there_is_room_for_it),
	    ROW(metrics_come_when_their_port_is_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
