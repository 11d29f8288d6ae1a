#include "load.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "entries.h"
#include "proc.h"
#include "samples.h"
#include "stream-script.h"
#include "talk.h"

#define READ_SIZE 262144
#define EVENTS_MAX 256
#define VISITS_MAX 5000 /* on TCP each occupies a port for a while */
#define SILENCE_NS UINT64_C(20000000000)

/* The bytes that a connection expects: a batch, repeated so that every read can be compared in one piece. */
struct expected {
	char *data;
	size_t period; /* length of the batch */
};

/* The traffic of one script. */
struct group {
	const struct script *script;
	struct expected answers, deliveries;
	struct conn *conns; /* the one that sends; for a publish followed by its receivers */
	unsigned int n_conns;
};

struct conn {
	int fd;
	struct group *group;
	const struct expected *expected;
	bool is_receiver;
	bool is_waiting;        /* for the replies to a batch */
	size_t unsent;          /* bytes of the batch that did not fit the socket */
	uint64_t got;           /* bytes received */
	uint64_t owed;          /* bytes that must still come; of a reader of a tail: entries */
	struct entries entries; /* of a reader of a tail */
	uint64_t sent;          /* time of the outstanding batch, ns */
};

struct load {
	const struct work *work;
	const char *name;
	bool busy;
	int epoll_fd;
	struct group groups[SCRIPT_CHANNELS_MAX];
	unsigned int n_groups;
	struct conn *conns; /* group by group */
	unsigned int n_conns;
	unsigned int n_unsent; /* connections with unsent bytes */
	uint64_t owed;         /* sum over conns */
	uint64_t batches;
	uint64_t end;   /* no new batch after this time, ns */
	uint64_t heard; /* time of the last bytes from the server, ns */
	struct samples samples;
	char block[READ_SIZE];
};

_Noreturn static void
load_conn_fail(const struct load *l, const struct conn *c, const char *what)
{
	errx(1, "%s: %s: connection %td: %s, after %llu bytes and with %llu to come", l->name, l->work->name,
	     c - l->conns, what, (unsigned long long)c->got, (unsigned long long)c->owed);
}

static void
load_expected_init(struct expected *e, const struct buf *batch)
{
	size_t len = READ_SIZE + batch->len;

	e->period = batch->len;
	e->data = malloc(len);
	if (!e->data)
		errx(1, "no memory");
	for (size_t i = 0; batch->len > 0 && i < len; i += batch->len)
		memcpy(e->data + i, batch->data, batch->len < len - i ? batch->len : len - i);
}

/* Whether one client sends, and the others receive what it sends. */
static bool
load_spreads(const struct load *l)
{
	return l->work->kind == WORK_PUBLISH || l->work->kind == WORK_TAIL;
}

static bool
load_conn_reads_tail(const struct load *l, const struct conn *c)
{
	return c->is_receiver && l->work->kind == WORK_TAIL;
}

/* The reader waits for what comes behind the last entry that it has. */
static void
load_conn_wait_tail(const struct load *l, struct conn *c)
{
	struct buf request = { 0 };

	stream_script_wait("c0", c->entries.last, &request);
	if (send(c->fd, request.data, request.len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)request.len)
		load_conn_fail(l, c, "the server takes no request");
	buf_deinit(&request);
}

/* To the server, publishers are processes of their own; other clients need not be, and there are thousands. */
static void
load_conn_init(const struct load *l, struct conn *c, struct group *g, bool is_receiver)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
	bool publishes = load_spreads(l) && !is_receiver;

	c->group = g;
	c->is_receiver = is_receiver;
	c->expected = is_receiver ? &g->deliveries : &g->answers;
	c->fd = talk_hello(&g->script->hello, publishes ? proc_connect_apart() : proc_connect(), l->busy);
	c->entries = (struct entries){ .head = ENTRIES_OF_READ, .last = "0-0" };
	if (is_receiver || l->work->kind == WORK_REJOIN || l->work->kind == WORK_GROUP)
		talk(c->fd, &g->script->join, l->busy);
	if (load_conn_reads_tail(l, c))
		load_conn_wait_tail(l, c);
	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, c->fd, &event) < 0)
		err(1, "epoll_ctl");
}

