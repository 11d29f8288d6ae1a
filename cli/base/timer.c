#include "timer.h"

#include <event2/event.h>

#include "loop.h"
#include "memory.h"

static void
timer_event_cb(evutil_socket_t fd, short what, void *arg)
{
	struct timer *t = arg;

	(void)fd;
	(void)what;
	t->cb(t->arg);
}

void
timer_init(struct timer *t, struct loop *loop, timer_cb *cb, void *arg)
{
	*t = (struct timer){ .cb = cb, .arg = arg };
	t->event = event_new(loop_base(loop), -1, 0, timer_event_cb, t);
	memory_check(t->event ? 0 : -1);
}

void
timer_deinit(struct timer *t)
{
	if (t->event)
		event_free(t->event);
	t->event = NULL;
}

void
timer_set(struct timer *t, uint64_t ms)
{
	timer_set_us(t, ms * 1000);
}

void
timer_set_us(struct timer *t, uint64_t us)
{
	event_add(t->event,
	          &(struct timeval){ .tv_sec = (time_t)(us / 1000000), .tv_usec = (suseconds_t)(us % 1000000) });
}

void
timer_stop(struct timer *t)
{
	event_del(t->event);
}

bool
timer_is_set(const struct timer *t)
{
	return event_pending(t->event, EV_TIMEOUT, NULL) != 0;
}
