#include "resolver/l3_pace.h"

void
l3_pace_greet(struct l3_pace *p, struct mono now)
{
	p->state = L3_GREETED;
	p->since = now;
}

void
l3_pace_up(struct l3_pace *p, struct mono now)
{
	p->state = L3_UP;
	p->since = now;
	p->errors = p->lates = 0;
	p->answered = false;
}

int64_t
l3_pace_lost(struct l3_pace *p, struct mono now, uint32_t chance)
{
	int64_t pause = L3_PAUSE_MS;
	uint32_t i;

	if (p->state == L3_UP && p->answered && mono_diff_ms(now, p->since) >= L3_USEFUL_MS)
		p->losses = 0;
	for (i = 0; i < p->losses && pause < L3_PAUSE_MAX_MS; i++)
		pause *= 2;
	if (pause > L3_PAUSE_MAX_MS)
		pause = L3_PAUSE_MAX_MS;
	if (p->losses < UINT32_MAX)
		p->losses++;
	p->state = L3_DOWN;
	p->since = now;
	/* Three quarters of it to the whole. */
	return pause - pause * (chance % 256) / 1024;
}

void
l3_pace_answer(struct l3_pace *p, bool in_time)
{
	p->answered = true;
	p->errors = 0;
	if (in_time)
		p->lates = 0;
	else if (p->lates < L3_LATES)
		p->lates++;
}

bool
l3_pace_error(struct l3_pace *p)
{
	return ++p->errors >= L3_ERRORS;
}

bool
l3_pace_waits(const struct l3_pace *p)
{
	return p->state == L3_UP && p->lates < L3_LATES;
}