static void
load_group_init(const struct load *l, struct group *g, const struct script *script, struct conn *conns, unsigned int n)
{
	*g = (struct group){ .script = script, .conns = conns, .n_conns = n };
	load_expected_init(&g->answers, &script->batch.answer);
	load_expected_init(&g->deliveries, &script->delivery);
	for (unsigned int i = 0; i < n; i++)
		load_conn_init(l, &conns[i], g, load_spreads(l) && i > 0);
}

struct load *
load_new(const struct work *work, const struct script *scripts, const char *name, bool busy)
{
	unsigned int each = work->clients + (work->kind == WORK_PUBLISH || work->kind == WORK_TAIL);
	struct load *l = calloc(1, sizeof(*l));

	if (!l)
		errx(1, "no memory");
	l->work = work;
	l->name = name;
	l->busy = busy;
	l->n_groups = work->publishers > 0 ? work->publishers : 1;
	l->n_conns = l->n_groups * each;
	l->conns = calloc(l->n_conns, sizeof(l->conns[0]));
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (!l->conns || l->epoll_fd < 0)
		err(1, "load");
	samples_init(&l->samples);
	for (unsigned int i = 0; i < l->n_groups; i++)
		load_group_init(l, &l->groups[i], &scripts[i], l->conns + (size_t)i * each, each);
	return l;
}

void
load_free(struct load *l)
{
	if (!l)
		return;
	for (unsigned int i = 0; i < l->n_conns; i++)
		close(l->conns[i].fd);
	for (unsigned int i = 0; i < l->n_groups; i++) {
		free(l->groups[i].answers.data);
		free(l->groups[i].deliveries.data);
	}
	close(l->epoll_fd);
	samples_deinit(&l->samples);
	free(l->conns);
	free(l);
}

/* Sends what the socket takes of the unsent rest of a batch. */
static void
load_conn_push(struct load *l, struct conn *c)
{
	const struct buf *batch = &c->group->script->batch.request;
	ssize_t n;

	n = send(c->fd, batch->data + batch->len - c->unsent, c->unsent, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN)
		load_conn_fail(l, c, strerror(errno));
	c->unsent -= n > 0 ? (size_t)n : 0;
	if (c->unsent == 0)
		l->n_unsent--;
}

static void
load_conn_owe(struct load *l, struct conn *c, size_t len)
{
	c->owed += len;
	l->owed += len;
}

static void
load_conn_send(struct load *l, struct conn *c)
{
	const struct script *script = c->group->script;

	c->is_waiting = true;
	c->sent = proc_now();
	load_conn_owe(l, c, script->batch.answer.len);
	for (unsigned int i = 1; load_spreads(l) && i < c->group->n_conns; i++)
		load_conn_owe(l, &c->group->conns[i],
		              l->work->kind == WORK_TAIL ? l->work->depth : script->delivery.len);
	l->batches++;
	l->n_unsent++;
	c->unsent = script->batch.request.len;
	load_conn_push(l, c);
}

/* After a read: records the latency, and sends the next batch when this one is complete. */
static void
load_conn_settle(struct load *l, struct conn *c)
{
	bool single = l->work->depth == 1 && l->work->kind == WORK_PUBLISH;
	struct conn *asker = c->is_receiver ? &c->group->conns[0] : c;
	uint64_t now = proc_now();

	if (c->owed == 0 && c->is_receiver == single)
		samples_add(&l->samples, now - asker->sent);
	if (!asker->is_waiting || asker->owed > 0 || asker->unsent > 0 || (single && l->owed > 0))
		return;
	asker->is_waiting = false;
	if (now < l->end)
		load_conn_send(l, asker);
}

/* Of answers whose lines are counted, only the line feeds stay: they are what is expected. Returns their number. */
static size_t
load_keep_line_feeds(struct load *l, size_t len)
{
	size_t n = 0;

	for (char *p = l->block, *end = p + len; (p = memchr(p, '\n', (size_t)(end - p))); p++)
		n++;
	memset(l->block, '\n', n);
	return n;
}

static bool
load_conn_is_right(const struct load *l, const struct conn *c, size_t len)
{
	return len <= c->owed && (load_conn_reads_tail(l, c) ||
	                          memcmp(l->block, c->expected->data + c->got % c->expected->period, len) == 0);
}

