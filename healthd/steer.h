/*
 * steer: which socket of a reuseport group a datagram goes to: one, at random, of those that are
 * read. Pure: writes the classic BPF program that the kernel runs for each
 * (SO_ATTACH_REUSEPORT_CBPF; its result is the index in the group, which is the order in which the
 * sockets were bound).
 *
 * At random, not by the client's address: so one address and port that sends everything (a balancer
 * or translator in front) does not pin all of it to one worker.
 *
 * And when to look at the workers' heartbeats, which say who reads.
 */
#ifndef HEALTHD_STEER_H
#define HEALTHD_STEER_H

#include <linux/filter.h>
#include <stdint.h>

#define STEER_MAX (4 + 2 * 64) /* instructions, for 64 sockets */

/* The number of instructions; 0 when `bits` is: then there is nobody to steer to, and the program
 * that stands is better than none. */
int steer_program(uint64_t bits, struct sock_filter out[static STEER_MAX]);

#define STEER_LOOK_MS 20
#define STEER_BEAT_MS 45 /* a worker writes its heartbeat each 20 ms at the latest */

/*
 * In how many microseconds to look again at workers that are sent to, the oldest of whose last
 * heartbeats is `late_us` old: after STEER_LOOK_MS, or sooner, when one that does not beat again
 * will be too late before that. So a worker that hangs is steered around when its last beat is
 * STEER_BEAT_MS old and a millisecond at most, and nobody is looked at more often while all beat in
 * time. Where all are too late already it is the usual time.
 */
int64_t steer_look_us(int64_t late_us);

#endif
