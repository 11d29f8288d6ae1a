#include "loop.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include <event2/event.h>

#include "evmem.h"
#include "log.h"
#include "pass.h"
#include "quota.h"

/* How often slow receivers are looked at while there are some, in ms. */
#define TICK_MS 100
/* How often waiting clients are asked whether they are still there, and spare memory is given back. */
#define SWEEP_MS 1000

/* So much must have been given back to the heap before it is worth to have it trimmed, in bytes. */
#define TRIM_MIN ((size_t)1024 * 1024)

/* Arguments there is room for in an idle loop. */
#define ARGS_KEPT 1024

static void tick_cb(evutil_socket_t fd, short what, void *arg);

/* libevent speaks through the log. */
static void
libevent_log_cb(int severity, const char *text)
{
	if (severity >= EVENT_LOG_WARN)
		log_warning("libevent: %s", text);
}

static struct event_base *
new_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base;

	if (!config)
		return NULL;
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

/* libevent has room for eight timers from the first one on: with that, adding one of ours cannot fail any more. */
static int
make_room_for_timers(struct loop *loop)
{
	struct timeval tv = { SWEEP_MS / 1000, 0 };

	if (event_add(&loop->tick, &tv) < 0)
		return -ENOMEM;
	event_del(&loop->tick);
	return 0;
}

int
loop_init(struct loop *loop, const struct limits *limits)
{
	int r;

	*loop = (struct loop){ 0 };
	evmem_init();
	event_set_log_callback(libevent_log_cb);
	/* Large payloads come and go: keep them on the heap, and the heap's top from being returned at each one. */
	mallopt(M_MMAP_THRESHOLD, 4 * 1024 * 1024);
	mallopt(M_TRIM_THRESHOLD, 8 * 1024 * 1024);
	loop->buffer = malloc(LOOP_BUFFER_SIZE);
	loop->base = new_base();
	r = loop->buffer && loop->base ? bus_init(&loop->bus, limits) : -ENOMEM;
	if (r == 0) {
		event_assign(&loop->tick, loop->base, -1, 0, tick_cb, loop);
		r = make_room_for_timers(loop);
		if (r < 0)
			bus_deinit(&loop->bus);
	}
	if (r < 0) {
		if (loop->base)
			event_base_free(loop->base);
		free(loop->buffer);
		return r;
	}
	loop->bus.describe = conn_describe;
	return 0;
}

void
loop_deinit(struct loop *loop)
{
	struct session *s;

	TAILQ_FOREACH(s, &loop->bus.sessions, link)
		session_kill(s, &loop->bus);
	pass_end(&loop->bus, &conn_pass_ops);
	event_del(&loop->tick);
	bus_deinit(&loop->bus);
	event_base_free(loop->base);
	free(loop->buffer);
}

/* Who has taken nothing for too long cannot hold up the others. */
static void
check_slow(struct loop *loop)
{
	struct bus *bus = &loop->bus;
	struct session *s;

	TAILQ_FOREACH(s, &bus->blocked, out_link) {
		int unread = conn_unread(conn_of(s));
		uint32_t since;

		if (unread < s->out.unread)
			s->progress_ms = (uint32_t)bus->now_ms;
		s->out.unread = unread;
		since = (uint32_t)bus->now_ms - s->progress_ms;
		if (bus->limits.slow_timeout == 0 || since < bus->limits.slow_timeout)
			continue;
		/* Replies alone hold up others as well: a receiver's publishers, and other clients of the user. */
		if (s->state == SESSION_DEAD || (s->state != SESSION_CLOSING && !outq_has_messages(&s->out) &&
		                                 !(s->clogged && (session_is_subscribed(s) || s->user->is_over))))
			continue;
		session_log(s, bus, LOG_LEVEL_WARNING, "took nothing for %u ms, disconnected with %zu bytes unsent",
		            since, s->out.bytes);
		bus->stats.slow_receivers++;
		s->is_slow = true;
		session_kill(s, bus);
	}
}

/* A client that waits is not read from, so its going away has to be asked for. */
static void
sweep_waiting(struct loop *loop)
{
	struct session *s;

	if (loop->bus.n_waiting == 0 && TAILQ_EMPTY(&loop->bus.blocked))
		return;
	TAILQ_FOREACH(s, &loop->bus.sessions, link)
		if (((s->state == SESSION_WAITING && !conn_of(s)->origin->ops->is_writer) ||
		     (s->state == SESSION_CLOSING && s->out_state == SESSION_OUT_GATED)) &&
		    conn_is_hung_up(conn_of(s)))
			session_kill(s, &loop->bus);
}

