/*
 * The order of writing is what makes a reply to a publisher come soon. A pass reads and handles input first and writes
 * nothing. At its end the receivers of messages are written first, so that the barriers of the pass are open when the
 * publishers are written: a reply is held back longer only if a receiver's socket is full.
 *
 * After each step the loop starts over, since a later step can create work for an earlier one: closing a client drops
 * its messages, which opens barriers and drains its user; a client that has drained gets a report of what it missed,
 * and becomes a receiver by that. The loop ends, since each step takes a client off its list and no new input is
 * handled meanwhile; it ends early when it has worked for long (WORK_OUTPUT), and the next pass goes on.
 *
 * Each pass gives all users a new share of work, unless much was published that has not been tried to be written yet.
 * So who publishes faster than the daemon can write comes to a stop, and what is queued within the daemon stays
 * bounded, while users who have not used up their share go on.
 *
 * A message that is matched with very many patterns, or delivered to very many receivers, takes several passes, and
 * nobody may notice that: meanwhile all others wait with what shows or changes what is shared (flow.is_wide). It begins
 * only at the end of a pass, with a turn of its publisher, so that in between all others have had a turn.
 */
#include "pass.h"

#include "bus.h"
#include "replay-turns.h"

/* So many of those that wait for a wide turn are asked in one pass whether their user has a share. */
#define WIDE_ASKED 64

/* Turns in one pass for each client that is ready at its beginning. */
#define TURNS_MAX 4

/* Lets the client go on. Returns false if its user has had their share, unless all others wait for it. */
static bool
pass_resume_client(struct bus *bus, const struct pass_ops *ops, struct client *c)
{
	uint64_t begin = bus->flow.work.done;

	if (!flow_begin_turn(&bus->flow, c) && c != bus->flow.executing && c != bus->flow.wide)
		return false;
	if (c->has_waited)
		batch_close(&bus->batch); /* its message must not join those that were published meanwhile */
	if (c->state == CLIENT_READY)
		ops->resume(c);
	flow_end_turn(&bus->flow, c, begin);
	return true;
}

/*
 * Lets a paused EXEC go on before anything else: all others wait for it, so it must not wait for other clients of its
 * user, nor for room in a pass that was filled from sockets.
 */
static void
pass_resume_exec(struct bus *bus, const struct pass_ops *ops)
{
	struct flow *flow = &bus->flow;
	struct client *c = flow->executing;

	for (bool is_first = true; c && c == flow->executing && c->state == CLIENT_READY; is_first = false) {
		if (flow->is_wide || (!is_first && flow_is_pass_full(flow)))
			return;
		pass_resume_client(bus, ops, c);
	}
}

