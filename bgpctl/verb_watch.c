/*
 * watch: the status above, the last events below, on the terminal's alternate screen. One
 * connection follows the events, another asks for the status: once a second, and right after each
 * event. When healthd goes away the last picture stays with a line that says so, and it tries again
 * each second.
 *
 * Signals are only taken while ppoll() waits, so the terminal is given back in one place.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "bgpctl/cli.h"
#include "bgpctl/pick.h"
#include "bgpctl/render.h"
#include "lib/mono.h"
#include "lib/text.h"

#define MAX_EVENTS 200
#define REFRESH_MS 1000
#define QUIET_MS 50 /* at most so often by events */

struct watch {
	struct cli *cli;
	struct control *ask, *follow;
	char *page;		    /* of the last status; malloc'd */
	char *events[MAX_EVENTS];   /* the newest last; malloc'd */
	int n_events;
	char trouble[400];	    /* "" while all is well */
	bool dirty;
	struct mono due;
};

static volatile sig_atomic_t got_end, got_resize, got_stop, got_cont;

static void
on_signal(int number)
{
	if (number == SIGWINCH)
		got_resize = 1;
	else if (number == SIGTSTP)
		got_stop = 1;
	else if (number == SIGCONT)
		got_cont = 1;
	else
		got_end = number;
}

static void
print_event(FILE *to, const json_t *event)
{
	render_event(to, json_integer_value(json_object_get(event, "wall_us")),
	    pick_text(event, "level", ""), pick_text(event, "name", "?"),
	    pick_text(event, "line", ""));
}

static void
add_event(struct watch *w, const json_t *event)
{
	char *text = cli_text(print_event, event);

	if (text == NULL)
		return;
	if (w->n_events == MAX_EVENTS) {
		free(w->events[0]);
		memmove(w->events, w->events + 1, (MAX_EVENTS - 1) * sizeof(w->events[0]));
		w->n_events--;
	}
	text[strcspn(text, "\n")] = '\0';
	w->events[w->n_events++] = text;
	w->dirty = true;
}

static void
hang_up(struct watch *w, const struct err *err)
{
	control_close(w->ask);
	control_close(w->follow);
	w->ask = w->follow = NULL;
	snprintf(w->trouble, sizeof(w->trouble), "%s", err->text);
	text_clean(w->trouble);
	w->dirty = true;
}

static int
dial(struct watch *w, struct err *err)
{
	const json_t *event;
	json_t *data;
	size_t i;
	int code;

	if (w->ask != NULL)
		return 0;
	w->ask = control_open(cli_socket(w->cli), REFRESH_MS, err);
	w->follow = w->ask != NULL ? control_open(cli_socket(w->cli), REFRESH_MS, err) : NULL;
	if (w->follow == NULL)
		return -1;
	data = cli_ask_on(w->follow, "events", json_pack("{s:i,s:b}", "n", MAX_EVENTS, "follow", 1),
	    REFRESH_MS, &code, err);
	if (data == NULL)
		return -1;
	while (w->n_events > 0) /* it tells them again */
		free(w->events[--w->n_events]);
	json_array_foreach (pick_part(data, "events"), i, event)
		add_event(w, event);
	json_decref(data);
	return 0;
}

static void
refresh(struct watch *w)
{
	struct err err;
	json_t *status = NULL;
	int code;

	if (dial(w, &err) == 0)
		status = cli_ask_on(w->ask, "status", NULL, REFRESH_MS, &code, &err);
	if (status == NULL) {
		hang_up(w, &err);
		return;
	}
	free(w->page);
	w->page = cli_text(render_status, status);
	w->trouble[0] = '\0';
	w->dirty = true;
	json_decref(status);
}

static void
take_events(struct watch *w)
{
	struct err err;
	json_t *line;
	bool any = false;

	while ((line = control_next(w->follow, 0, &err)) != NULL) {
		if (json_object_get(line, "event") != NULL)
			add_event(w, json_object_get(line, "event"));
		json_decref(line);
		any = true;
	}
	if (errno != ETIMEDOUT)
		hang_up(w, &err);
	else if (any)
		w->due = mono_min(w->due, mono_add_ms(mono_now(), QUIET_MS));
}

