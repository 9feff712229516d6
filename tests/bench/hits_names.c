#include "tests/bench/hits_names.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t
random_next(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

void *
memory(size_t n, size_t size)
{
	void *m = calloc(n, size);

	if (m == NULL)
		errx(1, "no memory");
	return m;
}

/* OPT with a COOKIE of which the client's half is known (RFC 7873). */
static size_t
cookie_put(uint8_t *at, size_t octets)
{
	const uint8_t opt[] = {
	    0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, (uint8_t)(4 + octets), 0, 10, 0, (uint8_t)octets};

	memcpy(at, opt, sizeof(opt));
	memcpy(at + sizeof(opt), "anycooki", CLIENT_COOKIE);
	return sizeof(opt);
}

void
questions_make(struct questions *q, long first, long n, size_t cookie)
{
	static const uint8_t head[12] = {0, 0, 0x01, 0, 0, 1}, tail[] = "\5bench\4zone\0\0\1\0\1";
	char labels[32];

	q->octets = memory((size_t)n, QUERY_ROOM);
	for (long i = 0; i < n; i++) {
		long number = first + i;
		int length = snprintf(
		    labels, sizeof(labels), "%ch%07ld%cd%02ld", 8, number, 3, number % 100);
		uint8_t *octets = q->octets[i];

		memcpy(octets, head, sizeof(head));
		memcpy(octets + 12, labels, (size_t)length);
		memcpy(octets + 12 + length, tail, sizeof(tail) - 1);
		q->question = q->cookie = 12 + (size_t)length + sizeof(tail) - 1;
		if (cookie > 0) {
			octets[11] = 1;
			q->cookie += cookie_put(octets + q->question, cookie);
		}
		q->length = q->cookie + cookie;
	}
}

uint32_t *
draws_make(long n, long zipf, uint64_t *random)
{
	double *upto = memory((size_t)n, sizeof(*upto)), sum = 0;
	uint32_t *draws = memory(DRAWS, sizeof(*draws));

	for (long i = 0; i < n; i++)
		upto[i] = sum += zipf ? 1.0 / (double)(i + 1) : 1.0;
	for (size_t i = 0; i < DRAWS; i++) {
		double u = (double)(random_next(random) >> 11) / (double)(1ull << 53) * sum;
		long low = 0, high = n - 1;

		while (low < high) {
			long middle = (low + high) / 2;

			if (upto[middle] < u)
				low = middle + 1;
			else
				high = middle;
		}
		/* Popular ones are spread over the zone. */
		draws[i] = (uint32_t)((uint64_t)low * 7919 % (uint64_t)n);
	}
	free(upto);
	return draws;
}
