/*
 * Two lists: the queue of messages whose command has not been started, and the jobs, which are running commands. While
 * the queue is not empty, either as many jobs run as the options allow, or the system is short of processes,
 * descriptors or memory; then the retry timer is set and nothing is started until it fires. So bursts that the system
 * cannot serve lose no message. A message leaves the queue, and its memory is freed, when its command starts.
 */
#include "handler.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "children.h"
#include "command.h"
#include "loop.h"
#include "memory.h"
#include "message.h"
#include "num.h"
#include "say.h"
#include "timer.h"

struct item {
	STAILQ_ENTRY(item) link;
	struct message message; /* without its payload */
	struct slice input;
	uint8_t bytes[]; /* what the slices point to */
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
	uint64_t taken;   /* number of the last message */
	uint64_t skipped; /* of the first one that no command will handle, or whose command has ended udsctl; else 0 */
	struct children *children;
	bool has_ended; /* a job, since the last callback */
	struct timer retry;
	bool stopped;
	bool noticed; /* the user knows that no command can be started now */
};

static size_t
handler_item_size(const struct item *item)
{
	return sizeof(*item) + item->message.channel.len + item->message.pattern.len + item->message.id.len +
	       item->input.len;
}

/* Copies the slice to *p and advances *p. NULL stays NULL. */
static struct slice
handler_copy_slice(struct slice from, uint8_t **p)
{
	struct slice to = { from.p ? *p : NULL, from.len };

	if (from.len > 0)
		*p = mempcpy(*p, from.p, from.len);
	return to;
}

/* No command will handle the message any more. */
static void
handler_skip(struct handler *h, uint64_t number)
{
	if (h->skipped == 0 || number < h->skipped)
		h->skipped = number;
}

/* The command for the message failed. */
static void
handler_count_failure(struct handler *h, uint64_t number)
{
	h->failed++;
	if (!h->options.stop_on_error)
		return;
	handler_skip(h, number);
	handler_stop(h);
}

static void
handler_remove_first(struct handler *h)
{
	struct item *item = STAILQ_FIRST(&h->queue);

	STAILQ_REMOVE_HEAD(&h->queue, link);
	h->queued--;
	h->queued_bytes -= handler_item_size(item);
	free(item);
}

/* Returns 0 or -errno. */
static int
handler_start_command(const struct handler *h, const struct item *item, pid_t *ret_pid)
{
	const struct message *m = &item->message;
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)h->options.command, NULL }, number[NUM_DIGITS_MAX];
	const struct command_variable variables[] = {
		{ "UDSD_CHANNEL", m->channel },
		{ "UDSD_PATTERN", m->pattern },
		{ "UDSD_COUNT", { (uint8_t *)number, num_put_u64(number, m->number) } },
		{ "UDSD_ID", m->id },
	};
	const struct command command = {
		.path = "/bin/sh",
		.argv = argv,
		.input = item->input,
		.variables = variables,
		.n = sizeof(variables) / sizeof(variables[0]),
	};

	return command_start(&command, ret_pid);
}

/* Starts the command for the first message of the queue. Returns false if it has to be tried again later. */
static bool
handler_start_first(struct handler *h)
{
	const struct item *item = STAILQ_FIRST(&h->queue);
	uint64_t number = item->message.number;
	struct job *job;
	pid_t pid;
	int r = handler_start_command(h, item, &pid);

	if (r == 0) {
		h->noticed = false;
		job = memory_alloc(sizeof(*job));
		job->pid = pid;
		job->number = number;
		SLIST_INSERT_HEAD(&h->jobs, job, link);
		h->running++;
		handler_remove_first(h);
		return true;
	}
	if (children_may_start_later(-r)) {
		if (!h->noticed)
			say("the command for message %" PRIu64 " cannot be started yet: %s", number, strerror(-r));
		h->noticed = true;
		timer_set(&h->retry, CHILDREN_RETRY_MS);
		return false;
	}
	say("the command for message %" PRIu64 " cannot be started: %s", number, strerror(-r));
	handler_remove_first(h);
	handler_count_failure(h, number);
	return true;
}

