/* The timer is not touched by progress: when it fires too early, it is set for what is left. */
#include "deadline.h"

#include <event2/event.h>
#include <stdio.h>

#include "loop.h"
#include "memory.h"

static void
set_timer(struct deadline *d, uint64_t ms)
{
	struct timeval t = { .tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000) };

	event_add(d->timer, &t);
}

static void
timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct deadline *d = arg;
	uint64_t passed = loop_now() - d->since;

	(void)fd;
	(void)what;
	if (!d->running)
		return;
	if (passed < d->limit) {
		set_timer(d, d->limit - passed);
		return;
	}
	d->running = false;
	d->cb(d->arg);
}

void
deadline_init(struct deadline *d, struct loop *loop, uint64_t limit, deadline_cb *cb, void *arg)
{
	*d = (struct deadline){ .limit = limit, .cb = cb, .arg = arg };
	d->timer = event_new(loop_base(loop), -1, 0, timer_cb, d);
	memory_check(d->timer ? 0 : -1);
}

void
deadline_deinit(struct deadline *d)
{
	if (d->timer)
		event_free(d->timer);
	d->timer = NULL;
}

void
deadline_run(struct deadline *d, bool running)
{
	if (d->limit == 0 || d->running == running)
		return;
	d->running = running;
	if (!running)
		return;
	d->since = loop_now();
	if (!event_pending(d->timer, EV_TIMEOUT, NULL))
		set_timer(d, d->limit);
}

void
deadline_progress(struct deadline *d)
{
	if (d->running)
		d->since = loop_now();
}

void
deadline_format(const struct deadline *d, char *text, size_t size)
{
	if (d->limit % 1000)
		snprintf(text, size, "%llums", (unsigned long long)d->limit);
	else
		snprintf(text, size, "%llus", (unsigned long long)(d->limit / 1000));
}
