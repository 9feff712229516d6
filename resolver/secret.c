#include "resolver/secret.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/sealed.h"
#include "resolver/given.h"
#include "resolver/hold.h"

#define FILE_MAX 4096

static int
wrong(const struct resolver_conf *c, const struct err *why, struct err *err)
{
	return conf_wrong(c->places, &c->cookies, "secret_file", -1, err, "%.300s", why->text);
}

int
secret_read(const struct resolver_conf *c, struct cookie_secrets *out, struct err *err)
{
	const char *path = c->cookies.secret_file;
	struct err why;
	struct stat st;
	char *text;
	int done;

	out->n = 0;
	if (path[0] == '\0')
		return 0;
	text = file_read(path, FILE_MAX, NULL, &why);
	if (text == NULL)
		return wrong(c, &why, err);
	done = cookie_secrets_parse(text, out, &why);
	if (done == -1)
		err_wrap(&why, "%s", path);
	explicit_bzero(text, strlen(text));
	free(text);
	if (done == 0 && stat(path, &st) == 0 && (st.st_mode & 07) != 0)
		done =
		    err_set(&why, "%s is open to everybody, so it is no secret; chmod 640", path);
	return done == 0 ? 0 : wrong(c, &why, err);
}

static int
random_get(uint8_t *out, struct err *err)
{
	if (getrandom(out, COOKIE_SECRET, 0) != COOKIE_SECRET)
		return err_errno(err, "no random numbers");
	return 0;
}

int
secret_make(struct err *err)
{
	int fd = sealed_make("anypop-secret", COOKIE_SECRET, err);
	uint8_t *memory;
	size_t bytes;
	int done;

	if (fd == -1)
		return -1;
	memory = sealed_map(fd, true, &bytes, err);
	done = memory != NULL ? random_get(memory, err) : -1;
	if (memory != NULL)
		munmap(memory, bytes);
	if (done == 0)
		return fd;
	close(fd);
	return -1;
}

bool
secret_fits(int fd)
{
	struct err ignored;
	size_t bytes;

	return sealed_size(fd, &bytes, &ignored) == 0 && bytes == COOKIE_SECRET;
}

static int
held_get(int fd, struct cookie_secrets *out, struct err *err)
{
	uint8_t *memory;
	size_t bytes;

	if (!secret_fits(fd))
		return err_set(err, "%s, which was handed over, is no secret", HOLD_SECRET);
	memory = sealed_map(fd, false, &bytes, err);
	if (memory == NULL)
		return err_wrap(err, "%s", HOLD_SECRET);
	memcpy(out->secret[0], memory, COOKIE_SECRET);
	munmap(memory, bytes);
	return 0;
}

int
secret_get(
    const struct resolver_conf *c, struct held *given, struct cookie_secrets *out, struct err *err)
{
	int fd = given_take(given, HOLD_SECRET), done;

	*out = (struct cookie_secrets){0};
	done = secret_read(c, out, err);
	if (done == 0 && out->n == 0) {
		out->n = 1;
		done = fd != -1 ? held_get(fd, out, err) : random_get(out->secret[0], err);
	}
	if (fd != -1)
		close(fd);
	return done;
}
