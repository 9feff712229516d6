/*
 * The packets between worker and engine. A packet is read field by field into a struct of the
 * reader's own, and is refused whole when any byte of it is not as this version writes it: whoever
 * sends anything else is broken or hostile, and is cut off either way.
 */
#include "resolver/ask.h"

#include <string.h>

static void
put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

static uint32_t
get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static void
put16(uint8_t *at, uint16_t value)
{
	memcpy(at, &value, sizeof(value));
}

static uint16_t
get16(const uint8_t *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* Labels of 1 to 63 octets that end with the root's zero at `length` exactly, no upper case. */
static bool
name_sound(const uint8_t *name, size_t length)
{
	size_t at = 0, i;

	while (at < length && name[at] != 0) {
		if (name[at] > 63)
			return false;
		for (i = at + 1; i <= at + name[at] && i < length; i++) {
			if (name[i] >= 'A' && name[i] <= 'Z')
				return false;
		}
		at += 1u + name[at];
	}
	return at + 1 == length;
}

static bool
ask_sound(const struct ask *a)
{
	return a->version == ASK_VERSION && a->id != TOLD_HELLO &&
	       (a->flags & ~(KEY_DO | KEY_CD | ASK_REFRESH)) == 0 &&
	       name_sound(a->name, a->name_length);
}

size_t
ask_encode(const struct ask *a, void *out, size_t room)
{
	uint8_t *to = out;

	if (!ask_sound(a) || room < (size_t)ASK_HEAD + a->name_length)
		return 0;
	put32(to, a->version);
	put32(to + 4, a->id);
	put16(to + 8, a->type);
	put16(to + 10, a->class);
	to[12] = a->flags;
	to[13] = a->name_length;
	put16(to + 14, 0);
	memcpy(to + ASK_HEAD, a->name, a->name_length);
	return (size_t)ASK_HEAD + a->name_length;
}

bool
ask_decode(const void *in, size_t length, struct ask *a)
{
	const uint8_t *from = in;

	if (length < ASK_HEAD || length != (size_t)ASK_HEAD + from[13] || get16(from + 14) != 0)
		return false;
	a->version = get32(from);
	a->id = get32(from + 4);
	a->type = get16(from + 8);
	a->class = get16(from + 10);
	a->flags = from[12];
	a->name_length = from[13];
	memcpy(a->name, from + ASK_HEAD, a->name_length);
	return ask_sound(a);
}

size_t
told_encode(uint32_t id, uint32_t entry_size, uint8_t out[static TOLD_HEAD])
{
	put32(out, ASK_VERSION);
	put32(out + 4, id);
	put32(out + 8, entry_size);
	put32(out + 12, 0);
	return TOLD_HEAD;
}

size_t
told_hello(bool cut, uint8_t out[static TOLD_HEAD])
{
	told_encode(TOLD_HELLO, 0, out);
	put32(out + 12, cut ? TOLD_CUT : 0);
	return TOLD_HEAD;
}

bool
told_decode(const void *in, size_t length, struct told *t, const struct entry **entry)
{
	const uint8_t *from = in;

	*entry = NULL;
	if (length < TOLD_HEAD || length > TOLD_MAX || (uintptr_t)in % _Alignof(struct entry) != 0)
		return false;
	t->version = get32(from);
	t->id = get32(from + 4);
	t->entry_size = get32(from + 8);
	t->state = get32(from + 12);
	if (t->version != ASK_VERSION || (t->state & ~(t->id == TOLD_HELLO ? TOLD_CUT : 0u)) != 0 ||
	    t->entry_size != length - TOLD_HEAD)
		return false;
	if (t->entry_size == 0)
		return true;
	if (t->id == TOLD_HELLO || t->entry_size < sizeof(struct entry) || t->entry_size % 8 != 0 ||
	    get32(from + TOLD_HEAD + offsetof(struct entry, size)) != t->entry_size)
		return false;
	*entry = (const struct entry *)(from + TOLD_HEAD);
	return true;
}

static bool
purge_sound(const struct purge *p)
{
	return p->version == PURGE_VERSION && p->id != TOLD_HELLO &&
	       (p->flags & ~PURGE_TREE) == 0 && name_sound(p->name, p->name_length);
}

size_t
purge_encode(const struct purge *p, void *out, size_t room)
{
	uint8_t *to = out;

	if (!purge_sound(p) || room < (size_t)PURGE_HEAD + p->name_length)
		return 0;
	put32(to, p->version);
	put32(to + 4, p->id);
	to[8] = p->flags;
	to[9] = p->name_length;
	put16(to + 10, 0);
	memcpy(to + PURGE_HEAD, p->name, p->name_length);
	return (size_t)PURGE_HEAD + p->name_length;
}

bool
purge_is(const void *in, size_t length)
{
	return length >= sizeof(uint32_t) && get32(in) == PURGE_VERSION;
}

bool
purge_decode(const void *in, size_t length, struct purge *p)
{
	const uint8_t *from = in;

	if (length < PURGE_HEAD || length != (size_t)PURGE_HEAD + from[9] || get16(from + 10) != 0)
		return false;
	p->version = get32(from);
	p->id = get32(from + 4);
	p->flags = from[8];
	p->name_length = from[9];
	memcpy(p->name, from + PURGE_HEAD, p->name_length);
	return purge_sound(p);
}

void
purged_encode(const struct purged *p, uint8_t out[static PURGED_SIZE])
{
	put32(out, p->version);
	put32(out + 4, p->id);
	put32(out + 8, p->verdict);
	put32(out + 12, p->gone);
}

bool
purged_decode(const void *in, size_t length, struct purged *p)
{
	const uint8_t *from = in;

	if (length != PURGED_SIZE)
		return false;
	p->version = get32(from);
	p->id = get32(from + 4);
	p->verdict = get32(from + 8);
	p->gone = get32(from + 12);
	return p->version == PURGE_VERSION && p->id != TOLD_HELLO &&
	       p->verdict < N_PURGE_VERDICTS && (p->gone == 0 || p->verdict == PURGE_DONE);
}

void
look_encode(uint32_t id, uint8_t out[static LOOK_SIZE])
{
	put32(out, LOOK_VERSION);
	put32(out + 4, id);
}

bool
look_decode(const void *in, size_t length, uint32_t *id)
{
	if (length != LOOK_SIZE || get32(in) != LOOK_VERSION)
		return false;
	*id = get32((const uint8_t *)in + 4);
	return *id != TOLD_HELLO;
}

static bool
last_sound(const struct last_words *l)
{
	const struct key *k = &l->key;

	if (l->version != LAST_VERSION || l->signal < 1 || l->signal > 64)
		return false;
	if (k->name_length == 0)
		return k->type == 0 && k->class == 0 && k->flags == 0;
	return (k->flags & ~(KEY_DO | KEY_CD)) == 0 && name_sound(k->name, k->name_length);
}

size_t
last_encode(const struct last_words *l, void *out, size_t room)
{
	uint8_t *to = out;

	if (!last_sound(l) || room < (size_t)LAST_HEAD + l->key.name_length)
		return 0;
	put32(to, l->version);
	put32(to + 4, l->signal);
	put16(to + 8, l->key.type);
	put16(to + 10, l->key.class);
	to[12] = l->key.flags;
	to[13] = l->key.name_length;
	put16(to + 14, 0);
	memcpy(to + LAST_HEAD, l->key.name, l->key.name_length);
	return (size_t)LAST_HEAD + l->key.name_length;
}

bool
last_decode(const void *in, size_t length, struct last_words *l)
{
	const uint8_t *from = in;

	if (length < LAST_HEAD || length != (size_t)LAST_HEAD + from[13] || get16(from + 14) != 0)
		return false;
	*l = (struct last_words){.version = get32(from), .signal = get32(from + 4)};
	l->key.type = get16(from + 8);
	l->key.class = get16(from + 10);
	l->key.flags = from[12];
	l->key.name_length = from[13];
	memcpy(l->key.name, from + LAST_HEAD, l->key.name_length);
	return last_sound(l);
}
