/*
 * bgpctl as a program: what it asks, what it prints, and its exit status, against a healthd played
 * by a process that knows its lines. The program is the one built beside this test.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bgpctl/recorder.h"
#include "lib/file.h"

static char bgpctl[4096], dir[64], path[96], asked[96], output[1 << 16];
static pid_t child;

/* Answers every request on every connection with `text`; notes the requests in a file. */
static void
play(const char *text)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(sun.sun_path, path);
	unlink(path);
	unlink(asked);
	assert_int_equal(bind(listener, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(listener, 8), 0);
	child = fork();
	if (child == 0) {
		FILE *note = fopen(asked, "w");

		for (;;) {
			FILE *f = fdopen(accept(listener, NULL, NULL), "r+");
			char line[4096];

			while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
				fputs(line, note);
				fflush(note);
				send(fileno(f), text, strlen(text), MSG_NOSIGNAL);
				if (strchr(text, '\n') == NULL)
					break;
			}
			if (f != NULL)
				fclose(f);
		}
	}
	close(listener);
}

static void
stop_playing(void)
{
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	child = 0;
}

/* Its exit status; what it wrote, both ways, is in `output`. */
static int
run(const char *words)
{
	char command[8192];
	size_t n;
	FILE *p;
	int status;

	snprintf(
	    command, sizeof(command), "TZ=UTC timeout 20 %s %s 2>&1 </dev/null", bgpctl, words);
	p = popen(command, "r");
	n = fread(output, 1, sizeof(output) - 1, p);
	output[n] = '\0';
	status = pclose(p);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
expect(const char *words, int status, const char *text)
{
	int got = run(words);

	if (got != status || strstr(output, text) == NULL)
		fail_msg("bgpctl %s: exit status %d, and: %s", words, got, output);
}

/* `data` of one answer to anything: a file's. */
static void
play_file(const char *name)
{
	char file[128];
	json_t *data, *answer;
	char *text, *line;

	snprintf(file, sizeof(file), "tests/unit/data/%s.json", name);
	data = json_load_file(file, 0, NULL);
	assert_non_null(data);
	answer = json_pack("{s:b,s:o}", "ok", 1, "data", data);
	text = json_dumps(answer, JSON_COMPACT);
	line = malloc(strlen(text) + 2);
	strcat(strcpy(line, text), "\n");
	play(line);
	free(line);
	free(text);
	json_decref(answer);
}

static const char *
what_was_asked(void)
{
	static char text[4096];
	struct err err;
	char *read = file_read(asked, sizeof(text) - 1, NULL, &err);

	strcpy(text, read != NULL ? read : "");
	free(read);
	return text;
}

static int
setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/anypop-bgpctl-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/control.sock", dir);
	snprintf(asked, sizeof(asked), "%s/asked", dir);
	setenv("ANYPOP_SOCKET", path, 1);
	return 0;
}

static int
teardown(void **state)
{
	char file[128];

	(void)state;
	stop_playing();
	unlink(path);
	unlink(asked);
	snprintf(file, sizeof(file), "%s/flight", dir);
	unlink(file);
	rmdir(dir);
	return 0;
}

static void
help_and_version_need_no_healthd(void **state)
{
	(void)state;
	expect("--version", 0, "bgpctl " ANYPOP_VERSION);
	expect("--help", 0, "doctor");
	expect("help drain", 0, "--reason TEXT");
	expect("drain --help", 0, "--reason TEXT");
	expect("help nothing", 3, "no such verb");
	expect("", 3, "usage: bgpctl");
}

/* Who is to be asked follows from the configuration. */
static void
a_cache_is_asked_of_our_own_resolver_only(void **state)
{
	char conf[96], words[512];
	FILE *f;

	(void)state;
	snprintf(conf, sizeof(conf), "%s/healthd.conf", dir);
	snprintf(words, sizeof(words), "-c %s cache stats", conf);
	expect(words, 3, "--resolver-config FILE"); /* no such file */
	for (int ours = 0; ours < 2; ours++) {
		f = fopen(conf, "w");
		fprintf(f, "services = ( { name = \"dns\"; prefixes = [ \"192.0.2.0/24\" ]; "
			   "addresses = [ \"192.0.2.53\" ]; } );\nworkers = { count = 1; %s };\n",
		    ours ? "resolver = \"/nowhere/resolver.conf\";" : "command = [ \"/bin/x\" ];");
		fclose(f);
		expect(words, 3, ours ? "resolver: cannot open /nowhere/resolver.conf"
				      : "are not our own resolver");
	}
	snprintf(words, sizeof(words), "-c %s cache stats --resolver-config /other/r.conf", conf);
	expect(words, 3, "resolver: cannot open /other/r.conf");
	expect("cache", 3, "flush NAME");
	snprintf(words, sizeof(words), "-c %s cache flush", conf);
	expect(words, 3, "usage: resolver");
	unlink(conf);
}

