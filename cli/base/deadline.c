/*
 * Progress comes with every message, so it only notes the time and leaves the timer alone. When the timer fires before
 * the limit, counted from the last progress, it is set again for the rest.
 */
#include "deadline.h"

#include <event2/event.h>
#include <stdio.h>

#include "loop.h"
#include "memory.h"

static void
deadline_set_timer(struct deadline *d, uint64_t ms)
{
	struct timeval t = { .tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000) };

	event_add(d->timer, &t);
}

static void
deadline_timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct deadline *d = arg;
	uint64_t passed = loop_now() - d->since;
	char why[48];

	(void)fd;
	(void)what;
	if (!d->running)
		return;
	if (passed < d->limit) {
		deadline_set_timer(d, d->limit - passed);
		return;
	}
	d->running = false;
	if (d->limit % 1000)
		snprintf(why, sizeof(why), "timed out after %llums", (unsigned long long)d->limit);
	else
		snprintf(why, sizeof(why), "timed out after %llus", (unsigned long long)(d->limit / 1000));
	d->cb(d->arg, why);
}

void
deadline_init(struct deadline *d, struct loop *loop, uint64_t limit, deadline_cb *cb, void *arg)
{
	*d = (struct deadline){ .limit = limit, .cb = cb, .arg = arg };
	d->timer = event_new(loop_base(loop), -1, 0, deadline_timer_cb, d);
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
		deadline_set_timer(d, d->limit);
}

void
deadline_progress(struct deadline *d)
{
	if (d->running)
		d->since = loop_now();
}
