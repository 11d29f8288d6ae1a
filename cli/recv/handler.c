/*
 * What holds: while the queue is not empty, as many commands run as are allowed, or the system has no room
 * for another and retry_event waits. Each child is waited for by its own pid.
 */
#include "handler.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/wait.h>

#include "command.h"
#include "loop.h"
#include "memory.h"
#include "message.h"
#include "say.h"

/* How long to wait when the system has no room for another process. */
static const struct timeval retry_delay = { .tv_sec = 1 };

struct item {
	STAILQ_ENTRY(item) link;
	struct message message; /* without its payload */
	struct slice input;
	uint8_t bytes[]; /* that the slices are of */
};

struct job {
	SLIST_ENTRY(job) link;
	pid_t pid;
	uint64_t number; /* of its message */
};

struct handler {
	struct handler_options options;
	handler_cb *ended;
	void *arg;
	STAILQ_HEAD(, item) queue;
	SLIST_HEAD(, job) jobs;
	uint64_t queued, queued_bytes, running, failed, unhandled;
	struct event *child_event, *retry_event;
	bool stopped;
	bool noticed; /* people were told that no process can be started */
};

static size_t
item_size(const struct item *item)
{
	return sizeof(*item) + item->message.channel.len + item->message.pattern.len + item->input.len;
}

/* Copies the slice to *p, and moves *p behind it. */
static struct slice
move_slice(struct slice from, uint8_t **p)
{
	struct slice to = { from.p ? *p : NULL, from.len };

	if (from.len > 0)
		*p = mempcpy(*p, from.p, from.len);
	return to;
}

static struct item *
item_new(const struct message *m, struct slice input)
{
	struct item *item = memory_alloc_raw(sizeof(*item) + m->channel.len + m->pattern.len + input.len);
	uint8_t *p = item->bytes;

	item->message = *m;
	item->message.payload = (struct slice){ 0 };
	item->message.channel = move_slice(m->channel, &p);
	item->message.pattern = move_slice(m->pattern, &p);
	item->input = move_slice(input, &p);
	return item;
}

static bool
is_for_lack_of_room(int error)
{
	return error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE || error == ENOSPC;
}

static void
fail(struct handler *h)
{
	h->failed++;
	if (h->options.stop_on_error)
		handler_stop(h);
}

static void
remove_first(struct handler *h)
{
	struct item *item = STAILQ_FIRST(&h->queue);

	STAILQ_REMOVE_HEAD(&h->queue, link);
	h->queued--;
	h->queued_bytes -= item_size(item);
	free(item);
}

/* Starts the command for the first message of the queue. Returns false where that has to wait. */
static bool
start_first(struct handler *h)
{
	const struct item *item = STAILQ_FIRST(&h->queue);
	struct job *job;
	pid_t pid;
	int r = command_start(h->options.command, &item->message, item->input, &pid);

	if (r < 0 && is_for_lack_of_room(-r)) {
		if (!h->noticed)
			say("the command for message %" PRIu64 " cannot be started yet: %s", item->message.number,
			    strerror(-r));
		h->noticed = true;
		event_add(h->retry_event, &retry_delay);
		return false;
	}
	if (r < 0) {
		say("the command for message %" PRIu64 " cannot be started: %s", item->message.number, strerror(-r));
		remove_first(h);
		fail(h);
		return true;
	}
	h->noticed = false;
	job = memory_alloc(sizeof(*job));
	job->pid = pid;
	job->number = item->message.number;
	SLIST_INSERT_HEAD(&h->jobs, job, link);
	h->running++;
	remove_first(h);
	return true;
}

static void
start_some(struct handler *h)
{
	if (event_pending(h->retry_event, EV_TIMEOUT, NULL))
		return;
	while (h->running < h->options.jobs && !STAILQ_EMPTY(&h->queue) && start_first(h))
		;
}

static void
report(const struct job *job, int status)
{
	if (WIFSIGNALED(status))
		say("the command for message %" PRIu64 " was killed: %s", job->number, strsignal(WTERMSIG(status)));
	else
		say("the command for message %" PRIu64 " failed with status %d", job->number, WEXITSTATUS(status));
}

static void
child_cb(evutil_socket_t signo, short what, void *arg)
{
	struct handler *h = arg;
	struct job *job, *next;
	bool some = false;
	int status;

	(void)signo;
	(void)what;
	for (job = SLIST_FIRST(&h->jobs); job; job = next) {
		next = SLIST_NEXT(job, link);
		if (waitpid(job->pid, &status, WNOHANG) != job->pid)
			continue;
		SLIST_REMOVE(&h->jobs, job, job, link);
		h->running--;
		some = true;
		if (status != 0) {
			report(job, status);
			fail(h);
		}
		free(job);
	}
	start_some(h);
	if (some)
		h->ended(h->arg);
}

static void
retry_cb(evutil_socket_t fd, short what, void *arg)
{
	struct handler *h = arg;

	(void)fd;
	(void)what;
	start_some(h);
	h->ended(h->arg); /* where what could not be started was the last */
}

struct handler *
handler_new(struct loop *loop, const struct handler_options *options, handler_cb *ended, void *arg)
{
	struct handler *h = memory_alloc(sizeof(*h));

	h->options = *options;
	h->ended = ended;
	h->arg = arg;
	STAILQ_INIT(&h->queue);
	SLIST_INIT(&h->jobs);
	h->child_event = evsignal_new(loop_base(loop), SIGCHLD, child_cb, h);
	h->retry_event = event_new(loop_base(loop), -1, 0, retry_cb, h);
	memory_check(h->child_event && h->retry_event ? 0 : -1);
	event_add(h->child_event, NULL);
	return h;
}

void
handler_free(struct handler *h)
{
	struct job *job;

	if (!h)
		return;
	while (!STAILQ_EMPTY(&h->queue))
		remove_first(h);
	while ((job = SLIST_FIRST(&h->jobs))) {
		SLIST_REMOVE_HEAD(&h->jobs, link);
		free(job);
	}
	event_free(h->child_event);
	event_free(h->retry_event);
	free(h);
}

void
handler_take(struct handler *h, const struct message *m, struct slice input)
{
	struct item *item;

	if (h->stopped) {
		h->unhandled++;
		return;
	}
	item = item_new(m, input);
	STAILQ_INSERT_TAIL(&h->queue, item, link);
	h->queued++;
	h->queued_bytes += item_size(item);
	start_some(h);
}

void
handler_stop(struct handler *h)
{
	h->stopped = true;
	h->unhandled += h->queued;
	while (!STAILQ_EMPTY(&h->queue))
		remove_first(h);
	event_del(h->retry_event);
}

bool
handler_is_full(const struct handler *h)
{
	return h->queued_bytes >= h->options.queue_bytes;
}

bool
handler_is_idle(const struct handler *h)
{
	return h->running == 0 && h->queued == 0;
}

uint64_t
handler_running(const struct handler *h)
{
	return h->running;
}

uint64_t
handler_failed(const struct handler *h)
{
	return h->failed;
}

uint64_t
handler_unhandled(const struct handler *h)
{
	return h->unhandled + h->queued;
}
