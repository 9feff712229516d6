/*
 * probation: of which engine a question may be asked. Pure; bounded tables.
 *
 * A question is a suspect of an engine's end when that engine named it in its last words, or when
 * it was with so many that ended that it may be why. Suspects are asked of the probation engine
 * alone, one at a time, so that the serving ones do not die of the same question one after the
 * other. Who passes is a suspect no more; who ends the probation engine is in quarantine
 * (quarantine.h).
 */
#ifndef RESOLVER_PROBATION_H
#define RESOLVER_PROBATION_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/mono.h"
#include "resolver/quarantine.h"

#define PROBATION_LOSSES 2 /* a question that lost so many engines is a suspect */
#define PROBATION_TRIALS 2 /* one that lost so many probation engines is not asked again */
#define SUSPECT_MS 600000  /* nobody is one for longer on a name's account alone */
#define SUSPECT_SETS 64
#define SUSPECT_WAYS 4

/* Those that engines named, by hash of the key; a newer one may take an older one's place. Zeros
 * are an empty one. */
struct suspects {
	struct suspect {
		uint64_t hash;
		struct mono until; /* never: a free place */
	} slots[SUSPECT_SETS * SUSPECT_WAYS];
};

void suspects_add(struct suspects *s, uint64_t hash, struct mono now);
bool suspects_has(const struct suspects *s, uint64_t hash, struct mono now);
void suspects_drop(struct suspects *s, uint64_t hash);

struct probation_look {
	enum quarantine_state sentence;
	bool suspect;	 /* named */
	unsigned losses; /* serving engines that ended with it in flight */
	unsigned trials; /* probation engines that did */
	bool known;	 /* a probation engine has been there, and may come again */
};
enum probation_way {
	WAY_ENGINES,   /* any that serves */
	WAY_PROBATION, /* the probation engine alone; waits for its turn */
	WAY_REFUSED,   /* of none: quarantine */
	WAY_FAILED     /* of none for a while: it may be why they ended, and nobody can tell */
};
/* Where no probation engine is known, a question that lost two engines fails. */
enum probation_way probation_way(const struct probation_look *look);

#endif
