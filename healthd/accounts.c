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

bool
accounts_group(const char *path, const char *name, gid_t *gid)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	const char *found;
	size_t room = 0;
	unsigned long id;
	bool ok = false;

	while (f != NULL && !ok && getline(&line, &room, f) > 0)
		ok = parse(line, &found, &id) && strcmp(found, name) == 0;
	if (ok)
		*gid = (gid_t)id;
	free(line);
	if (f != NULL)
		fclose(f);
	return ok;
}

bool
accounts_user(const char *path, uid_t uid, char *name, size_t size)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	const char *found;
	size_t room = 0;
	unsigned long id;
	bool ok = false;

	while (f != NULL && !ok && getline(&line, &room, f) > 0)
		ok = parse(line, &found, &id) && id == uid;
	if (ok)
		snprintf(name, size, "%s", found);
	free(line);
	if (f != NULL)
		fclose(f);
	return ok;
}
