/*
 * A worker that needs time for a request has a queue of those that it was sent, and answers the first one when its time
 * has come; others answer at once. A payload is the number of its request, so answers may come in any order.
 */
#include "calls.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "proc.h"
#include "samples.h"
#include "talk.h"

#define READ_SIZE 65536
#define EVENTS_MAX 128
#define QUEUE_MAX 1024
#define SILENCE_NS UINT64_C(20000000000)

/* A request that a worker has. */
struct job {
	char token[CALL_WORD_MAX], payload[CALL_WORD_MAX];
};

struct end {
	int fd;
	bool is_worker;
	unsigned int number;
	struct buf in;

	uint64_t first, sent; /* of a caller: the number of the batch's first request, and its time, ns */
	unsigned int waiting; /* for so many answers */
	bool *is_answered;

	uint64_t slow_ns; /* of a worker: what a request takes, and when it is done with the first one */
	uint64_t due;
	struct job *jobs; /* a ring */
	unsigned int first_job, n_jobs;
};

struct calls {
	const struct work *work;
	const struct call_script *script;
	const char *name;
	bool busy;
	int epoll_fd;
	struct end *ends; /* callers, then workers */
	unsigned int n_ends;
	uint64_t numbers; /* of requests that were sent */
	uint64_t answered, in_time;
	uint64_t waiting;
	uint64_t end;   /* no new batch after this time, ns */
	uint64_t heard; /* time of the last bytes from the server, ns */
	struct samples samples;
};

_Noreturn static void
calls_fail(const struct calls *c, const struct end *e, const char *what)
{
	errx(1, "%s: %s: %s %u: %s, with %llu answers to come", c->name, c->work->name,
	     e->is_worker ? "worker" : "caller", e->number, what, (unsigned long long)c->waiting);
}

/* What is sent here is small, and the other side waits for it. */
static void
calls_send(const struct calls *c, const struct end *e, struct buf *b)
{
	if (b->len > 0 && send(e->fd, b->data, b->len, MSG_NOSIGNAL) != (ssize_t)b->len)
		calls_fail(c, e, "the server does not take all");
	buf_deinit(b);
}

static void
calls_end_init(struct calls *c, struct end *e, const struct protocol *protocol)
{
	struct exchange hello = { 0 }, x = { 0 };
	unsigned int ahead = c->script->asks_ahead ? c->work->ahead : 1;

	protocol->hello("c0", &hello);
	e->fd = talk_hello(&hello, proc_connect(), c->busy);
	if (e->is_worker && c->script->serve)
		c->script->serve(&x);
	else if (!e->is_worker && c->script->attend)
		c->script->attend(e->number, &x);
	if (x.request.len > 0)
		talk_hello(&x, e->fd, c->busy);
	buf_deinit(&x.request);
	for (unsigned int i = 0; e->is_worker && c->script->next && i < ahead; i++)
		c->script->next(&x.request);
	calls_send(c, e, &x.request);
	exchange_deinit(&hello);
	exchange_deinit(&x);
	e->is_answered = calloc(c->work->depth, sizeof(e->is_answered[0]));
	e->jobs = e->is_worker ? malloc(QUEUE_MAX * sizeof(e->jobs[0])) : NULL;
	if (!e->is_answered || (e->is_worker && !e->jobs))
		errx(1, "no memory");
	if (epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, e->fd, &(struct epoll_event){ .events = EPOLLIN, .data.ptr = e }) < 0)
		err(1, "epoll_ctl");
}

struct calls *
calls_new(const struct work *work, const struct protocol *protocol, const struct call_script *script, const char *name,
          bool busy)
{
	struct calls *c = calloc(1, sizeof(*c));

	if (!c)
		errx(1, "no memory");
	*c = (struct calls){ .work = work, .script = script, .name = name, .busy = busy };
	c->n_ends = work->clients + work->workers;
	c->ends = calloc(c->n_ends, sizeof(c->ends[0]));
	c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (!c->ends || c->epoll_fd < 0)
		err(1, "calls");
	samples_init(&c->samples);
	for (unsigned int i = 0; i < c->n_ends; i++) {
		struct end *e = &c->ends[i];

		e->is_worker = i >= work->clients;
		e->number = e->is_worker ? i - work->clients : i;
		e->slow_ns = e->is_worker ? (uint64_t)work->slow_us * 1000 * (e->number + 1) : 0;
		calls_end_init(c, e, protocol);
	}
	return c;
}

void
calls_free(struct calls *c)
{
	for (unsigned int i = 0; i < c->n_ends; i++) {
		close(c->ends[i].fd);
		buf_deinit(&c->ends[i].in);
		free(c->ends[i].is_answered);
		free(c->ends[i].jobs);
	}
	close(c->epoll_fd);
	samples_deinit(&c->samples);
	free(c->ends);
	free(c);
}

static void
calls_ask(struct calls *c, struct end *e)
{
	unsigned int depth = c->work->depth;
	struct buf b = { 0 };
	char payload[32];

	e->first = c->numbers;
	e->waiting = depth;
	memset(e->is_answered, 0, depth * sizeof(e->is_answered[0]));
	for (unsigned int i = 0; i < depth; i++) {
		snprintf(payload, sizeof(payload), "q%0*llu", (int)c->work->size - 1, (unsigned long long)c->numbers++);
		c->script->call(e->number, i, payload, &b);
	}
	for (unsigned int i = 0; c->script->fetch && i < depth; i++)
		c->script->fetch(e->number, i, &b);
	c->waiting += depth;
	e->sent = proc_now();
	calls_send(c, e, &b);
}

