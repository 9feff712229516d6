/*
 * Whom to ask for a key, and what answers mean. The connections are l3_node.c's.
 */
#include "resolver/l3.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/ensure.h"
#include "lib/event.h"
#include "resolver/l3_impl.h"
#include "resolver/l3_reply.h"

#define REMAP_S 1.0	/* how often a map that lacks something is asked for at most */
#define HOPS_MAX 2	/* redirections of one question */
#define SECRET_LEAST 16

static void
count(struct l3 *l, enum score_event what)
{
	score_add(&l->score->event[what], 1);
}

static int64_t
wall_s(void)
{
	return (int64_t)time(NULL);
}

static void
key_text(const struct l3 *l, const struct key *k, char text[static L3_KEY_MAX],
    struct l3_word *word)
{
	*word = (struct l3_word){text, l3_key_render(k, &l->rules, text)};
}

/* Who has the key, if it can be asked. */
static struct l3_node *
node_of(struct l3 *l, const struct l3_word *key)
{
	uint8_t number = l->map[l3_slot(key->octets, key->length)];

	return number < l->n && l->nodes[number].pace.state == L3_UP ? &l->nodes[number] : NULL;
}

static bool
get_from(struct l3_node *n, struct l3_get *g, const struct l3_word *key, uint8_t hops, bool asking)
{
	const struct l3_word words[] = {L3_WORD("GET"), *key}, ask = L3_WORD("ASKING");
	struct l3_command *c;

	if (asking && l3_node_send(n, L3_ASKING, &ask, 1) == NULL)
		return false;
	c = l3_node_send(n, L3_GET, words, 2);
	if (c == NULL)
		return false;
	score_add(&n->score->asked, 1);
	c->get = g;
	c->hops = hops;
	g->command = c;
	return true;
}

bool
l3_get(struct l3 *l, struct l3_get *g, const struct key *key,
    void (*told)(struct l3_get *g, const struct entry *entry))
{
	char text[L3_KEY_MAX];
	struct l3_word word;
	struct l3_node *n;

	*g = (struct l3_get){.key = key, .told = told};
	key_text(l, key, text, &word);
	n = node_of(l, &word);
	if (n != NULL && get_from(n, g, &word, 0, false))
		return true;
	count(l, SCORED_L3_FAILED);
	return false;
}

bool
l3_waits(const struct l3_get *g)
{
	return g->command != NULL && g->command->node->l3->conf->redis.race_ms > 0 &&
	       l3_pace_waits(&g->command->node->pace);
}

void
l3_forget(struct l3_get *g)
{
	if (g->command != NULL)
		g->command->get = NULL;
	g->command = NULL;
}

static void
tell(struct l3_get *g, const struct entry *entry)
{
	g->command = NULL;
	g->told(g, entry);
}

void
l3_put(struct l3 *l, const struct entry *e)
{
	char text[L3_KEY_MAX], life[16];
	struct l3_word words[] = {L3_WORD("SET"), {NULL, 0}, {NULL, 0}, L3_WORD("EX"), {NULL, 0}};
	struct l3_node *n;
	struct key k;

	if (e->ttl_s < l->conf->redis.min_ttl_s)
		return;
	entry_key(e, &k);
	key_text(l, &k, text, &words[1]);
	n = node_of(l, &words[1]);
	if (n == NULL)
		return;
	words[2] = (struct l3_word){
	    l->value, l3_value_encode(e, &l->rules, wall_s(), l->value)};
	snprintf(life, sizeof(life), "%u", e->ttl_s);
	words[4] = L3_WORD(life);
	if (words[2].length > 0 && l3_node_send(n, L3_SET, words, 5) != NULL)
		count(l, SCORED_L3_WRITE);
}

/* Asks the next server that is up for the map. */
static void
map_ask(struct l3 *l)
{
	const struct l3_word words[] = {L3_WORD("CLUSTER"), L3_WORD("SLOTS")};
	int i;

	for (i = 0; i < l->n; i++) {
		l->map_asked = (uint8_t)((l->map_asked + 1) % l->n);
		if (l3_node_send(&l->nodes[l->map_asked], L3_MAP, words, 2) != NULL)
			return;
	}
}

/* Has every slot a server that is up? */
static bool
map_whole(const struct l3 *l)
{
	int slot;

	for (slot = 0; slot < L3_SLOTS; slot++) {
		if (l->map[slot] >= l->n || l->nodes[l->map[slot]].pace.state != L3_UP)
			return false;
	}
	return true;
}

