#include "healthd/steer.h"

/*
 *	ld   random
 *	mod  how many
 *	jeq  #0, ret the first one's index
 *	jeq  #1, ret the second one's index ...
 *	ret  the last one's index
 *
 * With one alone there is nothing to choose.
 */
int
steer_program(uint64_t bits, struct sock_filter out[static STEER_MAX])
{
	unsigned many = 0, k = 0;
	int n = 0;

	for (uint64_t rest = bits; rest != 0; rest &= rest - 1)
		many++;
	if (many == 0)
		return 0;
	if (many > 1) {
		out[n++] = (struct sock_filter)BPF_STMT(
		    BPF_LD | BPF_W | BPF_ABS, (unsigned)(SKF_AD_OFF + SKF_AD_RANDOM));
		out[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, many);
	}
	for (unsigned i = 0; i < 64; i++) {
		if ((bits >> i & 1) == 0)
			continue;
		k++;
		if (k < many)
			out[n++] =
			    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k - 1, 0, 1);
		out[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, i);
	}
	return n;
}

int64_t
steer_look_us(int64_t late_us)
{
	int64_t left_us = STEER_BEAT_MS * 1000 - late_us;

	if (left_us <= 0 || left_us >= STEER_LOOK_MS * 1000)
		return STEER_LOOK_MS * 1000;
	return left_us > 1000 ? left_us : 1000;
}
