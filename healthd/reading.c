#include "healthd/reading.h"

#include <stdlib.h>
#include <string.h>

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits at *p; moves *p behind them. False when there are none or too many. */
static bool
digits(const char **p, uint64_t *out)
{
	uint64_t v = 0;
	unsigned d;

	if (!is_digit(**p))
		return false;
	for (; is_digit(**p); (*p)++) {
		d = (unsigned)(**p - '0');
		if (v > (UINT64_MAX - d) / 10)
			return false;
		v = v * 10 + d;
	}
	*out = v;
	return true;
}

static const char *
skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

/* The first line that starts with the word `key`, behind the word; NULL if there is none. */
static const char *
line_find(const char *text, const char *key)
{
	size_t n = strlen(key);

	while (text != NULL && *text != '\0') {
		if (strncmp(text, key, n) == 0 && (text[n] == ' ' || text[n] == '\t'))
			return text + n;
		text = strchr(text, '\n');
		text = text != NULL ? text + 1 : NULL;
	}
	return NULL;
}

bool
reading_number(const char *text, uint64_t *out)
{
	return digits(&text, out);
}

bool
reading_field(const char *text, const char *key, uint64_t *out)
{
	const char *p = line_find(text, key);

	if (p == NULL)
		return false;
	p = skip_blanks(p);
	return digits(&p, out);
}

bool
reading_column(const char *text, const char *row, const char *column, uint64_t *out)
{
	const char *names = line_find(text, row), *values, *end;
	size_t n = strlen(column), word;

	if (names == NULL)
		return false;
	end = strchr(names, '\n');
	values = end != NULL ? line_find(end + 1, row) : NULL;
	if (values == NULL)
		return false;
	for (;;) {
		names = skip_blanks(names);
		values = skip_blanks(values);
		word = strcspn(names, " \t\n");
		if (word == 0)
			return false;
		if (word == n && memcmp(names, column, n) == 0)
			return digits(&values, out);
		names += word;
		values += strcspn(values, " \t\n");
	}
}

bool
reading_nth(const char *text, int n, uint64_t *out)
{
	for (; n >= 0; n--) {
		text = skip_blanks(text);
		if (!digits(&text, out))
			return false;
	}
	return true;
}

bool
reading_pressure(const char *text, int64_t *out)
{
	static const char head[] = "some avg10=";
	const char *p = text + sizeof(head) - 1;
	uint64_t whole;
	int64_t part = 0;

	if (strncmp(text, head, sizeof(head) - 1) != 0 || !digits(&p, &whole) || whole > 100)
		return false;
	if (p[0] == '.' && is_digit(p[1]) && is_digit(p[2]))
		part = (p[1] - '0') * 10 + (p[2] - '0');
	*out = (int64_t)whole * 100 + part;
	return true;
}

int64_t
reading_share(uint64_t part, uint64_t whole)
{
	if (whole == 0)
		return 0;
	/* Scaled down together, so that nothing overflows; a share is a matter of percents. */
	while (whole > UINT64_MAX / 20000 || part > UINT64_MAX / 20000) {
		whole /= 2;
		part /= 2;
	}
	return (int64_t)(part * 10000 / (whole > 0 ? whole : 1));
}

int64_t
reading_rate(uint64_t before, uint64_t now, int64_t us)
{
	uint64_t n = now > before ? now - before : 0;

	if (us <= 0)
		return 0;
	if (n > INT64_MAX / 100000000)
		return INT64_MAX / 100000000;
	return (int64_t)n * 100000000 / us;
}

int
reading_grade(int64_t reading, int64_t warn, int64_t crit)
{
	if (crit < warn) { /* less is worse: mirror it */
		reading = -reading;
		warn = -warn;
		crit = -crit;
	}
	if (reading >= crit)
		return 0;
	if (reading <= warn)
		return 100;
	return (int)((crit - reading) * 100 / (crit - warn));
}
