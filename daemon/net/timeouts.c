/*
 * Clients that get no event are found by looking at all of them. Those that have to go are only marked dead: the end of
 * the pass closes as many as it may, since ending the subscriptions of all in one go could take long.
 */
#include "timeouts.h"

#include "bus.h"
#include "conn.h"
#include "human.h"
#include "socket-state.h"
#include "streams-data.h"

/* Whether publishers wait while the client is clogged, as far as that is known without matching its patterns. */
static bool
timeouts_is_waited_for(struct flow *flow, const struct client *c)
{
	const struct subscription *sub;

	LIST_FOREACH(sub, &c->subscriptions, link) {
		flow->work.done += 2 * WORK_VISIT;
		if (sub->kind == SUBSCRIPTION_PATTERN && !TAILQ_EMPTY(&flow->throttled))
			return true;
		if (sub->kind != SUBSCRIPTION_PATTERN && sub->channel->slow == SLOW_WAIT &&
		    !protocol_is_reserved(channel_name(sub->channel)) && !replay_find(c, sub->channel, NULL))
			return true;
	}
	return false;
}

/*
 * Whether it holds up nobody that the client reads nothing: what it has no room for it gets from the store, and no
 * publisher waits for it.
 */
static bool
timeouts_may_take_time(struct flow *flow, struct client *c)
{
	if (!c->has_replays || c->state != CLIENT_OPEN || c->user->is_over)
		return false;
	flow->work.done += c->out.count * WORK_VISIT;
	return !outq_holds_barrier(&c->out) && !timeouts_is_waited_for(flow, c);
}

void
timeouts_check_slow(struct bus *bus)
{
	struct flow *flow = &bus->flow;
	struct client *c;

	TAILQ_FOREACH(c, &flow->blocked, out_link) {
		int unread = socket_unread(conn_fd(conn_of(c)));
		uint32_t since;

		flow->work.done += WORK_SYSCALL / 2;
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
		if (timeouts_may_take_time(flow, c)) {
			c->progress_ms = (uint32_t)flow->now_ms; /* it is asked again after slow_timeout */
			continue;
		}
		flow_log(flow, c, LOG_LEVEL_WARNING, "took nothing for %u ms, disconnected with %zu byte%s unsent",
		         since, c->out.bytes, human_s(c->out.bytes));
		flow->stats.slow_receivers++;
		c->is_slow = true;
		flow_mark_dead(flow, c);
	}
}

/* Whether its socket reports by itself that the peer has gone (conn.c). */
static bool
timeouts_is_watched(const struct client *c)
{
	const struct session_info *info = session_of_const(c)->info;

	return info && info->blocked;
}

bool
timeouts_must_ask(const struct bus *bus)
{
	const struct streams *streams = sessions_of_const(bus)->streams;

	return bus->flow.n_waiting > (streams ? streams->n_blocked : 0);
}

void
timeouts_check_gone(struct bus *bus)
{
	struct client *c;

	if (!timeouts_must_ask(bus) && TAILQ_EMPTY(&bus->flow.blocked))
		return;
	bus->flow.work.done += bus->flow.stats.clients * WORK_VISIT + bus->flow.n_waiting * WORK_SYSCALL / 2;
	TAILQ_FOREACH(c, &bus->flow.clients, link)
		if (c->state == CLIENT_WAITING && !conn_of(c)->origin->ops->is_writer && !timeouts_is_watched(c) &&
		    socket_has_hung_up(conn_fd(conn_of(c)), false))
			flow_mark_dead(&bus->flow, c);
}

void
timeouts_check_idle(struct bus *bus)
{
	struct flow *flow = &bus->flow;
	struct client *c;

	if (flow->limits.idle_timeout == 0)
		return;
	flow->work.done += flow->stats.clients * WORK_VISIT;
	TAILQ_FOREACH(c, &flow->clients, link) {
		/* The seconds are whole: it may have done something up to one later than they say. */
		if ((uint64_t)(flow->uptime_s - c->active_s) * 1000 < flow->limits.idle_timeout + 1000 ||
		    c->state != CLIENT_OPEN || c->is_hidden || client_is_subscribed(c) || session_of(c)->is_monitor ||
		    c->is_tap || c->out.count > 0)
			continue;
		flow_log(flow, c, LOG_LEVEL_INFO, "did nothing for %u s, disconnected",
		         flow->uptime_s - c->active_s - 1);
		flow_mark_dead(flow, c);
	}
}

void
timeouts_forgive(struct bus *bus, uint64_t ms)
{
	struct flow *flow = &bus->flow;
	uint32_t now = (uint32_t)flow->now_ms, s = (uint32_t)((ms + 999) / 1000);
	struct client *c;

	flow->work.done += flow->stats.clients * WORK_VISIT;
	/* Some have done something since the daemon runs again. */
	TAILQ_FOREACH(c, &flow->clients, link) {
		c->progress_ms = now - c->progress_ms > ms ? c->progress_ms + (uint32_t)ms : now;
		c->active_s = flow->uptime_s - c->active_s > s ? c->active_s + s : flow->uptime_s;
	}
}
