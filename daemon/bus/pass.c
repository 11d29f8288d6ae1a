#include "pass.h"

#include "bus.h"

void
pass_resume(struct bus *bus, const struct pass_ops *ops)
{
	struct client *c;
	size_t n = 0;

	TAILQ_FOREACH(c, &bus->flow.ready, in_link)
		n++;
	for (; n > 0 && !flow_is_pass_full(&bus->flow) && (c = TAILQ_FIRST(&bus->flow.ready)); n--)
		ops->resume(c);
	bus->flow.work_at_begin = bus->flow.work; /* a share of their own: new ones could use up all of every pass */
	while (!flow_has_worked(&bus->flow) && !flow_is_pass_full(&bus->flow) && !bus->flow.has_untried &&
	       (c = TAILQ_FIRST(&bus->flow.postponed))) {
		flow_resume(&bus->flow, c);
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
	bus->flow.bytes_at_begin = bus->flow.chunks.bytes;
	bus->flow.work_at_begin = bus->flow.work;
}
