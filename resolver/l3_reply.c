#include "resolver/l3_reply.h"

#include <stdlib.h>

#include "lib/ensure.h"

/* As hiredis's own, within bounds. */
static void *
array_create(const redisReadTask *task, int elements)
{
	redisReply *r = NULL;

	if (elements < 0 || elements > L3_ELEMENTS_MAX)
		return NULL;
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return NULL;
	r->type = REDIS_REPLY_ARRAY;
	r->elements = (size_t)elements;
	if (elements > 0 && (r->element = calloc(r->elements, sizeof(*r->element))) == NULL) {
		free(r);
		return NULL;
	}
	if (task->parent != NULL)
		((redisReply *)task->parent->obj)->element[task->idx] = r;
	return r;
}

void
l3_reply_init(redisReplyObjectFunctions *functions)
{
	redisReader *reader = redisReaderCreate();

	ENSURE(reader != NULL);
	*functions = *reader->fn;
	functions->createArray = array_create;
	redisReaderFree(reader);
}