void
pass_resume(struct bus *bus, const struct pass_ops *ops)
{
	struct flow *flow = &bus->flow;
	struct user *user, *refused = NULL;
	bool is_first = true;

	pass_resume_exec(bus, ops);
	/*
	 * Users take turns, and so do the clients of each, until all have had their share. What is published in several
	 * turns of one pass is written at once, which costs less; but nobody is resumed again and again. There is one
	 * turn even in a full pass: what comes from sockets could fill all of them.
	 */
	for (size_t n = TURNS_MAX * flow->n_ready;
	     n > 0 && (is_first || !flow_is_pass_full(flow)) && (user = TAILQ_FIRST(&flow->ready_users));) {
		if (user == refused)
			break; /* so is everybody else */
		TAILQ_REMOVE(&flow->ready_users, user, ready_link);
		TAILQ_INSERT_TAIL(&flow->ready_users, user, ready_link);
		if (pass_resume_client(bus, ops, TAILQ_FIRST(&user->ready))) {
			refused = NULL;
			is_first = false;
			n--;
		} else if (!refused) {
			refused = user;
		}
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
	flow->work.done += WORK_VISIT;
	c = (struct client *)((char *)gate - offsetof(struct client, gate));
	c->progress_ms = (uint32_t)flow->now_ms;
	c->active_s = flow->uptime_s; /* idle_timeout counts from here: until now the client waited for this reply */
	flow_set_out_state(flow, c, CLIENT_OUT_REPLIER);
	return true;
}

/* Writes the output of one client; but a paused EXEC is answered as a whole, when it is done. */
static void
pass_flush(struct bus *bus, const struct pass_ops *ops, struct client *c)
{
	struct flow *flow = &bus->flow;

	if (c == flow->executing)
		flow_set_out_state(flow, c, CLIENT_OUT_IDLE);
	else
		ops->flush(c);
	if (c->has_replays)
		replays_flushed(&bus->replays, c);
}

/* Writes and closes as long as the pass may. */
static void
pass_write(struct bus *bus, const struct pass_ops *ops)
{
	struct flow *flow = &bus->flow;
	uint64_t end = flow->work.done + WORK_OUTPUT, close_end = end + WORK_OUTPUT / 2;
	struct client *c;

	/* Closing, and then replies, have time of their own: there may always be receivers that are not written yet. */
	for (;;) {
		if (flow->work.done < end && (c = TAILQ_FIRST(&flow->receivers))) {
			flow->n_to_try -= flow->n_to_try > 0;
			pass_flush(bus, ops, c);
		} else if (!flow->is_wide && flow->work.done < close_end && (c = TAILQ_FIRST(&flow->dead))) {
			if (bus_leave_until(bus, c, close_end) &&
			    (c != flow->executing || bus_deliver_deferred(bus, close_end)))
				ops->close(c);
		} else if (!flow->is_wide && flow->work.done < close_end && (c = TAILQ_FIRST(&flow->leaving))) {
			if (bus_leave_until(bus, c, close_end))
				flow_set_state(flow, c, CLIENT_CLOSING, NULL);
		} else if (pass_wake_gated(flow)) {
			continue;
		} else if (flow->work.done < end + WORK_OUTPUT && (c = TAILQ_FIRST(&flow->repliers))) {
			pass_flush(bus, ops, c);
		} else if (flow->has_drained) {
			missed_report_drained(&bus->missed); /* seldom: it looks at all that have missed anything */
		} else {
			return;
		}
	}
}

/* All output that was queued when this was called last has been tried to be written. */
static void
pass_note_all_tried(struct flow *flow)
{
	struct client *c;

	flow->n_to_try = 0;
	TAILQ_FOREACH(c, &flow->receivers, out_link)
		flow->n_to_try++;
	flow->work.done += flow->n_to_try * WORK_VISIT;
	flow->bytes_at_begin = flow->chunks.bytes;
	/* A receiver that was clogged before the last call has been tried since. */
	if (flow->n_to_try > 0 && !flow->untried_is_old) {
		flow->untried_is_old = true;
		return;
	}
	flow->has_untried = flow->untried_is_old = false;
	while ((c = TAILQ_FIRST(&flow->untried))) {
		c->has_waited = true;
		flow_make_ready(flow, c);
	}
}

/* The client that has a wide turn next, with work.turn_end set for it; or NULL. */
static struct client *
pass_choose_wide(struct flow *flow)
{
	struct client *c;

	if (flow->executing)
		return flow->executing->in_list == &flow->wide_waiters ? flow->executing : NULL;
	for (int i = 0; i < WIDE_ASKED && (c = TAILQ_FIRST(&flow->wide_waiters)); i++) {
		if (flow_begin_turn(flow, c))
			return c;
		flow_wait(flow, c, &flow->wide_waiters); /* behind the others */
	}
	return NULL;
}

/*
 * Gives a client a wide turn, unless a wide batch is on its way. If its command has to search for matches longer than
 * a turn, the search is done in this and later passes, and then the client goes on.
 */
static void
pass_give_wide_turn(struct bus *bus, const struct pass_ops *ops)
{
	struct flow *flow = &bus->flow;
	uint64_t begin = flow->work.done;
	struct client *c = flow->wide;
	bool has_searched = c != NULL, is_found;

	if (batch_is_wide(&bus->batch))
		return;
	if (has_searched) {
		is_found = c->in_list != &flow->wide_waiters ||
		           routing_search(&bus->subscriptions.channels.routing, begin + 4 * flow->work.step);
		flow_end_turn(flow, c, begin);
		flow->wide_work += flow->work.done - begin;
		if (!is_found)
			return;
	} else {
		c = flow->wide = pass_choose_wide(flow);
		if (!c)
			return;
		flow_begin_wide(flow);
		flow->wide_work = 0;
	}
	if (c->in_list == &flow->wide_waiters) {
		flow_make_ready(flow, c);
		pass_resume_client(bus, ops, c);
	}
	if (!has_searched && c->in_list == &flow->wide_waiters)
		return;
	flow->wide = NULL;
	if (!batch_is_wide(&bus->batch))
		flow_end_wide(flow);
}

/* Delivers the open batch; if it is wide, a part of it, for which the publisher's user pays. */
static void
pass_deliver(struct bus *bus)
{
	uint64_t begin = bus->flow.work.done;
	bool is_wide = batch_is_wide(&bus->batch);

	batch_send(&bus->batch);
	if (!is_wide)
		return;
	batch_advance(&bus->batch, begin + 4 * bus->flow.work.step);
	bus->batch.payer->credit -= (int64_t)(bus->flow.work.done - begin);
}

void
pass_end(struct bus *bus, const struct pass_ops *ops)
{
	struct flow *flow = &bus->flow;

	bus_check_rules(bus);
	pass_give_wide_turn(bus, ops);
	pass_deliver(bus);
	replays_advance(bus);
	pass_write(bus, ops);
	if (flow->n_to_try == 0 || TAILQ_EMPTY(&flow->receivers))
		pass_note_all_tried(flow);
	if (flow->chunks.bytes <= flow->bytes_at_begin + FLOW_PASS_BYTES / 2)
		flow->work.share++;
	work_end_pass(&flow->work);
	services_end_pass(&bus->services);
}

bool
pass_has_work(const struct bus *bus)
{
	const struct flow *flow = &bus->flow;

	return flow->n_ready > 0 || !TAILQ_EMPTY(&flow->receivers) || !TAILQ_EMPTY(&flow->repliers) ||
	       !TAILQ_EMPTY(&flow->dead) || !TAILQ_EMPTY(&flow->leaving) || !TAILQ_EMPTY(&flow->untried) ||
	       !TAILQ_EMPTY(&flow->wide_waiters) || flow->is_wide || bus->is_checking_rules || replays_have_work(bus);
}
