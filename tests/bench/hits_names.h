/* The names that hits_load asks for, as questions, and in which order. Memory is never given back.
 */
#ifndef BENCH_HITS_NAMES_H
#define BENCH_HITS_NAMES_H

#include <stddef.h>
#include <stdint.h>

enum { QUERY_ROOM = 128, DRAWS = 1 << 17, CLIENT_COOKIE = 8, COOKIE = 24 };

struct questions {
	uint8_t (*octets)[QUERY_ROOM];
	size_t question; /* where header and question end */
	size_t cookie;	 /* where the cookie begins; behind the message without one */
	size_t length;	 /* of each */
};

/* `n` names from number `first` on; each brings a cookie of so many octets, unless 0. */
void questions_make(struct questions *q, long first, long n, size_t cookie);
/* DRAWS numbers under `n`: by Zipf's law (the i-th is asked for in 1/i of the cases of the first),
 * or all alike. */
uint32_t *draws_make(long n, long zipf, uint64_t *random);
uint64_t random_next(uint64_t *random);
void *memory(size_t n, size_t size);

#endif