static void
handler_start_some(struct handler *h)
{
	if (timer_is_set(&h->retry))
		return;
	while (h->running < h->options.jobs && !STAILQ_EMPTY(&h->queue) && handler_start_first(h))
		;
}

static void
handler_child_ended_cb(void *arg, pid_t pid, int status)
{
	struct handler *h = arg;
	struct job *job;
	char text[128];

	SLIST_FOREACH(job, &h->jobs, link)
	if (job->pid == pid)
		break;
	if (!job)
		return;
	h->has_ended = true;
	SLIST_REMOVE(&h->jobs, job, job, link);
	h->running--;
	if (status != 0) {
		children_describe(status, text, sizeof(text));
		say("the command for message %" PRIu64 " %s", job->number, text);
		handler_count_failure(h, job->number);
	}
	free(job);
}

static void
handler_swept_cb(void *arg)
{
	struct handler *h = arg;
	bool has_ended = h->has_ended;

	h->has_ended = false;
	handler_start_some(h);
	if (has_ended)
		h->ended(h->arg);
}

static void
handler_retry_cb(void *arg)
{
	struct handler *h = arg;

	handler_start_some(h);
	h->ended(h->arg); /* the last message may have left the queue without a command */
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
	h->children = children_new(loop, handler_child_ended_cb, handler_swept_cb, h);
	timer_init(&h->retry, loop, handler_retry_cb, h);
	return h;
}

void
handler_free(struct handler *h)
{
	struct job *job;

	if (!h)
		return;
	while (!STAILQ_EMPTY(&h->queue))
		handler_remove_first(h);
	while ((job = SLIST_FIRST(&h->jobs))) {
		SLIST_REMOVE_HEAD(&h->jobs, link);
		free(job);
	}
	children_free(h->children);
	timer_deinit(&h->retry);
	free(h);
}

void
handler_take(struct handler *h, const struct message *m, struct slice input)
{
	struct item *item;
	uint8_t *p;

	h->taken = m->number;
	if (h->stopped) {
		h->unhandled++;
		handler_skip(h, m->number);
		return;
	}
	item = memory_resize(NULL, sizeof(*item) + m->channel.len + m->pattern.len + m->id.len + input.len);
	p = item->bytes;
	item->message = *m;
	item->message.payload = (struct slice){ 0 };
	item->message.fields = NULL;
	item->message.channel = handler_copy_slice(m->channel, &p);
	item->message.pattern = handler_copy_slice(m->pattern, &p);
	item->message.id = handler_copy_slice(m->id, &p);
	item->input = handler_copy_slice(input, &p);
	STAILQ_INSERT_TAIL(&h->queue, item, link);
	h->queued++;
	h->queued_bytes += handler_item_size(item);
	handler_start_some(h);
}

void
handler_stop(struct handler *h)
{
	h->stopped = true;
	h->unhandled += h->queued;
	if (h->queued > 0)
		handler_skip(h, STAILQ_FIRST(&h->queue)->message.number);
	while (!STAILQ_EMPTY(&h->queue))
		handler_remove_first(h);
	timer_stop(&h->retry);
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
handler_handled(const struct handler *h)
{
	uint64_t first = h->skipped > 0 ? h->skipped : h->taken + 1;
	const struct job *job;

	if (h->queued > 0 && STAILQ_FIRST(&h->queue)->message.number < first)
		first = STAILQ_FIRST(&h->queue)->message.number;
	SLIST_FOREACH(job, &h->jobs, link)
	if (job->number < first)
		first = job->number;
	return first - 1;
}

struct handler_counts
handler_counts(const struct handler *h)
{
	return (struct handler_counts){ h->running, h->failed, h->unhandled + h->queued };
}
