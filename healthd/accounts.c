#include "healthd/accounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first three fields of a line are NAME:PASSWORD:ID, in either file. What is no entry (a
 * comment, a line of the old NIS kind) is passed over. */
static bool
parse(char *line, const char **name, unsigned long *id)
{
	char *rest = strchr(line, ':'), *number, *end;

	if (rest == NULL || rest == line || line[0] == '+' || line[0] == '-' || line[0] == '#')
		return false;
	*rest++ = '\0';
	number = strchr(rest, ':');
	if (number == NULL || number[1] < '0' || number[1] > '9')
		return false;
	*id = strtoul(number + 1, &end, 10);
	*name = line;
	return *end == ':' && *id < (unsigned long)(uid_t)-1;
}

/* The first entry of that name, or where `name` is NULL of that id. `*line` is heap, also where
 * there is none; what is found points into it. */
static bool
find(const char *path, const char *name, unsigned long wanted, char **line, const char **found,
    unsigned long *id)
{
	FILE *f = fopen(path, "re");
	size_t room = 0;
	bool ok = false;

	*line = NULL;
	while (f != NULL && !ok && getline(line, &room, f) > 0)
		ok = parse(*line, found, id) &&
		    (name != NULL ? strcmp(*found, name) == 0 : *id == wanted);
	if (f != NULL)
		fclose(f);
	return ok;
}

bool
accounts_group(const char *path, const char *name, gid_t *gid)
{
	const char *found;
	unsigned long id;
	char *line;
	bool ok = find(path, name, 0, &line, &found, &id);

	if (ok)
		*gid = (gid_t)id;
	free(line);
	return ok;
}

bool
accounts_user(const char *path, uid_t uid, char *name, size_t size)
{
	const char *found;
	unsigned long id;
	char *line;
	bool ok = find(path, NULL, uid, &line, &found, &id);

	if (ok)
		snprintf(name, size, "%s", found);
	free(line);
	return ok;
}
