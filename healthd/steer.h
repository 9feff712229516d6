/*
 * steer: which socket of a reuseport group a datagram goes to: one, at random, of those that are
 * read. Pure: writes the classic BPF program that the kernel runs for each
 * (SO_ATTACH_REUSEPORT_CBPF; its result is the index in the group, which is the order in which the
 * sockets were bound).
 *
 * At random, not by the client's address: so one address and port that sends everything (a balancer
 * or translator in front) does not pin all of it to one worker.
 */
#ifndef HEALTHD_STEER_H
#define HEALTHD_STEER_H

#include <linux/filter.h>
#include <stdint.h>

#define STEER_MAX (4 + 2 * 64) /* instructions, for 64 sockets */

/* The number of instructions; 0 when `bits` is: then there is nobody to steer to, and the program
 * that stands is better than none. */
int steer_program(uint64_t bits, struct sock_filter out[static STEER_MAX]);

#endif