static void
on_remap(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct l3 *l = w->data;

	(void)loop;
	(void)revents;
	if (l->map_wanted || !map_whole(l))
		map_ask(l);
	l->map_wanted = false;
}

static void
map_take(struct l3_node *n, const redisReply *reply)
{
	struct l3 *l = n->l3;
	int strange = l3_map_take(l->map, reply, n->number, l->servers, l->n);

	if (strange < 0) {
		l3_node_lose(n, "what it tells about its Cluster makes no sense");
		return;
	}
	if (strange > 0 && !l->strangers_told)
		event_say(EVENT_WARN, "l3_strangers",
		    "redis %s tells that %d slots are of servers that are not in redis.servers, "
		    "which are not asked; write all of the Cluster's there",
		    n->name, strange);
	l->strangers_told = strange > 0;
}

/* False when it is followed no further. */
static bool
follow(struct l3_node *n, const struct l3_command *c, const struct l3_redirect *to)
{
	struct l3 *l = n->l3;
	uint8_t number = l3_map_server(l->servers, l->n, &to->addr, to->port);
	char text[L3_KEY_MAX];
	struct l3_word word;

	if (!to->ask) {
		l->map[to->slot] = number;
		l->map_wanted = true;
	}
	if (c->get == NULL || number == L3_NOBODY || c->hops >= HOPS_MAX)
		return false;
	key_text(l, c->get->key, text, &word);
	return get_from(&l->nodes[number], c->get, &word, (uint8_t)(c->hops + 1), to->ask);
}

/* An error in place of an answer. Redirections are a Cluster's way of life, the rest adds up. */
static void
on_error(struct l3_node *n, const struct l3_command *c, const redisReply *reply)
{
	struct l3_redirect to;

	if (n->l3->conf->redis.cluster && l3_redirect_parse(reply->str, reply->len, &to)) {
		if (follow(n, c, &to))
			return;
	} else if (l3_pace_error(&n->pace)) {
		l3_node_lose(n, "%d errors in a row, the last: %.100s", L3_ERRORS, reply->str);
	}
	if (c->kind == L3_GET)
		count(n->l3, SCORED_L3_FAILED);
	if (c->get != NULL)
		tell(c->get, NULL);
}

static void
on_value(struct l3 *l, struct l3_get *g, const redisReply *reply)
{
	static const enum score_event refusals[] = {
	    [L3_STALE] = SCORED_L3_STALE,
	    [L3_UNTRUSTED] = SCORED_L3_UNTRUSTED,
	    [L3_WRONG] = SCORED_L3_BAD,
	};
	enum l3_verdict verdict = L3_WRONG;
	struct entry *e = (struct entry *)(void *)l->entry;

	if (reply->type == REDIS_REPLY_STRING)
		verdict = l3_value_decode((const uint8_t *)reply->str, reply->len, g->key,
		    &l->rules, wall_s(), mono_now().us / 1000000, e);
	if (verdict == L3_TAKEN) {
		e->origin = ORIGIN(ORIGIN_L3, 0);
		count(l, SCORED_L3_HIT);
		tell(g, e);
		return;
	}
	count(l, reply->type == REDIS_REPLY_NIL ? SCORED_L3_MISS : refusals[verdict]);
	tell(g, NULL);
}

static void
on_get(struct l3_node *n, const struct l3_command *c, const redisReply *reply)
{
	if (c->get == NULL)
		count(n->l3, SCORED_L3_LATE);
	else
		on_value(n->l3, c->get, reply);
}

void
l3_replied(struct l3_node *n, const struct l3_command *c, const redisReply *reply)
{
	int64_t spent_us = mono_diff_us(mono_now(), c->sent);

	/* A server that takes everything and gives nothing is of no use. */
	if (reply != NULL && reply->type != REDIS_REPLY_ERROR && c->kind != L3_SET)
		l3_pace_answer(&n->pace, spent_us <= n->l3->conf->redis.race_ms * 1000);
	l3_node_pace(n);
	if (reply != NULL && c->kind == L3_GET)
		score_add(&n->score->answered, 1);
	if (reply == NULL) {
		if (c->kind == L3_GET)
			count(n->l3, n->silent ? SCORED_L3_TIMEOUT : SCORED_L3_FAILED);
		if (c->get != NULL)
			tell(c->get, NULL);
	} else if (reply->type == REDIS_REPLY_ERROR) {
		on_error(n, c, reply);
	} else if (c->kind == L3_GET) {
		on_get(n, c, reply);
	} else if (c->kind == L3_MAP || c->kind == L3_GREETING_LAST) {
		map_take(n, reply);
	}
}

