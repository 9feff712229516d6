/*
 * birdroutes: the rows of `show route`. A reply is a run of tables ("Table NAME:"), in each a run
 * of networks (the first route of a network stands on the network's line, the others on lines that
 * begin with blanks), under each route its next hops and, with `all`, its attributes.
 */
#include "bgpctl/birdrows.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void
birdrows_routes_init(struct bird_routes *r)
{
	r->n = 0;
	r->more = false;
	r->table[0] = r->net[0] = '\0';
}

static void
copy(char *out, size_t size, const char *from, size_t n)
{
	if (n >= size)
		n = size - 1;
	memcpy(out, from, n);
	out[n] = '\0';
}

/* "Table NAME:" */
static bool
table_line(const char *text, struct bird_routes *r)
{
	size_t n = strlen(text);

	if (strncmp(text, "Table ", 6) != 0 || text[n - 1] != ':')
		return false;
	copy(r->table, sizeof(r->table), text + 6, n - 7);
	r->net[0] = '\0';
	return true;
}

/* "unicast [PROTO TIME ...] * (PREF) ..." into a new route. */
static void
route_line(const char *text, struct bird_routes *r)
{
	const char *open = strchr(text, '['), *close, *pref;
	struct bird_route *route;

	if (!open || !(close = strchr(open, ']')))
		return;
	if (r->n == BIRD_ROUTES) {
		r->more = true;
		return;
	}
	route = &r->routes[r->n++];
	*route = (struct bird_route){.med = -1, .local_pref = -1, .preference = -1};
	copy(route->table, sizeof(route->table), r->table, strlen(r->table));
	copy(route->net, sizeof(route->net), r->net, strlen(r->net));
	copy(route->type, sizeof(route->type), text, strcspn(text, " ["));
	copy(route->protocol, sizeof(route->protocol), open + 1, strcspn(open + 1, " ]"));
	pref = strchr(close, '(');
	route->best = memchr(close, '*', pref ? (size_t)(pref - close) : strlen(close)) != NULL;
	if (pref)
		route->preference = strtoll(pref + 1, NULL, 10);
}

static int
numbers(const char **at, const char *stop, uint32_t *out, int max)
{
	int n = 0;
	char *end;

	while (**at && !strchr(stop, **at)) {
		if (!isdigit((unsigned char)**at)) {
			(*at)++;
			continue;
		}
		if (n == max)
			return max + 1;
		out[n++] = (uint32_t)strtoul(*at, &end, 10);
		*at = end;
	}
	return n;
}

static void
path_attribute(const char *v, struct bird_route *route)
{
	route->n_path = numbers(&v, "", route->path, BIRD_PATH);
	if (route->n_path > BIRD_PATH) {
		route->n_path = BIRD_PATH;
		route->cut = true;
	}
}

/* "(a,b) (c,d)" or "(a, b, c) ...": `arity` numbers in each pair of brackets. */
static void
community_attribute(const char *v, int arity, struct bird_route *route)
{
	int *n = arity == 2 ? &route->n_communities : &route->n_large;
	uint32_t one[3];

	while ((v = strchr(v, '('))) {
		v++;
		if (numbers(&v, ")", one, arity) != arity)
			continue;
		if (*n == BIRD_COMMUNITIES) {
			route->cut = true;
			return;
		}
		memcpy(arity == 2 ? route->communities[*n] : route->large[*n], one,
		    sizeof(one[0]) * (size_t)arity);
		(*n)++;
	}
}

static void
attribute_line(const char *text, struct bird_route *route)
{
	const char *v;

	text += strspn(text, " \t");
	v = strchr(text, ':');
	if (strncmp(text, "BGP.", 4) != 0 || !v)
		return;
	text += 4;
	v++;
	if (strncmp(text, "as_path:", 8) == 0)
		path_attribute(v, route);
	else if (strncmp(text, "med:", 4) == 0)
		route->med = strtoll(v, NULL, 10);
	else if (strncmp(text, "local_pref:", 11) == 0)
		route->local_pref = strtoll(v, NULL, 10);
	else if (strncmp(text, "community:", 10) == 0)
		community_attribute(v, 2, route);
	else if (strncmp(text, "large_community:", 16) == 0)
		community_attribute(v, 3, route);
}

void
birdrows_routes(int code, const char *text, struct bird_routes *r)
{
	struct bird_route *last = r->n && !r->more ? &r->routes[r->n - 1] : NULL;
	size_t n;

	if (last && (code == 1008 || code == 1012))
		last->attributes = true;
	if (last && code == 1012)
		attribute_line(text, last);
	else if (last && code == 8000) /* "<line overflow>" in place of a row */
		last->cut = true;
	if (code != 1007 || text[0] == '\0' || text[0] == '\t' || table_line(text, r))
		return;
	if (text[0] != ' ') {
		n = strcspn(text, " ");
		copy(r->net, sizeof(r->net), text, n);
		text += n;
	}
	route_line(text + strspn(text, " "), r);
}

bool
bird_route_has(const struct bird_route *r, uint32_t asn, uint32_t value)
{
	for (int i = 0; i < r->n_communities; i++)
		if (r->communities[i][0] == asn && r->communities[i][1] == value)
			return true;
	return false;
}

bool
bird_route_has_large(const struct bird_route *r, uint32_t asn, uint32_t a, uint32_t b)
{
	for (int i = 0; i < r->n_large; i++)
		if (r->large[i][0] == asn && r->large[i][1] == a && r->large[i][2] == b)
			return true;
	return false;
}
