/*
 * addr: IPv4 and IPv6 addresses and prefixes, by value. Pure.
 */
#ifndef LIB_ADDR_H
#define LIB_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum family { FAMILY_V4 = 0, FAMILY_V6 = 1 };
#define N_FAMILIES 2

struct addr {
	enum family family;
	uint8_t bytes[16]; /* network order; IPv4 uses the first 4, the rest is zero */
};

struct prefix {
	struct addr addr; /* host bits are zero */
	uint8_t length;	  /* 0..32 or 0..128 */
};

#define ADDR_TEXT 46
#define PREFIX_TEXT 50

/* "v4" or "v6". */
const char *family_name(enum family f);

/* Parses a literal address. Returns false on anything else (names, scopes, ports). */
bool addr_parse(const char *text, struct addr *out);

/* "address/length"; host bits set are an error. */
bool prefix_parse(const char *text, struct prefix *out);

/* Renders in the form of RFC 5952; returns buf. */
const char *addr_render(const struct addr *a, char buf[static ADDR_TEXT]);
const char *prefix_render(const struct prefix *p, char buf[static PREFIX_TEXT]);

struct sockaddr_storage;
/* As the kernel takes it (netinet/in.h), zeros where nothing is said; its size. */
unsigned addr_sockaddr(const struct addr *a, uint16_t port, struct sockaddr_storage *out);
/* The other way; false when it is of another family. */
bool addr_from_sockaddr(const struct sockaddr_storage *from, struct addr *out);

bool addr_equal(const struct addr *a, const struct addr *b);
bool prefix_equal(const struct prefix *a, const struct prefix *b);
bool prefix_holds(const struct prefix *p, const struct addr *a);
bool prefix_overlaps(const struct prefix *a, const struct prefix *b);

#endif
