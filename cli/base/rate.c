#include "rate.h"

#include "loop.h"

/* The burst after a pause: what the rate allows in this time. Timers are too coarse for much less. */
#define BURST_NS 20e6

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
	uint64_t now;

	/* Also a full bucket: else what the time since then would have added counts once it has room. */
	if (r->per_ns > 0) {
		now = loop_now_ns();
		r->tokens += (double)(now - r->at) * r->per_ns;
		r->tokens = r->tokens > r->room ? r->room : r->tokens;
		r->at = now;
	}
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

void
rate_start(struct rate *r, struct loop *loop, timer_cb *cb, void *arg)
{
	timer_init(&r->timer, loop, cb, arg);
}

void
rate_deinit(struct rate *r)
{
	timer_deinit(&r->timer);
}

bool
rate_allows(struct rate *r)
{
	uint64_t us = rate_wait(r) / 1000;

	if (us > 0 && !timer_is_set(&r->timer))
		timer_set_us(&r->timer, us);
	return us == 0;
}
