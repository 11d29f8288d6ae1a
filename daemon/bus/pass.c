#include "pass.h"

#include "bus.h"

void
pass_resume(struct bus *bus, const struct pass_ops *ops)
{
	struct flow *flow = &bus->flow;
	struct client *c;
	size_t n = 0;

	TAILQ_FOREACH(c, &flow->ready, in_link)
		n++;
	for (; n > 0 && !flow_is_pass_full(flow) && (c = TAILQ_FIRST(&flow->ready)); n--)
		ops->resume(c);
	flow->work_at_begin = flow->work; /* a share of their own: new ones could use up all of every pass */
	while (!flow_has_worked(flow) && !flow_is_pass_full(flow) && (c = TAILQ_FIRST(&flow->postponed))) {
		if (c->has_waited)
			run_close(&bus->run);
		if (c->state == CLIENT_DEAD)
			continue;
		flow_resume(flow, c);
		ops->resume(c);
	}
}

/* A client whose barrier has opened: its replies may go. Returns false if there is none. */
static bool
wake_gated(struct flow *flow)
{
	struct barrier_waiter *gate = barrier_take_ready(&flow->barriers);
	struct client *c;

	if (!gate)
		return false;
	c = (struct client *)((char *)gate - offsetof(struct client, gate));
	c->progress_ms = (uint32_t)flow->now_ms;
	c->active_s = flow->uptime_s; /* it has waited for this answer, and may now think of its next command */
	flow_set_out_state(flow, c, CLIENT_OUT_REPLIER);
	return true;
}

void
pass_end(struct bus *bus, const struct pass_ops *ops)
{
	struct client *c;

	run_close(&bus->run);
	for (;;) {
		/* What is further down may make work for what is further up, so each step begins at the top. */
		if (bus->flow.has_drained)
			missed_tell_drained(&bus->missed);
		if ((c = TAILQ_FIRST(&bus->flow.receivers)))
			ops->flush(c);
		else if ((c = TAILQ_FIRST(&bus->flow.dead)))
			ops->close(c);
		else if (wake_gated(&bus->flow))
			continue;
		else if ((c = TAILQ_FIRST(&bus->flow.repliers)))
			ops->flush(c);
		else
			break;
	}
	bus->flow.has_untried = false;
	while ((c = TAILQ_FIRST(&bus->flow.untried))) {
		c->has_waited = true;
		flow_set_state(&bus->flow, c, CLIENT_WAITING, &bus->flow.postponed);
	}
	bus->flow.bytes_at_begin = bus->flow.chunks.bytes;
	bus->flow.work_at_begin = bus->flow.work;
}