static void
words_that_make_no_sense_are_refused_before_anything_is_asked(void **state)
{
	static const char *const rows[] = {"nothing", "status now", "drain --for 10",
	    "drain --for 1ms", "pin", "drain v4 v6", "drain dns other", "drain --family v5",
	    "events --since tomorrow", "events --level loud", "events -n x", "why --now",
	    "workers --for 5m", "upgrade --workers --engines", "bird nonsense", "silence --now dns", "status --nosuch"};

	(void)state;
	play("{\"ok\":true,\"data\":{}}\n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (run(rows[i]) != 3)
			fail_msg("bgpctl %s: %s", rows[i], output);
	}
	assert_string_equal(what_was_asked(), "");
}

static void
status_tells_by_its_exit_status(void **state)
{
	(void)state;
	expect("status", 3, "systemctl status healthd");
	play_file("status_well");
	expect("status", 0, "full");
	expect("status --json", 0, "\"node\": \"pop1\"");
	expect("--json status", 0, "\"node\": \"pop1\"");
	stop_playing();
	play_file("status_trouble");
	expect("status", 2, "NOT PROVEN");
}

static void
requests_carry_what_was_said(void **state)
{
	static const struct {
		const char *words, *asked;
	} rows[] = {
	    {"why", "{\"verb\":\"why\",\"args\":{}}\n"},
	    {"why v6", "{\"verb\":\"why\",\"args\":{\"family\":\"v6\"}}\n"},
	    {"drain dns v4 --for 30m --reason 'a b'",
		"{\"verb\":\"drain\",\"args\":{\"service\":\"dns\","
		"\"family\":\"v4\",\"for_s\":1800.0,\"reason\":\"a b\"}}\n"},
	    {"pin backup", "{\"verb\":\"pin\",\"args\":{\"rung\":\"backup\"}}\n"},
	    {"unpin --service dns", "{\"verb\":\"unpin\",\"args\":{\"service\":\"dns\"}}\n"},
	    {"undrain", "{\"verb\":\"undrain\",\"args\":{}}\n"},
	    {"events -n 3 --level warn",
		"{\"verb\":\"events\",\"args\":{\"n\":3,\"level\":\"warn\",\"follow\":false}}\n"},
	    {"check local", "{\"verb\":\"checks\",\"args\":{\"name\":\"local\"}}\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		play("{\"ok\":true,\"data\":{}}\n");
		if (run(rows[i].words) != 0)
			fail_msg("bgpctl %s: %s", rows[i].words, output);
		assert_string_equal(what_was_asked(), rows[i].asked);
		stop_playing();
	}
}

static void
a_refusal_is_said_and_is_1(void **state)
{
	(void)state;
	play("{\"ok\":false,\"error\":\"no service of that name: dsn (there are: dns)\"}\n");
	expect("drain dsn", 1, "bgpctl: no service of that name: dsn");
	expect("why dsn", 1, "there are: dns");
	expect("upgrade", 1, "no service");
	expect("reload", 1, "no service");
}

static void
a_failing_check_is_1(void **state)
{
	(void)state;
	play_file("checks_mixed");
	expect("check upstream", 1, "FAIL    upstream");
}

static void
nonsense_from_the_other_end_is_3(void **state)
{
	static const char *const rows[] = {"garbage\n", "[]\n", "{\"ok\":true}\n", "{\"ok\":tr",
	    "{\"ok\":true,\"data\":7}\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		play(rows[i]);
		expect("status", 3, "bgpctl: ");
		expect("why", 3, "bgpctl: ");
		expect("events", 3, "bgpctl: ");
		stop_playing();
	}
}

static void
events_come_from_the_recorder_when_healthd_is_dead(void **state)
{
	char file[128], words[256];
	struct recorder *r;
	struct err err;

	(void)state;
	snprintf(file, sizeof(file), "%s/flight", dir);
	r = recorder_open(file, 1 << 20, &err);
	assert_non_null(r);
	for (int i = 0; i < 40; i++) {
		char line[64];

		snprintf(line, sizeof(line), "event=rung n=%d because=\"x y\"", i);
		recorder_event(r, i % 2 == 0 ? 5 : 6, line);
		recorder_append(r, RECORD_DECISION, "{}", 2);
	}
	recorder_close(r);
	snprintf(words, sizeof(words), "events --file %s", file);
	expect(words, 0, "n=20 because");
	assert_null(strstr(output, "n=19 "));
	assert_non_null(strstr(output, "n=39 "));
	snprintf(words, sizeof(words), "events -n 2 --level notice --json --file %s", file);
	expect(words, 0, "\"fields\":{\"event\":\"rung\",\"n\":\"38\",\"because\":\"x y\"}");
	assert_null(strstr(output, "\"39\""));
	snprintf(words, sizeof(words), "events --since 1h --file %s", file);
	expect(words, 0, "n=0 because");
	snprintf(words, sizeof(words), "events --file %s/none", dir);
	expect(words, 3, "cannot open the flight recorder");
}

/* The recorder is where the whole configuration says, with what it includes. */
static void
the_recorder_is_found_in_an_included_file_too(void **state)
{
	char flight[128], conf[128], more[128], text[256], words[256];
	struct recorder *r;
	struct err err;

	(void)state;
	snprintf(flight, sizeof(flight), "%s/flight", dir);
	snprintf(conf, sizeof(conf), "%s/conf", dir);
	snprintf(more, sizeof(more), "%s/more", dir);
	r = recorder_open(flight, 1 << 20, &err);
	assert_non_null(r);
	recorder_event(r, 5, "event=rung n=1");
	recorder_close(r);
	snprintf(text, sizeof(text), "recorder = { path = \"%s\"; };\n", flight);
	assert_int_equal(file_replace_fast(conf, "@include \"more\"\n", 16, 0600, &err), 0);
	assert_int_equal(file_replace_fast(more, text, strlen(text), 0600, &err), 0);
	snprintf(words, sizeof(words), "-c %s events", conf);
	expect(words, 0, "n=1");
	unlink(conf);
	unlink(more);
}

static void
words_that_are_no_text_are_named(void **state)
{
	(void)state;
	play("{\"ok\":true,\"data\":{}}\n");
	expect("drain \xff", 3, "write it in UTF-8");
	expect("check \xff", 3, "write it in UTF-8");
	assert_string_equal(what_was_asked(), "");
}

static void
words_are_explained_without_anybody(void **state)
{
	json_t *all;

	(void)state;
	expect("explain covered", 0,
	    "covered: alarm (what somebody must look at)\n  A prefix of ours");
	expect("explain Bird-Silent", 0, "  -> Is BIRD running");
	/* of more than one kind: all */
	expect("explain emergency", 0, "emergency: limit");
	assert_non_null(strstr(output, "emergency: rule"));
	for (const char *line = output; *line != '\0'; line += strcspn(line, "\n") + 1)
		assert_true(strcspn(line, "\n") <= 78);
	expect("explain", 0, "rule: what decided last\n  stay start");
	expect("explain coverd", 1, "did you mean covered?");
	expect("explain xyzzyxyzzy", 1, "`bgpctl explain` lists them");
	expect("explain one two", 3, "one word too many");
	expect("explain --json emergency", 0, "");
	all = json_loads(output, 0, NULL);
	assert_int_equal(json_array_size(all), 2);
	assert_string_equal(
	    json_string_value(json_object_get(json_array_get(all, 0), "kind")), "limit");
	json_decref(all);
}

#define ROW(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(help_and_version_need_no_healthd),
		ROW(words_that_make_no_sense_are_refused_before_anything_is_asked),
		ROW(status_tells_by_its_exit_status),
		ROW(requests_carry_what_was_said),
		ROW(a_refusal_is_said_and_is_1),
		ROW(a_failing_check_is_1),
		ROW(a_cache_is_asked_of_our_own_resolver_only),
		ROW(nonsense_from_the_other_end_is_3),
		ROW(events_come_from_the_recorder_when_healthd_is_dead),
		ROW(the_recorder_is_found_in_an_included_file_too),
		ROW(words_that_are_no_text_are_named),
		ROW(words_are_explained_without_anybody),
	};
	ssize_t n = readlink("/proc/self/exe", bgpctl, sizeof(bgpctl) - 1);

	bgpctl[n] = '\0';
	for (int i = 0; i < 3; i++) /* build/VARIANT/tests/unit/bgpctl_test -> build/VARIANT */
		*strrchr(bgpctl, '/') = '\0';
	strcat(bgpctl, "/bin/bgpctl");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
