#include "resolver/anchor_file.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/file.h"

static int
take(const struct resolver_conf *c, const char *text, struct anchors *out, struct err *err)
{
	if (!anchors_rendered(text))
		return err_set(err, "`resolver anchor` has not written it");
	if (!anchors_grew_from(text, c->engine.trust_anchor))
		return ANCHOR_FILE_OTHER;
	if (anchors_parse(text, out, err) < 0)
		return -1;
	if (anchors_in_force(out) == 0)
		return err_set(err, "there is no key in it");
	return ANCHOR_FILE_KEYS;
}

int
anchor_file_read(const struct resolver_conf *c, struct anchors *out, struct err *err)
{
	const char *path = c->engine.followed_anchor;
	char *text;
	int what;

	if (c->engine.trust_anchor[0] == '\0' || path[0] == '\0')
		return ANCHOR_FILE_NONE;
	text = file_read(path, ANCHOR_FILE_MAX, NULL, err);
	if (text == NULL)
		return errno == ENOENT ? ANCHOR_FILE_NONE : -1;
	what = take(c, text, out, err);
	free(text);
	return what < 0 ? err_wrap(err, "%s", path) : what;
}
