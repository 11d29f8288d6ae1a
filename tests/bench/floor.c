/*
 * udsd-floor: the cost of the kernel alone. An epoll daemon that parses nothing and only moves bytes: no server can
 * need less time per operation for the same traffic.
 *
 *   udsd-floor PATH               writes back the bytes that it reads
 *   udsd-floor PATH UNIT REPLY    writes REPLY for every UNIT bytes read, and the bytes to each receiver
 *   udsd-floor PATH UNIT REPLY FILE HEAD ENTRY
 *                                 writes the bytes into FILE, flushes it, and then writes the replies
 *
 * In the second and third form each connection sends two bytes first and gets them back: "P3" publishes to the
 * receivers of "R3". Every block that it reads costs one write for each receiver, and then one for the replies. Writes
 * block, since the load generator never stops reading.
 *
 * In the third form all that has come at a time is written at once, within a file that does not grow, and costs one
 * flush. A receiver asks with any bytes, and gets HEAD, the number of the units that it has not had, the end of a line,
 * and so many ENTRYs.
 */
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
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
#define ENTRIES_MAX 1024 /* in one answer */
#define HEAD_SIZE 64
#define FILE_SIZE ((size_t)32 * 1024 * 1024)

struct conn {
	int fd;       /* -1: closed; never freed, since the program runs for one measurement only */
	bool started; /* the greeting is over */
	bool is_receiver;
	bool asks; /* a receiver of entries */
	unsigned int group;
	size_t partial; /* bytes of an incomplete unit */
	size_t due;     /* replies after the flush */
	uint64_t had;   /* units that were sent as entries */
};

struct group {
	struct conn *receivers[RECEIVERS_MAX];
	size_t n_receivers;
	uint64_t units;
};

struct floor {
	int epoll_fd;
	int listen_fd;
	size_t unit; /* 0: echo */
	size_t reply_len;
	char *replies; /* the reply, as many times as one read can need */
	struct group groups[GROUPS_MAX];

	/* What is stored: */
	int file_fd;
	size_t file_at;
	const char *head;
	size_t entry_len;
	char *entries;                   /* HEAD_SIZE bytes, and the entry ENTRIES_MAX times */
	struct conn *stored[EVENTS_MAX]; /* whose bytes are in the block */
	size_t n_stored;
	size_t len; /* of these bytes */

	char block[EVENTS_MAX * READ_SIZE];
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
floor_conn_greet(struct floor *f, struct conn *c, const char *block, size_t len)
{
	struct group *g;

	if (c->started || len != 2 || block[1] < '0' || block[1] > '9')
		return false;
	c->group = (unsigned int)(block[1] - '0');
	g = &f->groups[c->group];
	if (block[0] == 'R') {
		if (g->n_receivers == RECEIVERS_MAX)
			errx(1, "more than %d receivers", RECEIVERS_MAX);
		c->is_receiver = true;
		g->receivers[g->n_receivers++] = c;
	}
	floor_conn_write(c, block, len);
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

/* Leaves the bytes where they are, in the block, until all of this pass have come. */
static void
floor_conn_store(struct floor *f, struct conn *c, size_t len)
{
	size_t units = (c->partial + len) / f->unit;

	c->started = true;
	c->partial = (c->partial + len) % f->unit;
	c->due = units;
	f->groups[c->group].units += units;
	f->stored[f->n_stored++] = c;
	f->len += len;
}

static void
floor_conn_read(struct floor *f, struct conn *c)
{
	char *block = f->block + f->len;
	ssize_t n = recv(c->fd, block, READ_SIZE, 0);

	if (n <= 0) {
		close(c->fd);
		c->fd = -1;
		return;
	}
	if (f->unit == 0) {
		floor_conn_write(c, f->block, (size_t)n);
		return;
	}
	if (floor_conn_greet(f, c, block, (size_t)n))
		return;
	if (c->is_receiver)
		c->asks = true;
	else if (f->entries)
		floor_conn_store(f, c, (size_t)n);
	else
		floor_conn_answer(f, c, (size_t)n);
}

static void
floor_conn_deliver(struct floor *f, struct conn *c, uint64_t units)
{
	size_t n = units - c->had < ENTRIES_MAX ? (size_t)(units - c->had) : ENTRIES_MAX, len;
	char head[HEAD_SIZE], *begin;

	if (!c->asks || n == 0)
		return;
	len = (size_t)snprintf(head, sizeof(head), "%s%zu\r\n", f->head, n);
	begin = f->entries + HEAD_SIZE - len;
	memcpy(begin, head, len);
	c->asks = false;
	c->had += n;
	floor_conn_write(c, begin, len + n * f->entry_len);
}

/* Flushes what has come in this pass, and answers. */
static void
floor_commit(struct floor *f)
{
	if (f->len > 0) {
		if (f->file_at + f->len > FILE_SIZE)
			f->file_at = 0;
		if (pwrite(f->file_fd, f->block, f->len, (off_t)f->file_at) != (ssize_t)f->len ||
		    fdatasync(f->file_fd) < 0)
			err(1, "the file");
		f->file_at += f->len;
	}
	for (size_t i = 0; i < f->n_stored; i++)
		floor_conn_write(f->stored[i], f->replies, f->stored[i]->due * f->reply_len);
	f->n_stored = f->len = 0;
	for (size_t g = 0; g < GROUPS_MAX; g++)
		for (size_t i = 0; i < f->groups[g].n_receivers; i++)
			floor_conn_deliver(f, f->groups[g].receivers[i], f->groups[g].units);
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
floor_set_store(struct floor *f, const char *file, const char *head, const char *entry)
{
	memset(f->block, 0, sizeof(f->block));
	f->file_fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	for (size_t at = 0; f->file_fd >= 0 && at < FILE_SIZE; at += READ_SIZE)
		if (pwrite(f->file_fd, f->block, READ_SIZE, (off_t)at) != READ_SIZE)
			err(1, "%s", file);
	if (f->file_fd < 0 || fsync(f->file_fd) < 0)
		err(1, "%s", file);
	f->head = head;
	f->entry_len = strlen(entry);
	f->entries = malloc(HEAD_SIZE + ENTRIES_MAX * f->entry_len);
	if (!f->entries)
		err(1, "entries");
	for (size_t i = 0; i < ENTRIES_MAX; i++)
		memcpy(f->entries + HEAD_SIZE + i * f->entry_len, entry, f->entry_len);
}

static void
floor_pass(struct floor *f)
{
	struct epoll_event events[EVENTS_MAX];
	int n = epoll_wait(f->epoll_fd, events, EVENTS_MAX, -1);

	for (int i = 0; i < n; i++)
		events[i].data.ptr ? floor_conn_read(f, events[i].data.ptr) : floor_conn_accept(f);
	if (f->entries)
		floor_commit(f);
}

int
main(int argc, char **argv)
{
	static struct floor f;

	if (argc != 2 && argc != 4 && argc != 7) {
		fprintf(stderr, "usage: udsd-floor PATH [UNIT REPLY [FILE HEAD ENTRY]]\n");
		return 64;
	}
	if (argc >= 4)
		floor_set_reply(&f, argv[2], argv[3]);
	if (argc == 7)
		floor_set_store(&f, argv[4], argv[5], argv[6]);
	floor_listen(&f, argv[1]);
	for (;;)
		floor_pass(&f);
}
