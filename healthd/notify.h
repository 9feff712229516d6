/*
 * notify: what a service says to its manager (sd_notify(3): NOTIFY_SOCKET), without waiting for one
 * that does not read. sd_notify() itself blocks as soon as the manager's queue is full, and with a
 * frozen manager that would be the end of the keeper.
 */
#ifndef HEALTHD_NOTIFY_H
#define HEALTHD_NOTIFY_H

#include <stdbool.h>

/*
 * Sends `text` (lines VAR=VALUE), with the descriptor `fd` unless it is -1. Waits `wait_ms` at the
 * most for room. True: it is in the manager's queue, or there is no manager that wants to know.
 */
bool notify_send(const char *text, int fd, int wait_ms);

#endif
