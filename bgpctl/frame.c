#include "bgpctl/frame.h"

#include <string.h>

struct frame
frame_init(char *data, size_t size)
{
	return (struct frame){.data = data, .size = size};
}

char *
frame_room(struct frame *f, size_t *room)
{
	if (f->begin != 0) {
		memmove(f->data, f->data + f->begin, f->end - f->begin);
		f->end -= f->begin;
		f->looked -= f->begin;
		f->begin = 0;
	}
	*room = f->size - f->end;
	return f->data + f->end;
}

void
frame_filled(struct frame *f, size_t n)
{
	f->end += n;
}

enum frame_result
frame_next(struct frame *f, char **line, size_t *length)
{
	char *lf = memchr(f->data + f->looked, '\n', f->end - f->looked);
	char *begin = f->data + f->begin;

	if (lf == NULL) {
		f->looked = f->end;
		return f->end - f->begin >= f->size ? FRAME_FULL : FRAME_MORE;
	}
	f->begin = f->looked = (size_t)(lf - f->data) + 1;
	if (lf > begin && lf[-1] == '\r')
		lf--;
	*lf = '\0';
	*line = begin;
	*length = (size_t)(lf - begin);
	return FRAME_LINE;
}

void
frame_grown(struct frame *f, char *data, size_t size)
{
	f->data = data;
	f->size = size;
}

bool
frame_holds_part(const struct frame *f)
{
	return f->end > f->begin;
}
