/*
 * Progress comes with every message, so it only notes the time and leaves the timer alone. When the timer fires before
 * the limit, counted from the last progress, it is set again for the rest.
 */
#include "deadline.h"

#include <stdio.h>

#include "human.h"
#include "loop.h"

static void
deadline_timer_cb(void *arg)
{
	struct deadline *d = arg;
	uint64_t passed = loop_now() - d->since;
	char why[64];

	if (!d->running)
		return;
	if (passed < d->limit) {
		timer_set(&d->timer, d->limit - passed);
		return;
	}
	d->running = false;
	snprintf(why, sizeof(why), "timed out after %s", human_exact_duration(d->limit).text);
	d->cb(d->arg, why);
}

void
deadline_init(struct deadline *d, struct loop *loop, uint64_t limit, deadline_cb *cb, void *arg)
{
	*d = (struct deadline){ .limit = limit, .cb = cb, .arg = arg };
	timer_init(&d->timer, loop, deadline_timer_cb, d);
}

void
deadline_deinit(struct deadline *d)
{
	timer_deinit(&d->timer);
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
	if (!timer_is_set(&d->timer))
		timer_set(&d->timer, d->limit);
}

uint64_t
deadline_left(const struct deadline *d)
{
	uint64_t passed = loop_now() - d->since;

	if (!d->running || d->limit == 0)
		return UINT64_MAX;
	return passed < d->limit ? d->limit - passed : 0;
}

void
deadline_progress(struct deadline *d)
{
	if (d->running)
		d->since = loop_now();
}