/* One of its requests is answered: the answer is the request with an 'a' in place of its 'q'. */
static void
calls_take_answer(struct calls *c, struct end *e, const struct call_frame *frame)
{
	unsigned long long nth = strtoull(frame->payload + 1, NULL, 10) - e->first;
	uint64_t now = proc_now();

	if (frame->payload[0] != 'a' || nth >= c->work->depth || e->waiting == 0 || e->is_answered[nth])
		calls_fail(c, e, "an answer came that was not due");
	e->is_answered[nth] = true;
	e->waiting--;
	c->waiting--;
	c->answered++;
	c->in_time += now < c->end;
	if (e->waiting > 0)
		return;
	samples_add(&c->samples, now - e->sent);
	if (now < c->end)
		calls_ask(c, e);
}

static void
calls_answer(struct calls *c, struct job *job, struct buf *b)
{
	if (job->payload[0] != 'q')
		errx(1, "%s: %s: a request came that nobody has sent", c->name, c->work->name);
	job->payload[0] = 'a';
	c->script->answer(job->token, job->payload, b);
}

/* A slow worker answers the requests whose time has come. */
static void
calls_work(struct calls *c, struct end *e)
{
	while (e->n_jobs > 0 && proc_now() >= e->due) {
		struct buf b = { 0 };

		calls_answer(c, &e->jobs[e->first_job], &b);
		e->first_job = (e->first_job + 1) % QUEUE_MAX;
		e->n_jobs--;
		e->due = proc_now() + e->slow_ns;
		calls_send(c, e, &b);
	}
}

static void
calls_take_request(struct calls *c, struct end *e, const struct call_frame *frame, struct buf *answers)
{
	struct job *job = &e->jobs[(e->first_job + e->n_jobs) % QUEUE_MAX];

	if (e->n_jobs == QUEUE_MAX)
		calls_fail(c, e, "too many requests came");
	memcpy(job->token, frame->token, sizeof(job->token));
	memcpy(job->payload, frame->payload, sizeof(job->payload));
	if (e->slow_ns == 0) {
		calls_answer(c, job, answers);
		return;
	}
	if (e->n_jobs++ == 0)
		e->due = proc_now() + e->slow_ns;
}

static void
calls_read(struct calls *c, struct end *e)
{
	struct buf answers = { 0 };
	struct call_frame frame;
	size_t done = 0;
	ssize_t n;

	if (buf_reserve(&e->in, READ_SIZE) < 0)
		errx(1, "no memory");
	n = recv(e->fd, e->in.data + e->in.len, READ_SIZE, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		calls_fail(c, e, n < 0 ? strerror(errno) : "closed by the server");
	e->in.len += (size_t)n;
	for (; done < e->in.len; done += frame.len) {
		const char *data = (const char *)e->in.data + done;

		frame.len = 0;
		frame.is_error = false;
		frame.payload[0] = frame.token[0] = '\0';
		(e->is_worker ? c->script->read_request : c->script->read_answer)(data, e->in.len - done, &frame);
		if (frame.len == 0)
			break;
		if (frame.is_error)
			calls_fail(c, e, "the server refuses");
		if (frame.payload[0] && e->is_worker)
			calls_take_request(c, e, &frame, &answers);
		else if (frame.payload[0])
			calls_take_answer(c, e, &frame);
	}
	buf_consume(&e->in, done);
	calls_send(c, e, &answers);
}

static void
calls_pass(struct calls *c)
{
	struct epoll_event events[EVENTS_MAX];
	int n = epoll_wait(c->epoll_fd, events, EVENTS_MAX, c->busy ? 0 : 1);

	if (proc_is_interrupted())
		errx(1, "interrupted");
	if (n > 0)
		c->heard = proc_now();
	else if (c->waiting > 0 && proc_now() - c->heard > SILENCE_NS)
		calls_fail(c, &c->ends[0], "the server is silent");
	for (int i = 0; i < n; i++)
		calls_read(c, events[i].data.ptr);
	for (unsigned int i = c->work->clients; c->work->slow_us > 0 && i < c->n_ends; i++)
		calls_work(c, &c->ends[i]);
}

uint64_t
calls_run(struct calls *c, uint64_t ns, struct load_result *ret_result)
{
	uint64_t start = proc_now();

	c->heard = start;
	c->end = start + ns;
	c->answered = c->in_time = c->samples.count = 0;
	for (unsigned int i = 0; i < c->work->clients; i++)
		calls_ask(c, &c->ends[i]);
	while (c->waiting > 0)
		calls_pass(c);
	samples_sort(&c->samples);
	*ret_result = (struct load_result){
		.operations = c->answered,
		.ns = proc_now() - start,
		.p50_us = samples_percentile(&c->samples, 0.5),
		.p99_us = samples_percentile(&c->samples, 0.99),
		.p999_us = samples_percentile(&c->samples, 0.999),
	};
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	calls_pass(c); /* fails if more comes than is due */
	return c->in_time;
}

double
calls_ideal_ns(const struct work *work)
{
	double rate = 0;

	for (unsigned int i = 1; i <= work->workers; i++)
		rate += 1 / (work->slow_us * 1000.0 * i);
	return 1 / rate;
}
