/*
 * First all is handled that was read. Then one client after the other is drained: of those that only write, and cannot
 * know what was read, all that they have sent is read; those that were accepted last are read once. That may go on for
 * several passes, which keep the memory for output bounded. Only then are all closed, as many in each pass as it may,
 * since until then each may receive what another one has sent.
 */
#include "stop.h"

#include "conn.h"
#include "human.h"
#include "socket-state.h"
#include "log.h"
#include "pass.h"

void
stop_init(struct stop *stop, struct loop *loop)
{
	*stop = (struct stop){ .loop = loop };
}

void
stop_note_clients(struct stop *stop)
{
	if (!stop->loop->stopping)
		stop->last_id = loop_bus(stop->loop)->flow.last_id;
}

void
stop_begin(struct stop *stop, uint64_t timeout_ms)
{
	struct flow *flow = &loop_bus(stop->loop)->flow;
	struct client *c;

	flow_update_time(flow);
	stop->loop->stop_by_ms = flow->now_ms + timeout_ms;
	stop->loop->stopping = true;
	services_stop(&loop_bus(stop->loop)->services);
	TAILQ_FOREACH(c, &flow->clients, link)
		conn_pause(conn_of(c));
}

bool
stop_has_work(const struct stop *stop)
{
	return stop->loop->stopping && !stop->is_done;
}

/* The first client with a higher id, or NULL. */
static struct client *
stop_find_after(const struct stop *stop, uint64_t id)
{
	struct flow *flow = &loop_bus(stop->loop)->flow;
	struct client *c;

	TAILQ_FOREACH(c, &flow->clients, link) {
		flow->work.done += WORK_VISIT;
		if (c->id > id)
			break;
	}
	return c;
}

static void
stop_close_some(struct stop *stop)
{
	struct flow *flow = &loop_bus(stop->loop)->flow;
	struct client *c;

	for (c = stop_find_after(stop, stop->closed_id); c && !flow_is_pass_full(flow); c = TAILQ_NEXT(c, link)) {
		conn_stop(conn_of(c));
		stop->closed_id = c->id;
	}
	stop->is_done = !c;
}

void
stop_advance(struct stop *stop)
{
	struct client *c;
	struct bus *bus;

	if (!stop_has_work(stop))
		return;
	bus = loop_bus(stop->loop);
	if (stop->is_closing)
		stop_close_some(stop);
	if (stop->is_closing || pass_has_work(bus))
		return;
	for (c = stop_find_after(stop, stop->drained_id);
	     c && !flow_is_pass_full(&bus->flow) && !loop_is_over(stop->loop); c = TAILQ_NEXT(c, link)) {
		conn_drain(conn_of(c), c->id > stop->last_id || c->is_readable);
		stop->n_unread +=
		    conn_of(c)->origin->ops->drain && client_is_live(c) && socket_has_input(conn_fd(conn_of(c)));
		stop->drained_id = c->id;
	}
	if (c || pass_has_work(bus))
		return;
	batch_close(&bus->batch);
	stop->is_closing = true;
	stop_close_some(stop);
}

void
stop_log_rest(const struct stop *stop)
{
	struct flow *flow = &loop_bus(stop->loop)->flow;
	unsigned long long unsent = 0, unread = stop->n_unread;
	struct client *c;

	TAILQ_FOREACH(c, &flow->clients, link) {
		unsent += c->out.count > 0;
		if (c->id > stop->drained_id)
			unread += c->id > stop->last_id || conn_of(c)->origin->ops->drain;
		else
			unread += c->state == CLIENT_READY;
	}
	if (unsent > 0 || unread > 0)
		log_warning("stopping with output unsent to %llu client%s, and with input unread of %llu", unsent,
		            human_s(unsent), unread);
}