/* Everything that one turn of the loop asked goes out in one write. */
static void
on_flush(struct ev_loop *loop, struct ev_prepare *w, int revents)
{
	struct l3 *l = w->data;
	int i;

	(void)loop;
	(void)revents;
	for (i = 0; i < l->n; i++) {
		if (l->nodes[i].pace.state == L3_UP && (l->nodes[i].io.events & EV_WRITE) == 0)
			l3_node_flush(&l->nodes[i]);
	}
}

/* The first line of a file that nobody else shall know. "" without a path. */
static int
line_read(const char *path, char *out, size_t room, struct err *err)
{
	FILE *f;

	out[0] = '\0';
	if (path[0] == '\0')
		return 0;
	f = fopen(path, "re");
	if (f == NULL)
		return err_errno(err, "cannot read %s", path);
	if (fgets(out, (int)room, f) == NULL)
		out[0] = '\0';
	fclose(f);
	out[strcspn(out, "\r\n")] = '\0';
	if (out[0] == '\0' || strlen(out) + 2 > room)
		return err_set(err, "%s has no first line of 1 to %zu characters; write one", path,
		    room - 2);
	return 0;
}

static int
secrets_read(struct l3 *l, struct err *err)
{
	char secret[512];
	size_t length;

	if (line_read(l->conf->redis.password_file, l->password, sizeof(l->password), err) < 0 ||
	    line_read(l->conf->redis.secret_file, secret, sizeof(secret), err) < 0)
		return -1;
	length = strlen(secret);
	if (length == 0)
		return 0;
	if (length < SECRET_LEAST)
		return err_set(err,
		    "%s has a secret of %zu characters; write %d at least, as \"openssl rand -hex "
		    "32\" makes them",
		    l->conf->redis.secret_file, length, SECRET_LEAST);
	nettle_hmac_sha256_set_key(&l->mac, length, (const uint8_t *)secret);
	explicit_bzero(secret, sizeof(secret));
	l->rules.mac = &l->mac;
	return 0;
}

static void
servers_take(struct l3 *l)
{
	int i;

	l->n = l->conf->redis.n_servers;
	for (i = 0; i < l->n; i++) {
		ENSURE(resolver_conf_redis_server(
		    l->conf->redis.servers[i], &l->servers[i].addr, &l->servers[i].port));
		l3_node_init(&l->nodes[i], l, i);
	}
	if (l->conf->redis.cluster)
		memset(l->map, L3_NOBODY, sizeof(l->map));
	else
		l3_map_spread(l->map, l->n);
}

struct l3 *
l3_new(const struct resolver_conf *conf, struct ev_loop *loop, struct scoreboard *score,
    bool purged, struct err *err)
{
	struct l3 *l = calloc(1, sizeof(*l));

	ENSURE(l != NULL);
	l->conf = conf;
	l->loop = loop;
	l->score = score;
	l3_reply_init(&l->replies);
	l->rules = (struct l3_rules){.view = conf->redis.view,
	    .validates = conf->engine.trust_anchor[0] != '\0',
	    .stale_by_s = purged ? wall_s() : 0,
	    .policy = &conf->ttl};
	if (secrets_read(l, err) < 0) {
		free(l);
		return NULL;
	}
	l->rules.secure = l->rules.mac != NULL || conf->redis.trust_ad;
	servers_take(l);
	ev_prepare_init(&l->flush, on_flush);
	ev_timer_init(&l->remap, on_remap, REMAP_S, REMAP_S);
	l->flush.data = l->remap.data = l;
	return l;
}

void
l3_start(struct l3 *l)
{
	int i;

	if (l->rules.mac == NULL)
		event_say(EVENT_NOTICE, "l3_unauthenticated",
		    "without redis.secret_file whoever may write to Redis is believed%s",
		    l->rules.secure ? ", also that answers were validated"
				    : "; validated answers are not shared");
	for (i = 0; i < l->n; i++)
		l3_node_start(&l->nodes[i]);
	ev_prepare_start(l->loop, &l->flush);
	if (l->conf->redis.cluster)
		ev_timer_start(l->loop, &l->remap);
}

void
l3_free(struct l3 *l)
{
	int i;

	if (l == NULL)
		return;
	for (i = 0; i < l->n; i++)
		l3_node_fini(&l->nodes[i]);
	ev_prepare_stop(l->loop, &l->flush);
	ev_timer_stop(l->loop, &l->remap);
	explicit_bzero(l->password, sizeof(l->password));
	free(l);
}
