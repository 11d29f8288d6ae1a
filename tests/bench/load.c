#include "load.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "proc.h"

#define READ_SIZE 65536
#define EVENTS_MAX 256
#define SAMPLES_MAX (1 << 20) /* later ones replace the first */
#define SILENCE_NS UINT64_C(5000000000)

struct conn {
	int fd;
	const struct bytes *expected; /* the batch it receives, repeated: any read compares in one piece */
	size_t period;                /* bytes of that batch */
	uint64_t got;                 /* bytes received */
	uint64_t owed;                /* bytes to come for what was sent */
	uint64_t sent;                /* when the outstanding batch went, ns */
	bool is_waiting;              /* for the answer to a batch */
};

struct load {
	const struct work *work;
	const struct script *script;
	const char *name;
	bool busy;
	struct bytes replies, deliveries; /* what the connections expect */
	int epoll_fd;
	struct conn *conns; /* of a publish: the publisher, then the receivers */
	unsigned int n_conns;
	unsigned int n_receivers;
	uint64_t owed; /* sum over conns */
	uint64_t batches;
	uint64_t end;   /* no new batch after this time, ns */
	uint64_t heard; /* when something came last, ns */
	uint64_t n_samples;
	uint32_t *samples; /* latencies, ns */
	char block[READ_SIZE];
};

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

_Noreturn static void
conn_fail(const struct load *l, const struct conn *c, const char *what)
{
	errx(1, "%s: %s: connection %td: %s, after %llu bytes and with %llu to come", l->name, l->work->name,
	     c - l->conns, what, (unsigned long long)c->got, (unsigned long long)c->owed);
}

static void
repeat(const struct bytes *batch, struct bytes *ret_bytes)
{
	struct bytes b = { .len = READ_SIZE + batch->len };

	b.data = malloc(b.len);
	if (!b.data)
		err(1, "load");
	for (size_t i = 0; batch->len > 0 && i < b.len; i += batch->len)
		memcpy(b.data + i, batch->data, batch->len < b.len - i ? batch->len : b.len - i);
	*ret_bytes = b;
}

/* Says hello and reads until the answer ends as it should. */
static void
conn_greet(const struct load *l, const struct conn *c)
{
	const struct bytes *hello = &l->script->hello, *end = &l->script->hello_end;
	struct timeval patience = { .tv_sec = SILENCE_NS / 1000000000 };
	char text[1024];
	size_t len = 0;
	ssize_t n;

	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (send(c->fd, hello->data, hello->len, MSG_NOSIGNAL) != (ssize_t)hello->len)
		conn_fail(l, c, "cannot send the greeting");
	for (; len < end->len || memcmp(text + len - end->len, end->data, end->len) != 0; len += (size_t)n)
		if ((n = recv(c->fd, text + len, sizeof(text) - len, 0)) <= 0)
			conn_fail(l, c, "the greeting was not answered as expected");
}

static void
conn_init(const struct load *l, struct conn *c, bool is_receiver)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };

	c->fd = is_receiver ? proc_connect() : proc_connect_apart();
	c->expected = is_receiver ? &l->deliveries : &l->replies;
	c->period = c->expected->len - READ_SIZE;
	if (is_receiver)
		conn_greet(l, c);
	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, c->fd, &event) < 0)
		err(1, "epoll_ctl");
}

struct load *
load_new(const struct work *work, const struct script *script, const char *name, bool busy)
{
	struct load *l = calloc(1, sizeof(*l));

	if (!l)
		err(1, "load");
	l->work = work;
	l->script = script;
	l->name = name;
	l->busy = busy;
	l->n_receivers = work->kind == WORK_PUBLISH ? work->clients : 0;
	l->n_conns = work->kind == WORK_PUBLISH ? work->clients + 1 : work->clients;
	l->conns = calloc(l->n_conns, sizeof(l->conns[0]));
	l->samples = calloc(SAMPLES_MAX, sizeof(l->samples[0]));
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (!l->conns || !l->samples || l->epoll_fd < 0)
		err(1, "load");
	repeat(&script->replies, &l->replies);
	repeat(&script->deliveries, &l->deliveries);
	for (unsigned int i = 0; i < l->n_conns; i++)
		conn_init(l, &l->conns[i], l->n_receivers > 0 && i > 0);
	return l;
}

