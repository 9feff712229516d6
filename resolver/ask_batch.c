#include "resolver/ask_batch.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/ensure.h"

#define LINE 64u /* of the CPU's cache */

bool
ask_out_put(
    struct ask_out *out, const void *head, size_t head_length, const void *body, size_t body_length)
{
	size_t length = head_length + body_length;
	uint8_t *at = out->octets + out->used;

	if (out->n == ASK_BATCH || length > sizeof(out->octets) - out->used)
		return false;
	memcpy(at, head, head_length);
	if (body_length > 0)
		memcpy(at + head_length, body, body_length);
	out->iov[out->n] = (struct iovec){at, length};
	out->messages[out->n].msg_hdr =
	    (struct msghdr){.msg_iov = &out->iov[out->n], .msg_iovlen = 1};
	out->used += length;
	out->n++;
	return true;
}

unsigned
ask_out_send(const struct ask_out *out, int socket)
{
	unsigned done = 0;
	int n;

	while (done < out->n) {
		n = sendmmsg(socket, (struct mmsghdr *)out->messages + done, out->n - done,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n <= 0)
			break;
		done += (unsigned)n;
	}
	return done;
}

void
ask_out_clear(struct ask_out *out)
{
	out->n = 0;
	out->used = 0;
}

/* Odd numbers of cache lines: with powers of two, all packets' first lines would share a few sets
 * of the CPU's cache. */
static size_t
stride(size_t room)
{
	return ((room + LINE - 1) / LINE | 1) * LINE;
}

int
ask_in_open(struct ask_in *in, size_t room)
{
	*in = (struct ask_in){.room = room};
	in->octets = aligned_alloc(LINE, ASK_BATCH * stride(room));
	if (in->octets == NULL)
		return -1;
	for (unsigned i = 0; i < ASK_BATCH; i++) {
		in->iov[i] = (struct iovec){ask_in_packet(in, i), room};
		in->messages[i].msg_hdr = (struct msghdr){
		    .msg_iov = &in->iov[i], .msg_iovlen = 1, .msg_control = in->control[i]};
	}
	return 0;
}

void
ask_in_close(struct ask_in *in)
{
	free(in->octets);
	in->octets = NULL;
}

int
ask_in_receive(struct ask_in *in, int socket, unsigned most)
{
	int n;

	ENSURE(most > 0 && most <= ASK_BATCH);
	for (unsigned i = 0; i < most; i++)
		in->messages[i].msg_hdr.msg_controllen = sizeof(in->control[i]);
	n = recvmmsg(socket, in->messages, most, MSG_DONTWAIT | MSG_CMSG_CLOEXEC, NULL);
	in->n = n > 0 ? (unsigned)n : 0;
	for (unsigned i = 0; i < in->n; i++)
		in->packets[i].length = ask_taken(
		    &in->messages[i].msg_hdr, in->messages[i].msg_len, &in->packets[i].descriptor);
	return n;
}

uint8_t *
ask_in_packet(const struct ask_in *in, unsigned i)
{
	return in->octets + i * stride(in->room);
}

void
ask_in_drop(const struct ask_in *in, unsigned i)
{
	for (; i < in->n; i++)
		if (in->packets[i].descriptor >= 0)
			close(in->packets[i].descriptor);
}