/* One line of at most `columns` characters; alarms stand out. */
static void
put_line(FILE *to, const char *text, size_t bytes, int columns)
{
	size_t lead = strspn(text, " ");
	bool loud = lead < bytes && text[lead] == '!';
	int used = 0;

	if (loud)
		fputs("\033[1;31m", to);
	for (size_t i = 0; i < bytes; i++) {
		if (((unsigned char)text[i] & 0xc0) != 0x80 && ++used > columns)
			break;
		fputc(text[i], to);
	}
	if (loud)
		fputs("\033[0m", to);
	fputs("\033[K\r\n", to);
}

static int
put_page(FILE *to, const char *page, int rows, int columns)
{
	int n = 0;

	while (*page != '\0' && n < rows) {
		size_t bytes = strcspn(page, "\n");

		put_line(to, page, bytes, columns);
		page += bytes + (page[bytes] == '\n');
		n++;
	}
	return n;
}

static void
draw(struct watch *w)
{
	struct winsize size = {0};
	char *text = NULL;
	size_t length;
	FILE *to = open_memstream(&text, &length);
	int rows, columns, used, first;

	if (to == NULL)
		return;
	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	rows = size.ws_row > 3 ? size.ws_row : 24;
	columns = size.ws_col > 0 ? size.ws_col : 80;
	fputs("\033[H", to);
	used = put_page(to, w->page != NULL ? w->page : "", rows - 2, columns);
	if (used < rows - 2) {
		put_line(to, "", 0, columns);
		used++;
	}
	first = w->n_events - (rows - 1 - used);
	for (int i = first < 0 ? 0 : first; i < w->n_events; i++, used++)
		put_line(to, w->events[i], strlen(w->events[i]), columns);
	fputs("\033[J", to);
	fprintf(to, "\033[%d;1H\033[7m%.*s\033[0m\033[K", rows, columns,
	    w->trouble[0] != '\0' ? w->trouble : "q quits");
	fclose(to);
	fputs(text, stdout);
	fflush(stdout);
	free(text);
	w->dirty = false;
}

static struct termios before;

static void
take_terminal(void)
{
	struct termios raw = before;

	raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
	fputs("\033[?1049h\033[?25l\033[2J", stdout);
	fflush(stdout);
}

static void
give_terminal_back(void)
{
	fputs("\033[?25h\033[?1049l", stdout);
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
}

/* Suspended from the keyboard: the shell gets its terminal, and we get it back with SIGCONT. */
static void
suspend(struct watch *w)
{
	got_stop = 0;
	give_terminal_back();
	raise(SIGSTOP);
	take_terminal();
	got_cont = 0;
	w->dirty = true;
}

/* False when it is to end. */
static bool
turn(struct watch *w, const sigset_t *waiting)
{
	struct pollfd p[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
	    {.fd = w->follow != NULL ? control_fd(w->follow) : -1, .events = POLLIN}};
	int64_t left_us = mono_diff_us(w->due, mono_now());
	struct timespec left = {0};
	char key;

	if (left_us > 0)
		left = (struct timespec){left_us / 1000000, left_us % 1000000 * 1000};
	if (ppoll(p, 2, &left, waiting) < 0 && errno != EINTR)
		return false;
	if (got_end)
		return false;
	if (got_stop)
		suspend(w);
	if (got_resize) {
		got_resize = 0;
		w->dirty = true;
	}
	if (p[0].revents != 0 && (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q'))
		return false;
	if (p[1].revents != 0 && w->follow != NULL)
		take_events(w);
	if (!mono_before(mono_now(), w->due)) {
		refresh(w);
		w->due = mono_add_ms(mono_now(), REFRESH_MS);
	}
	if (w->dirty)
		draw(w);
	return true;
}

static int
live(struct watch *w)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT};
	struct sigaction act = {.sa_handler = on_signal};
	sigset_t blocked, waiting;

	sigemptyset(&blocked);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		sigaddset(&blocked, signals[i]);
		sigaction(signals[i], &act, NULL);
	}
	sigprocmask(SIG_BLOCK, &blocked, &waiting);
	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return cli_trouble("the terminal does not answer");
	take_terminal();
	w->due = mono_now();
	while (turn(w, &waiting))
		;
	give_terminal_back();
	return EXIT_WELL;
}

int
verb_watch(struct cli *cli)
{
	struct watch w = {.cli = cli};
	int code;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		code = cli_ask_and_show(cli, "status", NULL, render_status, NULL);
		cli->follow = true;
		cli->n = 0;
		return code != EXIT_WELL ? code : verb_events(cli);
	}
	code = live(&w);
	control_close(w.ask);
	control_close(w.follow);
	free(w.page);
	while (w.n_events > 0)
		free(w.events[--w.n_events]);
	return code;
}
