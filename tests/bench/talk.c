#include "talk.h"

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proc.h"

#define READ_SIZE 65536
#define PATIENCE_NS UINT64_C(20000000000)

struct talk_crowd {
	unsigned int count;
	int fds[];
};

/* Reads without waiting. Returns the number of bytes; 0 if there are none. */
static size_t
talk_read(int fd, char *block, size_t size)
{
	ssize_t n = recv(fd, block, size, MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0)
		proc_fail("closed a connection instead of an answer");
	return (size_t)n;
}

/* Sends as much of the rest of the request as the socket takes, and advances *ret_sent. */
static void
talk_write(int fd, const struct buf *request, size_t *ret_sent)
{
	ssize_t n = send(fd, request->data + *ret_sent, request->len - *ret_sent, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n > 0)
		*ret_sent += (size_t)n;
	else if (errno != EAGAIN)
		proc_fail("closed a connection in the middle of a request");
}

/* Waits for the socket, without sleeping if busy. since: the beginning of the talk, ns. */
static void
talk_wait(int fd, bool writes, bool busy, uint64_t since)
{
	struct pollfd p = { .fd = fd, .events = (short)(POLLIN | (writes ? POLLOUT : 0)) };

	if (!busy)
		poll(&p, 1, 1000);
	if (proc_is_interrupted())
		errx(1, "interrupted");
	if (proc_now() - since > PATIENCE_NS)
		proc_fail("does not answer");
}

void
talk(int fd, const struct exchange *x, bool busy)
{
	uint64_t since = proc_now();
	size_t sent = 0, got = 0, n;
	char block[READ_SIZE];

	while (got < x->answer.len) {
		if (sent < x->request.len)
			talk_write(fd, &x->request, &sent);
		n = talk_read(fd, block, sizeof(block));
		if (n > x->answer.len - got || memcmp(block, x->answer.data + got, n) != 0)
			proc_fail("sent an unexpected answer");
		got += n;
		if (n == 0)
			talk_wait(fd, sent < x->request.len, busy, since);
	}
}

int
talk_hello(const struct exchange *hello, int fd, bool busy)
{
	const struct buf *end = &hello->answer;
	uint64_t since = proc_now();
	size_t sent = 0, got = 0, n;
	char block[4096];

	if (fd < 0)
		fd = proc_connect();
	while (got < end->len || memcmp(block + got - end->len, end->data, end->len) != 0) {
		if (sent < hello->request.len)
			talk_write(fd, &hello->request, &sent);
		n = talk_read(fd, block + got, sizeof(block) - got);
		got += n;
		if (got == sizeof(block))
			proc_fail("sent an unexpected answer to a greeting");
		if (n == 0)
			talk_wait(fd, sent < hello->request.len, busy, since);
	}
	return fd;
}

struct talk_crowd *
talk_crowd_new(const struct crowd *crowd, const struct protocol *protocol)
{
	struct talk_crowd *c = malloc(sizeof(*c) + crowd->clients * sizeof(c->fds[0]));
	struct exchange hello = { 0 };

	if (!c)
		errx(1, "no memory");
	protocol->hello("c0", &hello);
	for (c->count = 0; c->count < crowd->clients; c->count++) {
		struct exchange x = { 0 };

		script_write_crowd(crowd, protocol, c->count, &x);
		c->fds[c->count] = talk_hello(&hello, -1, false);
		talk(c->fds[c->count], &x, false);
		exchange_deinit(&x);
	}
	exchange_deinit(&hello);
	return c;
}

void
talk_crowd_free(struct talk_crowd *c)
{
	char byte;

	if (!c)
		return;
	while (c->count > 0) {
		if (recv(c->fds[--c->count], &byte, 1, MSG_DONTWAIT) == 0)
			proc_fail("closed an idle connection");
		close(c->fds[c->count]);
	}
	free(c);
}
