#include "healthd/accounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first three fields of a line are NAME:PASSWORD:ID, in either file; `behind` is what follows.
 * What is no entry (a comment, a line of the old NIS kind) is passed over. */
static bool
parse(char *line, const char **name, unsigned long *id, char **behind)
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
	*behind = end + (*end == ':');
	return *end == ':' && *id < (unsigned long)(uid_t)-1;
}

/* The first entry of that name, or where `name` is NULL of that id. `*line` is heap, also where
 * there is none; what is found points into it. */
static bool
find(const char *path, const char *name, unsigned long wanted, char **line, const char **found,
    unsigned long *id, char **behind)
{
	FILE *f = fopen(path, "re");
	size_t room = 0;
	bool ok = false;

	*line = NULL;
	while (f != NULL && !ok && getline(line, &room, f) > 0)
		ok = parse(*line, found, id, behind) &&
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
	char *line, *members;
	bool ok = find(path, name, 0, &line, &found, &id, &members);

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
	char *line, *behind;
	bool ok = find(path, NULL, uid, &line, &found, &id, &behind);

	if (ok)
		snprintf(name, size, "%s", found);
	free(line);
	return ok;
}

bool
accounts_ids(const char *path, const char *name, uid_t *uid, gid_t *gid)
{
	const char *found;
	unsigned long id, group;
	char *line, *behind, *end;
	bool ok = find(path, name, 0, &line, &found, &id, &behind) && *behind >= '0' &&
	    *behind <= '9';

	if (ok) {
		group = strtoul(behind, &end, 10);
		ok = *end == ':' && group < (unsigned long)(gid_t)-1;
	}
	if (ok) {
		*uid = (uid_t)id;
		*gid = (gid_t)group;
	}
	free(line);
	return ok;
}

/* The last field of a line of groups: names with commas between them. */
static bool
is_member(char *members, const char *name)
{
	char *save, *word = strtok_r(members, ",\n", &save);

	while (word != NULL && strcmp(word, name) != 0)
		word = strtok_r(NULL, ",\n", &save);
	return word != NULL;
}

static bool
holds(const gid_t *groups, int n, gid_t gid)
{
	for (int i = 0; i < n; i++)
		if (groups[i] == gid)
			return true;
	return false;
}

int
accounts_groups_of(const char *path, const char *name, gid_t *groups, int n, int room)
{
	FILE *f = fopen(path, "re");
	char *line = NULL, *members;
	const char *group;
	unsigned long id;
	size_t size = 0;

	while (f != NULL && n < room && getline(&line, &size, f) > 0)
		if (parse(line, &group, &id, &members) && is_member(members, name) &&
		    !holds(groups, n, (gid_t)id))
			groups[n++] = (gid_t)id;
	if (f != NULL)
		fclose(f);
	free(line);
	return n;
}
