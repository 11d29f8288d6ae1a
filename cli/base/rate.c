#include "rate.h"

#include <event2/event.h>

#include "loop.h"
#include "memory.h"

/* The burst after a pause: what the rate allows in this time. Timers are too coarse for much less. */
#define BURST_NS 20e6

static void
rate_refill(struct rate *r)
{
	uint64_t now = loop_now_ns();

	r->tokens += (double)(now - r->at) * r->per_ns;
	if (r->tokens > r->room)
		r->tokens = r->room;
	r->at = now;
}

void
rate_init(struct rate *r, uint64_t count, uint64_t period)
{
	*r = (struct rate){ 0 };
	if (count == 0)
		return;
	r->per_ns = (double)count / ((double)period * 1e6);
	r->room = r->per_ns * BURST_NS > 1 ? r->per_ns * BURST_NS : 1;
	r->tokens = 1;
	r->at = loop_now_ns();
}

bool
rate_is_ready(struct rate *r)
{
	if (r->per_ns > 0 && r->tokens < 1)
		rate_refill(r);
	return r->per_ns == 0 || r->tokens >= 1;
}

void
rate_spend(struct rate *r)
{
	if (r->per_ns > 0)
		r->tokens--;
}

uint64_t
rate_wait(struct rate *r)
{
	return rate_is_ready(r) ? 0 : (uint64_t)((1 - r->tokens) / r->per_ns) + 1;
}

static void
rate_timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct rate *r = arg;

	(void)fd;
	(void)what;
	r->cb(r->arg);
}

void
rate_start(struct rate *r, struct loop *loop, rate_cb *cb, void *arg)
{
	r->cb = cb;
	r->arg = arg;
	r->timer = event_new(loop_base(loop), -1, 0, rate_timer_cb, r);
	memory_check(r->timer ? 0 : -1);
}

void
rate_deinit(struct rate *r)
{
	if (r->timer)
		event_free(r->timer);
	r->timer = NULL;
}

bool
rate_allows(struct rate *r)
{
	uint64_t us = rate_wait(r) / 1000;

	if (us > 0 && !event_pending(r->timer, EV_TIMEOUT, NULL))
		event_add(r->timer, &(struct timeval){ .tv_sec = (time_t)(us / 1000000),
		                                       .tv_usec = (suseconds_t)(us % 1000000) });
	return us == 0;
}