/* Removes noise from the block, and returns the length of the rest. */
static size_t
load_conn_drop_noise(struct load *l, const struct conn *c, size_t len)
{
	const char *noise = c->group->script->noise;
	size_t n = noise ? strlen(noise) : 0;
	char *p;

	while (noise && (p = memmem(l->block, len, noise, n))) {
		memmove(p, p + n, len - n - (size_t)(p - l->block));
		len -= n;
	}
	return len;
}

/* Returns how many entries have come, and asks for more when an answer is whole. */
static size_t
load_conn_read_tail(struct load *l, struct conn *c, size_t len)
{
	bool is_whole;
	int64_t n = entries_take(&c->entries, l->block, len, &is_whole);

	if (n < 0)
		load_conn_fail(l, c, "wrong bytes came");
	if (is_whole)
		load_conn_wait_tail(l, c);
	return (size_t)n;
}

static void
load_conn_read(struct load *l, struct conn *c)
{
	ssize_t n = recv(c->fd, l->block, sizeof(l->block), MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		load_conn_fail(l, c, n < 0 ? strerror(errno) : "closed by the server");
	if (load_conn_reads_tail(l, c))
		n = (ssize_t)load_conn_read_tail(l, c, (size_t)n);
	else if (c->group->script->counts_lines)
		n = (ssize_t)load_keep_line_feeds(l, (size_t)n);
	if (!load_conn_is_right(l, c, (size_t)n))
		n = (ssize_t)load_conn_drop_noise(l, c, (size_t)n);
	if (!load_conn_is_right(l, c, (size_t)n))
		load_conn_fail(l, c, (uint64_t)n > c->owed ? "more bytes came than were due" : "wrong bytes came");
	c->got += (uint64_t)n;
	c->owed -= (uint64_t)n;
	l->owed -= (uint64_t)n;
	if (n > 0)
		load_conn_settle(l, c);
}

/* Fails on the first connection that waits for bytes if the server has been silent for too long. */
static void
load_check_silence(const struct load *l)
{
	if (l->owed == 0 || proc_now() - l->heard < SILENCE_NS)
		return;
	for (unsigned int i = 0; i < l->n_conns; i++)
		if (l->conns[i].owed > 0)
			load_conn_fail(l, &l->conns[i], "the server is silent");
}

static void
load_pass(struct load *l)
{
	struct epoll_event events[EVENTS_MAX];
	int n = epoll_wait(l->epoll_fd, events, EVENTS_MAX, l->busy ? 0 : 1);

	if (proc_is_interrupted())
		errx(1, "interrupted");
	if (n > 0)
		l->heard = proc_now();
	else
		load_check_silence(l);
	for (int i = 0; i < n; i++)
		load_conn_read(l, events[i].data.ptr);
	for (unsigned int i = 0; l->n_unsent > 0 && i < l->n_conns; i++)
		if (l->conns[i].unsent > 0)
			load_conn_push(l, &l->conns[i]);
}

static void
load_set_percentiles(struct samples *samples, struct load_result *ret_result)
{
	samples_sort(samples);
	ret_result->p50_us = samples_percentile(samples, 0.5);
	ret_result->p99_us = samples_percentile(samples, 0.99);
	ret_result->p999_us = samples_percentile(samples, 0.999);
}

void
load_run(struct load *l, uint64_t ns, struct load_result *ret_result)
{
	uint64_t start = proc_now();

	l->heard = start;
	l->end = start + ns;
	l->batches = l->samples.count = 0;
	for (unsigned int i = 0; i < l->n_conns; i++)
		if (!l->conns[i].is_receiver)
			load_conn_send(l, &l->conns[i]);
	while (l->owed > 0)
		load_pass(l);
	*ret_result = (struct load_result){
		.operations = l->batches * work_operations(l->work),
		.ns = proc_now() - start,
	};
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	load_pass(l); /* fails if more bytes come than were due */
	load_set_percentiles(&l->samples, ret_result);
}

void
load_run_visits(const struct script *script, uint64_t ns, bool busy, struct load_result *ret_result)
{
	struct load_result r = { 0 };
	struct samples samples;
	uint64_t start = proc_now(), begun;

	samples_init(&samples);
	do {
		begun = proc_now();
		close(talk_hello(&script->hello, -1, busy));
		samples_add(&samples, proc_now() - begun);
		r.operations++;
	} while (proc_now() - start < ns && r.operations < VISITS_MAX);
	r.ns = proc_now() - start;
	load_set_percentiles(&samples, &r);
	samples_deinit(&samples);
	*ret_result = r;
}
