#include "resolver/anchor.h"

#include <nettle/base64.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BLANK " \t\r"
#define HEAD "; Trust anchors in force, kept by `resolver anchor`, from "
#define FLAGS_KSK 0x0101 /* zone key, secure entry point */
#define FLAG_REVOKED 0x0080
#define RDATA_HEAD 4

/* The next word of a line: its length, 0 at the line's end or a comment. */
static size_t
word(const char **at)
{
	*at += strspn(*at, BLANK);
	return strcspn(*at, BLANK "\n;");
}

/* Moves behind the next word if it is this one. */
static bool
taken(const char **at, const char *wanted)
{
	size_t n = word(at);

	if (n != strlen(wanted) || strncasecmp(*at, wanted, n) != 0)
		return false;
	*at += n;
	return true;
}

/* The decimal number at *at, moved behind; -1 where there is none of up to 10 digits. */
static int64_t
number(const char **at)
{
	int64_t value = 0;
	size_t n = strspn(*at, "0123456789");

	if (n == 0 || n > 10)
		return -1;
	for (; n > 0; n--)
		value = value * 10 + *(*at)++ - '0';
	return value;
}

/* As number(), a word of its own, `most` at most. */
static int64_t
number_word(const char **at, int64_t most)
{
	size_t n = word(at);
	const char *end = *at + n;
	int64_t value = number(at);

	return *at == end && value <= most ? value : -1;
}

/* "; ;;NAME=42" within this line's comment: 42, or -1. */
static int64_t
remark(const char *at, const char *name)
{
	const char *end = at + strcspn(at, "\n"), *found = strstr(at, name);

	if (found == NULL || found >= end)
		return -1;
	found += strlen(name);
	return number(&found);
}

static uint16_t
tag_of(const struct anchor_key *k)
{
	uint32_t sum = 0;

	for (int i = 0; i < k->length; i++)
		sum += i & 1 ? k->rdata[i] : (uint32_t)k->rdata[i] << 8;
	return (uint16_t)(sum + (sum >> 16));
}

/* The rest of the line up to its comment, which may be cut by blanks. */
static bool
key_material(const char **at, struct anchor_key *k)
{
	struct base64_decode_ctx ctx;
	size_t n, made;

	k->length = RDATA_HEAD;
	base64_decode_init(&ctx);
	while ((n = word(at)) > 0) {
		if (k->length + BASE64_DECODE_LENGTH(n) > ANCHOR_RDATA ||
		    !base64_decode_update(&ctx, &made, k->rdata + k->length, n, *at))
			return false;
		k->length += (uint16_t)made;
		*at += n;
	}
	return base64_decode_final(&ctx) && k->length > RDATA_HEAD;
}

static int
record(const char *at, bool tracked, struct anchor_key *k, struct err *err)
{
	int64_t flags, protocol, algorithm, state = ANCHOR_VALID;

	if (!taken(&at, "."))
		return err_set(err, "no record of the root");
	if (word(&at) > 0 && strchr("0123456789", *at) != NULL && number_word(&at, UINT32_MAX) < 0)
		return err_set(err, "its TTL is no number");
	taken(&at, "IN");
	if (!taken(&at, "DNSKEY"))
		return err_set(err, "no DNSKEY record");
	flags = number_word(&at, UINT16_MAX);
	protocol = number_word(&at, UINT8_MAX);
	algorithm = number_word(&at, UINT8_MAX);
	if ((flags & ~FLAG_REVOKED) != FLAGS_KSK || protocol != 3 || algorithm < 0)
		return err_set(err, "no key that could be a trust anchor");
	k->rdata[0] = (uint8_t)(flags >> 8);
	k->rdata[1] = (uint8_t)flags;
	k->rdata[2] = (uint8_t)protocol;
	k->rdata[3] = (uint8_t)algorithm;
	if (!key_material(&at, k))
		return err_set(err, "its key is not in base64, or too long");
	k->tag = tag_of(k);
	if (tracked) {
		state = remark(at, ";;state=");
		k->since_s = remark(at, ";;lastchange=");
	}
	if (state < ANCHOR_PENDING || state > ANCHOR_REMOVED || k->since_s < 0)
		return err_set(err, "its state is not told");
	k->state = (enum anchor_state)state;
	if (((flags & FLAG_REVOKED) != 0) != (state == ANCHOR_REVOKED))
		return err_set(err, "its flags and its state say different things of revocation");
	return 0;
}

static bool
key_same(const struct anchor_key *a, const struct anchor_key *b)
{
	return a->length == b->length && memcmp(a->rdata, b->rdata, a->length) == 0;
}

static const struct anchor_key *
key_find(const struct anchors *all, const struct anchor_key *key)
{
	for (int i = 0; i < all->n; i++)
		if (key_same(&all->keys[i], key))
			return &all->keys[i];
	return NULL;
}

