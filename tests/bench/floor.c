/*
 * udsd-floor: the cost of the kernel alone. An epoll daemon that parses nothing and only moves bytes: no server can
 * need less time per operation for the same traffic.
 *
 *   udsd-floor PATH               writes back the bytes that it reads
 *   udsd-floor PATH UNIT REPLY    writes REPLY for every UNIT bytes read, and the bytes to each receiver
 *
 * In the second form each connection sends two bytes first and gets them back: "P3" publishes to the receivers of
 * "R3". Every block that it reads costs one write for each receiver, and then one for the replies. Writes block, since
 * the load generator never stops reading.
 */
#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define READ_SIZE 65536
#define EVENTS_MAX 256
#define RECEIVERS_MAX 4096
#define GROUPS_MAX 10

struct conn {
	int fd;       /* -1: closed; never freed, since the program runs for one measurement only */
	bool started; /* the greeting is over */
	bool is_receiver;
	unsigned int group;
	size_t partial; /* bytes of an incomplete unit */
};

struct group {
	struct conn *receivers[RECEIVERS_MAX];
	size_t n_receivers;
};

struct floor {
	int epoll_fd;
	int listen_fd;
	size_t unit; /* 0: echo */
	size_t reply_len;
	char *replies; /* the reply, as many times as one read can need */
	struct group groups[GROUPS_MAX];
	char block[READ_SIZE];
};

static void
floor_watch(const struct floor *f, int fd, void *tag)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = tag };

	if (epoll_ctl(f->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		err(1, "epoll_ctl");
}

static void
floor_conn_accept(const struct floor *f)
{
	int fd = accept4(f->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	struct conn *c = calloc(1, sizeof(*c));

	if (fd < 0 || !c)
		err(1, "accept");
	c->fd = fd;
	floor_watch(f, fd, c);
}

/* Ignores errors: a peer that has left is noticed by its own event. */
static void
floor_conn_write(const struct conn *c, const char *p, size_t len)
{
	ssize_t n;

	for (; len > 0; p += n, len -= (size_t)n)
		if ((n = send(c->fd, p, len, MSG_NOSIGNAL)) < 0)
			return;
}

/* Handles a greeting. Returns whether the block is one. */
static bool
floor_conn_greet(struct floor *f, struct conn *c, size_t len)
{
	struct group *g;

	if (c->started || len != 2 || f->block[1] < '0' || f->block[1] > '9')
		return false;
	c->group = (unsigned int)(f->block[1] - '0');
	g = &f->groups[c->group];
	if (f->block[0] == 'R') {
		if (g->n_receivers == RECEIVERS_MAX)
			errx(1, "more than %d receivers", RECEIVERS_MAX);
		c->is_receiver = true;
		g->receivers[g->n_receivers++] = c;
	}
	floor_conn_write(c, f->block, len);
	return true;
}

static void
floor_conn_answer(struct floor *f, struct conn *c, size_t len)
{
	const struct group *g = &f->groups[c->group];

	c->started = true;
	for (size_t i = 0; i < g->n_receivers; i++)
		floor_conn_write(g->receivers[i], f->block, len);
	c->partial += len;
	floor_conn_write(c, f->replies, c->partial / f->unit * f->reply_len);
	c->partial %= f->unit;
}

static void
floor_conn_read(struct floor *f, struct conn *c)
{
	ssize_t n = recv(c->fd, f->block, sizeof(f->block), 0);

	if (n <= 0) {
		close(c->fd);
		c->fd = -1;
		return;
	}
	if (f->unit == 0) {
		floor_conn_write(c, f->block, (size_t)n);
		return;
	}
	if (!floor_conn_greet(f, c, (size_t)n) && !c->is_receiver)
		floor_conn_answer(f, c, (size_t)n);
}

static void
floor_listen(struct floor *f, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(addr.sun_path))
		errx(1, "%s: longer than the %zu bytes of a socket path", path, sizeof(addr.sun_path) - 1);
	memcpy(addr.sun_path, path, strlen(path));
	f->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (f->listen_fd < 0 || bind(f->listen_fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(f->listen_fd, SOMAXCONN) < 0)
		err(1, "%s", path);
	f->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (f->epoll_fd < 0)
		err(1, "epoll_create1");
	floor_watch(f, f->listen_fd, NULL);
}

static void
floor_set_reply(struct floor *f, const char *unit, const char *reply)
{
	char *end;
	size_t n;

	f->unit = strtoul(unit, &end, 10);
	if (*end || f->unit == 0)
		errx(1, "unit '%s' is not a number of bytes", unit);
	f->reply_len = strlen(reply);
	n = READ_SIZE / f->unit + 1; /* the most that one read can need, with an incomplete unit before it */
	f->replies = malloc(n * f->reply_len + 1);
	if (!f->replies)
		err(1, "replies");
	for (size_t i = 0; i < n; i++)
		memcpy(f->replies + i * f->reply_len, reply, f->reply_len);
}

static void
floor_pass(struct floor *f)
{
	struct epoll_event events[EVENTS_MAX];
	int n = epoll_wait(f->epoll_fd, events, EVENTS_MAX, -1);

	for (int i = 0; i < n; i++)
		events[i].data.ptr ? floor_conn_read(f, events[i].data.ptr) : floor_conn_accept(f);
}

int
main(int argc, char **argv)
{
	static struct floor f;

	if (argc != 2 && argc != 4) {
		fprintf(stderr, "usage: udsd-floor PATH [UNIT REPLY]\n");
		return 64;
	}
	if (argc == 4)
		floor_set_reply(&f, argv[2], argv[3]);
	floor_listen(&f, argv[1]);
	for (;;)
		floor_pass(&f);
}
