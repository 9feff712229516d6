/*
 * stray_tool: the resolver, whose workers do what none should when a datagram says so, for
 * worker_test.py: what somebody who has taken a worker over would try. Linked with
 * --wrap=recvmmsg around the shipped object files, so nothing of this is in what is installed.
 *
 * By how the first label of a question begins:
 *     open-   opens a file that anybody may read
 *     dial-   makes a socket to the Internet
 *     exec-   starts a program
 *     code-   makes memory executable
 *     spoil-  writes beyond what it has; for a sanitised build, as is
 *     lose-   forgets memory
 *     honest- nothing: it is told as any other
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER 12 /* octets of a message before its question; one more is the label's length */

int __real_recvmmsg(int fd, struct mmsghdr *to, unsigned n, int flags, struct timespec *wait);
int __wrap_recvmmsg(int fd, struct mmsghdr *to, unsigned n, int flags, struct timespec *wait);

static void
stray(const char *label)
{
	static char *const argv[] = {"true", NULL};
	static char memory[1];
	static char *volatile few;

	if (strncmp(label, "open-", 5) == 0)
		open("/etc/hostname", O_RDONLY);
	else if (strncmp(label, "dial-", 5) == 0)
		socket(AF_INET, SOCK_DGRAM, 0);
	else if (strncmp(label, "exec-", 5) == 0)
		execv("/bin/true", argv);
	else if (strncmp(label, "code-", 5) == 0)
		mmap(memory, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	else if (strncmp(label, "spoil-", 6) == 0) {
		few = malloc(8);
		if (few != NULL)
			few[8] = 1;
		free(few);
	} else if (strncmp(label, "lose-", 5) == 0) {
		for (int i = 0; i < 10; i++)
			few = malloc(1234);
		few = NULL;
	}
}

int
__wrap_recvmmsg(int fd, struct mmsghdr *to, unsigned n, int flags, struct timespec *wait)
{
	int got = __real_recvmmsg(fd, to, n, flags, wait);

	for (int i = 0; i < got; i++)
		if (to[i].msg_len > HEADER + 8)
			stray((const char *)to[i].msg_hdr.msg_iov[0].iov_base + HEADER + 1);
	return got;
}