/* Who receives, watches or waits may be silent. */
static void
check_idle(struct loop *loop)
{
	struct bus *bus = &loop->bus;
	struct session *s;

	if (bus->limits.idle_timeout == 0)
		return;
	TAILQ_FOREACH(s, &bus->sessions, link) {
		/* The seconds are whole: it may have done something up to one later than they say. */
		if ((uint64_t)(bus->uptime_s - s->active_s) * 1000 < bus->limits.idle_timeout + 1000 ||
		    s->state != SESSION_OPEN || s->is_hidden || session_is_subscribed(s) || s->is_monitor ||
		    session_is_tap(s) || s->out.count > 0)
			continue;
		session_log(s, bus, LOG_LEVEL_INFO, "did nothing for %u s, disconnected",
		            bus->uptime_s - s->active_s - 1);
		session_kill(s, bus);
	}
}

/* Whether enough is free on the heap that it is worth to give it back to the kernel. */
static bool
is_trim_due(struct loop *loop)
{
	if (loop->bus.chunks.released >= TRIM_MIN)
		return true;
	if (!loop->may_trim)
		return false;
	loop->may_trim = false;
	return mallinfo2().fordblks >= TRIM_MIN;
}

static void
give_back_memory(struct loop *loop)
{
	struct bus *bus = &loop->bus;

	/* A command with very many arguments has made room for them; the next one makes its own. */
	if (bus->request.argv_cap > ARGS_KEPT)
		resp_request_deinit(&bus->request);
	router_forget_unnamed(bus);
	chunk_pool_trim(&bus->chunks);
	if (bus->chunks.n_free > 0 || !is_trim_due(loop))
		return;
	bus->chunks.released = 0;
	loop->may_trim = false;
	malloc_trim(0);
}

static void
tick_cb(evutil_socket_t fd __attribute__((unused)), short what __attribute__((unused)), void *arg)
{
	struct loop *loop = arg;

	loop->is_ticking = false;
	bus_update_time(&loop->bus);
	check_slow(loop);
	if (loop->bus.now_ms - loop->last_sweep_ms < SWEEP_MS)
		return;
	loop->last_sweep_ms = loop->bus.now_ms;
	sweep_waiting(loop);
	check_idle(loop);
	give_back_memory(loop);
}

/* An idle daemon sleeps: the timer runs only while there is something to look at. */
static void
update_tick(struct loop *loop)
{
	const struct bus *bus = &loop->bus;
	bool is_busy = !TAILQ_EMPTY(&bus->blocked) || bus->n_waiting > 0 || bus->chunks.n_free > 0 ||
	               bus->chunks.released >= TRIM_MIN || bus->router.n_unnamed > 0 ||
	               bus->request.argv_cap > ARGS_KEPT || loop->may_trim;
	uint64_t ms = is_busy ? TICK_MS : SWEEP_MS;
	struct timeval tv = { (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000) };

	if (loop->is_ticking || (!is_busy && (bus->limits.idle_timeout == 0 || TAILQ_EMPTY(&bus->sessions))))
		return;
	loop->is_ticking = event_add(&loop->tick, &tv) == 0;
}

void
loop_end_pass(struct loop *loop)
{
	bus_update_time(&loop->bus);
	pass_resume(&loop->bus, &conn_pass_ops);
	pass_end(&loop->bus, &conn_pass_ops);
	update_tick(loop);
}

/* Whether clients have commands that need no event to go on. */
static bool
has_work(const struct bus *bus)
{
	return !TAILQ_EMPTY(&bus->ready) || !TAILQ_EMPTY(&bus->postponed);
}

void
loop_turn(struct loop *loop)
{
	int flags = EVLOOP_ONCE | (has_work(&loop->bus) ? EVLOOP_NONBLOCK : 0);

	event_base_loop(loop->base, flags);
	loop_end_pass(loop);
}

void
loop_stop(struct loop *loop)
{
	struct session *s;

	/* What was read is finished first, while its receivers are still there. */
	while (has_work(&loop->bus)) {
		pass_resume(&loop->bus, &conn_pass_ops);
		pass_end(&loop->bus, &conn_pass_ops);
	}
	run_close(&loop->bus);
	TAILQ_FOREACH(s, &loop->bus.sessions, link)
		conn_drain(conn_of(s));
	run_close(&loop->bus);
	loop->stopping = true;
	TAILQ_FOREACH(s, &loop->bus.sessions, link)
		conn_stop(conn_of(s));
}

void
loop_conn_closed(struct loop *loop, const struct conn *conn)
{
	loop->may_trim = true;
	if (loop->on_conn_closed)
		loop->on_conn_closed(loop->on_conn_closed_arg, conn);
}

void
loop_add_timer(struct event *timer, uint64_t ms)
{
	struct timeval tv = { (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000) };

	event_add(timer, &tv);
}