void
load_free(struct load *l)
{
	if (!l)
		return;
	for (unsigned int i = 0; i < l->n_conns; i++)
		close(l->conns[i].fd);
	close(l->epoll_fd);
	free(l->replies.data);
	free(l->deliveries.data);
	free(l->samples);
	free(l->conns);
	free(l);
}

/* All earlier batches of the connection have been answered, so a batch always fits its socket. */
static void
conn_send(struct load *l, struct conn *c, uint64_t now)
{
	const struct bytes *batch = &l->script->batch;

	c->is_waiting = true;
	c->sent = now;
	c->owed += l->script->replies.len;
	for (unsigned int i = 1; i <= l->n_receivers; i++)
		l->conns[i].owed += l->script->deliveries.len;
	l->owed += l->script->replies.len + l->n_receivers * l->script->deliveries.len;
	l->batches++;
	if (send(c->fd, batch->data, batch->len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)batch->len)
		conn_fail(l, c, "cannot send a batch");
}

/* After a read: takes the time and goes on, when a batch of the connection has been done. */
static void
conn_settle(struct load *l, struct conn *c)
{
	uint64_t now;

	if (!c->is_waiting || c->owed > 0 || (l->work->depth == 1 && l->n_receivers > 0 && l->owed > 0))
		return;
	now = now_ns();
	c->is_waiting = false;
	l->samples[l->n_samples++ % SAMPLES_MAX] = (uint32_t)(now - c->sent);
	if (now < l->end)
		conn_send(l, c, now);
}

static void
conn_read(struct load *l, struct conn *c)
{
	ssize_t n = recv(c->fd, l->block, sizeof(l->block), MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		conn_fail(l, c, n < 0 ? strerror(errno) : "closed by the server");
	if ((uint64_t)n > c->owed)
		conn_fail(l, c, "more bytes came than were due");
	if (memcmp(l->block, c->expected->data + c->got % c->period, (size_t)n) != 0)
		conn_fail(l, c, "wrong bytes came");
	c->got += (uint64_t)n;
	c->owed -= (uint64_t)n;
	l->owed -= (uint64_t)n;
	conn_settle(l, l->n_receivers > 0 ? &l->conns[0] : c);
}

/* Nothing came: too long ago is a failure of the first connection that misses something. */
static void
load_check_silence(const struct load *l)
{
	if (l->owed == 0 || now_ns() - l->heard < SILENCE_NS)
		return;
	for (unsigned int i = 0; i < l->n_conns; i++)
		if (l->conns[i].owed > 0)
			conn_fail(l, &l->conns[i], "nothing came any more");
}

static void
load_pass(struct load *l)
{
	struct epoll_event events[EVENTS_MAX];
	int n = epoll_wait(l->epoll_fd, events, EVENTS_MAX, l->busy ? 0 : 1);

	if (proc_is_interrupted())
		errx(1, "interrupted");
	if (n > 0)
		l->heard = now_ns();
	else
		load_check_silence(l);
	for (int i = 0; i < n; i++)
		conn_read(l, events[i].data.ptr);
}

static int
compare_samples(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void
load_run(struct load *l, uint64_t ns, struct load_result *ret_result)
{
	uint64_t start = now_ns(), per_batch = (uint64_t)l->work->depth * (l->n_receivers ? l->n_receivers : 1);
	size_t n;

	l->heard = start;
	l->end = start + ns;
	l->batches = l->n_samples = 0;
	for (unsigned int i = 0; i < (l->n_receivers ? 1 : l->n_conns); i++)
		conn_send(l, &l->conns[i], now_ns());
	while (l->owed > 0)
		load_pass(l);
	*ret_result = (struct load_result){ .operations = l->batches * per_batch, .ns = now_ns() - start };
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	load_pass(l); /* what is too much fails here */
	n = l->n_samples < SAMPLES_MAX ? l->n_samples : SAMPLES_MAX;
	qsort(l->samples, n, sizeof(l->samples[0]), compare_samples);
	ret_result->p50_us = l->samples[n / 2] / 1000.0;
	ret_result->p99_us = l->samples[n * 99 / 100] / 1000.0;
}
