/*
 * The order of writing is what makes a reply to a publisher come soon. A pass reads and handles input first and writes
 * nothing. At its end the receivers of messages are written first, so that the barriers of the pass are open when the
 * publishers are written: a reply is held back longer only if a receiver's socket is full.
 *
 * After each step the loop starts over, since a later step can create work for an earlier one: closing a client drops
 * its messages, which opens barriers and drains its user; a client that has drained gets a report of what it missed,
 * and becomes a receiver by that. The loop ends, since each step takes a client off its list and no new input is
 * handled meanwhile.
 */
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
	/* Those that were postponed have their own share of work: newcomers could use up all of every pass. */
	flow->work_at_begin = flow->work;
	while (!flow_has_worked(flow) && !flow_is_pass_full(flow) && (c = TAILQ_FIRST(&flow->postponed))) {
		if (c->has_waited)
			run_close(&bus->run);
		if (c->state == CLIENT_DEAD)
			continue;
		flow_resume(flow, c);
		ops->resume(c);
	}
}

/* Lets the first client whose barrier has opened write its replies. Returns false if there is none. */
static bool
pass_wake_gated(struct flow *flow)
{
	struct barrier_waiter *gate = barrier_take_ready(&flow->barriers);
	struct client *c;

	if (!gate)
		return false;
	c = (struct client *)((char *)gate - offsetof(struct client, gate));
	c->progress_ms = (uint32_t)flow->now_ms;
	c->active_s = flow->uptime_s; /* idle_timeout counts from here: until now the client waited for this reply */
	flow_set_out_state(flow, c, CLIENT_OUT_REPLIER);
	return true;
}

void
pass_end(struct bus *bus, const struct pass_ops *ops)
{
	struct client *c;

	run_close(&bus->run);
	for (;;) {
		if (bus->flow.has_drained)
			missed_report_drained(&bus->missed);
		if ((c = TAILQ_FIRST(&bus->flow.receivers)))
			ops->flush(c);
		else if ((c = TAILQ_FIRST(&bus->flow.dead)))
			ops->close(c);
		else if (pass_wake_gated(&bus->flow))
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
