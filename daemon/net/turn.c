/*
 * A turn lets libevent report once and then ends the pass. The tick looks at what no event reports: receivers that read
 * nothing, waiting clients that have gone, idle clients, spare memory. It runs only while there is something to look
 * at, so an idle daemon sleeps.
 */
#include "turn.h"

#include <malloc.h>

#include <event2/event.h>

#include "conn.h"
#include "lifetime.h"
#include "pass.h"

/* How often slow receivers are looked at while there are some, in ms. */
#define TICK_MS 100
/* How often waiting clients are asked whether they are still there, and spare memory is given back. */
#define SWEEP_MS 1000

/* Free heap from which trimming is worth its cost, in bytes. */
#define TRIM_MIN ((size_t)1024 * 1024)

/* Size of the argument array that an idle loop may keep. */
#define ARGS_KEPT 1024

/* Disconnects clients that have read nothing for slow_timeout. */
static void
turn_check_slow(struct bus *bus)
{
	struct flow *flow = &bus->flow;
	struct client *c;

	TAILQ_FOREACH(c, &flow->blocked, out_link) {
		int unread = conn_unread(conn_of(c));
		uint32_t since;

		if (unread < c->out.unread)
			c->progress_ms = (uint32_t)flow->now_ms;
		c->out.unread = unread;
		since = (uint32_t)flow->now_ms - c->progress_ms;
		if (flow->limits.slow_timeout == 0 || since < flow->limits.slow_timeout)
			continue;
		/* Replies alone hold up others as well: a receiver's publishers, and other clients of the user. */
		if (c->state == CLIENT_DEAD || (c->state != CLIENT_CLOSING && !outq_has_messages(&c->out) &&
		                                !(c->clogged && (client_is_subscribed(c) || c->user->is_over))))
			continue;
		flow_log(flow, c, LOG_LEVEL_WARNING, "took nothing for %u ms, disconnected with %zu bytes unsent",
		         since, c->out.bytes);
		flow->stats.slow_receivers++;
		c->is_slow = true;
		bus_kill(bus, c);
	}
}

/* Disconnects waiting clients that have gone: their sockets are not read, so no event reports it. */
static void
turn_sweep_waiting(struct bus *bus)
{
	struct client *c;

	if (bus->flow.n_waiting == 0 && TAILQ_EMPTY(&bus->flow.blocked))
		return;
	TAILQ_FOREACH(c, &bus->flow.clients, link)
		if (((c->state == CLIENT_WAITING && !conn_of(c)->origin->ops->is_writer) ||
		     (c->state == CLIENT_CLOSING && c->out_state == CLIENT_OUT_GATED)) &&
		    conn_is_hung_up(conn_of(c)))
			bus_kill(bus, c);
}

/* Disconnects idle clients. Subscribers, monitors and waiting clients may be silent. */
static void
turn_check_idle(struct bus *bus)
{
	struct flow *flow = &bus->flow;
	struct client *c;

	if (flow->limits.idle_timeout == 0)
		return;
	TAILQ_FOREACH(c, &flow->clients, link) {
		/* The seconds are whole: it may have done something up to one later than they say. */
		if ((uint64_t)(flow->uptime_s - c->active_s) * 1000 < flow->limits.idle_timeout + 1000 ||
		    c->state != CLIENT_OPEN || c->is_hidden || client_is_subscribed(c) || session_of(c)->is_monitor ||
		    c->is_tap || c->out.count > 0)
			continue;
		flow_log(flow, c, LOG_LEVEL_INFO, "did nothing for %u s, disconnected",
		         flow->uptime_s - c->active_s - 1);
		bus_kill(bus, c);
	}
}

/* Whether enough is free on the heap that it is worth to give it back to the kernel. */
static bool
turn_is_trim_due(struct loop *loop)
{
	if (loop_bus(loop)->flow.chunks.released >= TRIM_MIN)
		return true;
	if (!loop->may_trim)
		return false;
	loop->may_trim = false;
	return mallinfo2().fordblks >= TRIM_MIN;
}

