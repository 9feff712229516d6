/*
 * l3_reply: how hiredis makes replies of a server's octets. It takes room for as many elements as
 * an array announces, before any of them is there; here an array that announces more than
 * L3_ELEMENTS_MAX is an error.
 */
#ifndef RESOLVER_L3_REPLY_H
#define RESOLVER_L3_REPLY_H

#include <hiredis/hiredis.h>

#include "resolver/l3_slot.h"

#define L3_ELEMENTS_MAX L3_SLOTS /* each a range of a Cluster's slots */

/* For redisReaderCreateWithFunctions(). Replies are freed by freeReplyObject(). */
void l3_reply_init(redisReplyObjectFunctions *functions);

#endif