/* Comments of an autotrust file that mean something. */
static int
comment(const char *at, struct anchors *out, struct err *err)
{
	static const char id[] = ";;id: ", root[] = ". 1", success[] = ";;last_success: ";

	if (strncmp(at, ";;REVOKED", 9) == 0)
		return err_set(err, "all keys of the root were revoked");
	if (strncmp(at, id, sizeof(id) - 1) == 0) {
		at += sizeof(id) - 1;
		if (strncmp(at, root, sizeof(root) - 1) != 0 || at[strlen(root)] != '\n')
			return err_set(err, "it is of another zone than the root");
		out->tracked = true;
	} else if (strncmp(at, success, sizeof(success) - 1) == 0) {
		at += sizeof(success) - 1;
		out->success_s = number(&at);
		if (out->success_s < 0)
			return err_set(err, "its time is no number");
	}
	return 0;
}

static int
line_read(const char *at, struct anchors *out, struct err *err)
{
	struct anchor_key *k = &out->keys[out->n];

	at += strspn(at, BLANK);
	if (*at == ';')
		return comment(at, out, err);
	if (*at == '\n' || *at == '\0')
		return 0;
	if (out->n == ANCHOR_KEYS)
		return err_set(err, "more than %d keys", ANCHOR_KEYS);
	memset(k, 0, sizeof(*k));
	if (record(at, out->tracked, k, err) < 0)
		return -1;
	if (key_find(out, k) != NULL)
		return err_set(err, "key %d is there twice", k->tag);
	out->n++;
	return 0;
}

int
anchors_parse(const char *text, struct anchors *out, struct err *err)
{
	out->n = 0;
	out->tracked = false;
	out->success_s = 0;
	for (int line = 1; *text != '\0'; line++) {
		if (line_read(text, out, err) < 0)
			return err_wrap(err, "line %d", line);
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return 0;
}

bool
anchor_in_force(const struct anchor_key *key)
{
	return (ANCHOR_BIT(key->state) & ANCHOR_FORCE_BITS) != 0;
}

int
anchors_in_force(const struct anchors *all)
{
	int n = 0;

	for (int i = 0; i < all->n; i++)
		n += anchor_in_force(&all->keys[i]);
	return n;
}

bool
anchors_same(const struct anchors *a, const struct anchors *b)
{
	const struct anchor_key *k;

	if (anchors_in_force(a) != anchors_in_force(b))
		return false;
	for (int i = 0; i < a->n; i++) {
		if (!anchor_in_force(&a->keys[i]))
			continue;
		k = key_find(b, &a->keys[i]);
		if (k == NULL || !anchor_in_force(k))
			return false;
	}
	return true;
}

const char *
anchor_line(const struct anchor_key *key, char out[static ANCHOR_LINE])
{
	int at = snprintf(out, ANCHOR_LINE, ". IN DNSKEY %d %d %d ",
	    key->rdata[0] << 8 | key->rdata[1], key->rdata[2], key->rdata[3]);
	size_t length = key->length - RDATA_HEAD;

	base64_encode_raw(out + at, length, key->rdata + RDATA_HEAD);
	out[(size_t)at + BASE64_ENCODE_RAW_LENGTH(length)] = '\0';
	return out;
}

const char *
anchors_tags(const struct anchors *all, unsigned states, char out[static ANCHOR_TAGS])
{
	size_t at = 0;

	snprintf(out, ANCHOR_TAGS, "none");
	for (int i = 0; i < all->n; i++)
		if ((ANCHOR_BIT(all->keys[i].state) & states) != 0)
			at += (size_t)snprintf(out + at, ANCHOR_TAGS - at, "%s%d",
			    at > 0 ? " " : "", all->keys[i].tag);
	return out;
}

size_t
anchors_render(const struct anchors *all, const char *origin, char *out, size_t room)
{
	size_t at = (size_t)snprintf(out, room, HEAD "%s\n", origin);
	char line[ANCHOR_LINE];

	for (int i = 0; i < all->n && at < room; i++)
		if (anchor_in_force(&all->keys[i]))
			at += (size_t)snprintf(out + at, room - at, "%s ; %d\n",
			    anchor_line(&all->keys[i], line), all->keys[i].tag);
	return anchors_in_force(all) > 0 && at < room ? at : 0;
}

bool
anchors_rendered(const char *text)
{
	return strncmp(text, HEAD, sizeof(HEAD) - 1) == 0;
}

bool
anchors_grew_from(const char *text, const char *origin)
{
	size_t n = strlen(origin);

	return anchors_rendered(text) && strncmp(text + sizeof(HEAD) - 1, origin, n) == 0 &&
	       text[sizeof(HEAD) - 1 + n] == '\n';
}