static void
turn_give_back_memory(struct loop *loop)
{
	struct bus *bus = loop_bus(loop);

	/* A command with very many arguments has made room for them; the next one makes its own. */
	if (loop->sessions.request.argv_cap > ARGS_KEPT)
		resp_request_deinit(&loop->sessions.request);
	channels_forget_unnamed(&bus->router.channels);
	chunk_pool_trim(&bus->flow.chunks);
	if (bus->flow.chunks.n_free > 0 || !turn_is_trim_due(loop))
		return;
	bus->flow.chunks.released = 0;
	loop->may_trim = false;
	malloc_trim(0);
}

static void
tick_cb(evutil_socket_t fd __attribute__((unused)), short what __attribute__((unused)), void *arg)
{
	struct turn *turn = arg;
	struct bus *bus = loop_bus(turn->loop);

	turn->is_ticking = false;
	flow_update_time(&bus->flow);
	turn_check_slow(bus);
	if (bus->flow.now_ms - turn->last_sweep_ms < SWEEP_MS)
		return;
	turn->last_sweep_ms = bus->flow.now_ms;
	turn_sweep_waiting(bus);
	turn_check_idle(bus);
	session_close_stalled(bus);
	turn_give_back_memory(turn->loop);
}

/* An idle daemon sleeps: the timer runs only while there is something to look at. */
static void
turn_update_tick(struct turn *turn)
{
	const struct flow *flow = &loop_bus(turn->loop)->flow;
	bool is_busy = !TAILQ_EMPTY(&flow->blocked) || !TAILQ_EMPTY(&flow->led_users) || flow->n_waiting > 0 ||
	               flow->chunks.n_free > 0 || flow->chunks.released >= TRIM_MIN ||
	               loop_bus(turn->loop)->router.channels.n_unnamed > 0 ||
	               turn->loop->sessions.request.argv_cap > ARGS_KEPT || turn->loop->may_trim;
	uint64_t ms = is_busy ? TICK_MS : SWEEP_MS;
	struct timeval tv = { (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000) };

	if (turn->is_ticking || (!is_busy && (flow->limits.idle_timeout == 0 || TAILQ_EMPTY(&flow->clients))))
		return;
	turn->is_ticking = event_add(&turn->tick, &tv) == 0;
}

void
turn_init(struct turn *turn, struct loop *loop)
{
	*turn = (struct turn){ .loop = loop };
	event_assign(&turn->tick, loop->base, -1, 0, tick_cb, turn);
	loop->sessions.describe = conn_describe;
}

void
turn_deinit(struct turn *turn)
{
	struct bus *bus = loop_bus(turn->loop);
	struct client *c;

	TAILQ_FOREACH(c, &bus->flow.clients, link)
		bus_kill(bus, c);
	while (!TAILQ_EMPTY(&bus->flow.clients))
		pass_end(bus, &conn_pass_ops);
	event_del(&turn->tick);
}

void
turn_end_pass(struct turn *turn)
{
	struct bus *bus = loop_bus(turn->loop);

	flow_update_time(&bus->flow);
	pass_resume(bus, &conn_pass_ops);
	pass_end(bus, &conn_pass_ops);
	turn_update_tick(turn);
}

void
turn_once(struct turn *turn)
{
	int flags = EVLOOP_ONCE | (pass_has_work(loop_bus(turn->loop)) ? EVLOOP_NONBLOCK : 0);

	event_base_loop(turn->loop->base, flags);
	turn_end_pass(turn);
}

void
turn_stop(struct turn *turn)
{
	struct bus *bus = loop_bus(turn->loop);
	struct client *c;

	/* What was read is finished first, while its receivers are still there. */
	while (pass_has_work(bus)) {
		pass_resume(bus, &conn_pass_ops);
		pass_end(bus, &conn_pass_ops);
	}
	run_close(&bus->run);
	TAILQ_FOREACH(c, &bus->flow.clients, link)
		conn_drain(conn_of(c));
	run_close(&bus->run);
	turn->loop->stopping = true;
	TAILQ_FOREACH(c, &bus->flow.clients, link)
		conn_stop(conn_of(c));
}
