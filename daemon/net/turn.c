/*
 * A turn lets libevent report once and then ends the pass. The tick runs only while there is something to look at, so
 * an idle daemon sleeps. A tick that comes late tells that the daemon did not run: it was stopped, or the machine was.
 */
#include "turn.h"

#include <malloc.h>
#include <time.h>

#include <event2/event.h>

#include "blocked.h"
#include "conn.h"
#include "input-quota.h"
#include "pass.h"
#include "replay-turns.h"
#include "services.h"
#include "streams.h"
#include "timeouts.h"
#include "wait-receivers.h"

/* How often slow receivers are looked at while there are some, in ms. */
#define TICK_MS 100
/* How often waiting clients are asked whether they are still there, and spare memory is given back. */
#define SWEEP_MS 1000
/* How late a tick has to be, in ms, until it counts as a pause of the daemon; a pass may take a part of that. */
#define PAUSE_MS 500

/* Free heap from which trimming is worth its cost, in bytes. */
#define TRIM_MIN ((size_t)1024 * 1024)
/* Pieces of memory in use up to which trimming takes a few milliseconds at most. */
#define TRIM_PIECES_MAX ((size_t)200 * 1000)

/* Size of the argument array that an idle loop may keep. */
#define ARGS_KEPT 1024

static uint64_t
turn_cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* About how many pieces of memory are in use. */
static size_t
turn_pieces(const struct bus *bus)
{
	return 2 * bus->subscriptions.table.n + bus->subscriptions.channels.table.n +
	       4 * (size_t)bus->flow.stats.clients;
}

/*
 * Whether it is worth to return free memory of the heap to the kernel, and not too costly: that walks all free pieces
 * of the heap, and there is at most one between any two that are in use.
 */
static bool
turn_should_trim(const struct bus *bus)
{
	return bus->flow.chunks.n_free == 0 && bus->flow.chunks.released >= TRIM_MIN &&
	       turn_pieces(bus) <= TRIM_PIECES_MAX;
}

/* In addition, it takes no more than a thousandth of the time. */
static void
turn_trim_heap(struct turn *turn)
{
	struct flow *flow = &loop_bus(turn->loop)->flow;
	uint64_t begin = turn_cpu_us();

	flow->chunks.released = 0;
	flow->work.done += turn_pieces(loop_bus(turn->loop)) * WORK_VISIT;
	malloc_trim(0);
	turn->trim_after_ms = flow->now_ms + (turn_cpu_us() - begin);
}

static void
turn_give_back_memory(struct turn *turn)
{
	struct bus *bus = loop_bus(turn->loop);

	/* A command with very many arguments has made room for them; the next one makes its own. */
	if (turn->loop->sessions.request.argv_cap > ARGS_KEPT)
		resp_request_deinit(&turn->loop->sessions.request);
	channels_forget_unnamed(&bus->subscriptions.channels);
	chunk_pool_trim(&bus->flow.chunks);
	if (turn_should_trim(bus) && bus->flow.now_ms >= turn->trim_after_ms)
		turn_trim_heap(turn);
}

static void
turn_deadline_cb(void *arg)
{
	struct turn *turn = arg;

	flow_update_time(&loop_bus(turn->loop)->flow);
	sessions_use_streams(loop_bus(turn->loop));
	if (turn->loop->sessions.streams)
		blocked_check(turn->loop->sessions.streams);
}

/* What waits for a time of day is looked at when the pass ends. */
static void
turn_clock_cb(void *arg)
{
	struct turn *turn = arg;

	flow_update_time(&loop_bus(turn->loop)->flow);
	sessions_use_streams(loop_bus(turn->loop));
}

static void
turn_tick_cb(evutil_socket_t fd __attribute__((unused)), short what __attribute__((unused)), void *arg)
{
	struct turn *turn = arg;
	struct bus *bus = loop_bus(turn->loop);

	turn->is_ticking = false;
	flow_update_time(&bus->flow);
	sessions_use_streams(bus);
	if (bus->flow.now_ms >= turn->tick_due_ms + PAUSE_MS)
		timeouts_forgive(bus, bus->flow.now_ms - turn->tick_due_ms);
	timeouts_check_slow(bus);
	if (turn->has_no_alarm && turn->loop->sessions.streams)
		blocked_check(turn->loop->sessions.streams);
	wait_receivers_expire(bus);
	if (bus->flow.now_ms - turn->last_sweep_ms < SWEEP_MS)
		return;
	turn->last_sweep_ms = bus->flow.now_ms;
	timeouts_check_gone(bus);
	timeouts_check_idle(bus);
	input_quota_close_stalled(bus);
	turn_give_back_memory(turn);
}

/* An idle daemon sleeps: the timer runs only while there is something to look at. */
static void
turn_update_tick(struct turn *turn)
{
	const struct flow *flow = &loop_bus(turn->loop)->flow;
	bool is_busy = !TAILQ_EMPTY(&flow->blocked) || !TAILQ_EMPTY(&flow->led_users) ||
	               (flow->n_waiting > 0 && timeouts_must_ask(loop_bus(turn->loop))) || turn->has_no_alarm ||
	               turn->loop->sessions.n_wait_receivers_until > 0 || flow->chunks.n_free > 0 ||
	               turn_should_trim(loop_bus(turn->loop)) ||
	               loop_bus(turn->loop)->subscriptions.channels.n_unnamed > 0 ||
	               turn->loop->sessions.request.argv_cap > ARGS_KEPT;
	uint64_t ms = is_busy ? TICK_MS : SWEEP_MS;
	struct timeval tv = { (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000) };

	if (turn->is_ticking || (!is_busy && (flow->limits.idle_timeout == 0 || TAILQ_EMPTY(&flow->clients))))
		return;
	turn->is_ticking = event_add(&turn->tick, &tv) == 0;
	turn->tick_due_ms = flow->now_ms + ms;
}

void
turn_init(struct turn *turn, struct loop *loop)
{
	*turn = (struct turn){ .loop = loop };
	stop_init(&turn->stop, loop);
	event_assign(&turn->tick, loop->base, -1, 0, turn_tick_cb, turn);
	alarm_init(&turn->deadline, loop->base, turn_deadline_cb, turn);
	clock_watch_init(&turn->clock, loop->base, turn_clock_cb, turn);
	loop->sessions.describe = conn_describe;
	loop->sessions.is_gone = conn_is_gone;
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
	alarm_deinit(&turn->deadline);
	clock_watch_deinit(&turn->clock);
}

/* Streams that may have been used, unless an EXEC is paused, which is durable as a whole or not at all. */
static struct streams *
turn_streams(const struct turn *turn)
{
	struct streams *streams = turn->loop->sessions.streams;

	return streams && streams->is_used && !loop_bus(turn->loop)->flow.executing ? streams : NULL;
}

static bool
turn_streams_have_work(const struct streams *streams)
{
	return streams_want_commit(streams) || streams_must_retain(streams) || streams_have_work(streams);
}

/* What is done from here on counts for the next pass. */
static void
turn_commit(struct streams *streams)
{
	streams->is_used = false;
	streams_commit(streams);
	streams->is_used = turn_streams_have_work(streams);
}

/* When services, streams or replays have something to do. streams: NULL: what is set for them holds. */
static uint64_t
turn_next_deadline(const struct turn *turn, const struct streams *streams)
{
	uint64_t next = services_next_deadline(&loop_bus(turn->loop)->services), other;

	if (streams) {
		other = streams_next_deadline(streams);
		next = other < next ? other : next;
	}
	if (turn->loop->sessions.streams) {
		other = replays_next_deadline(loop_bus(turn->loop));
		next = other < next ? other : next;
	}
	return next;
}

void
turn_end_pass(struct turn *turn)
{
	struct bus *bus = loop_bus(turn->loop);
	struct streams *streams;

	flow_update_time(&bus->flow);
	if ((streams = turn_streams(turn)))
		streams_advance(streams);
	pass_resume(bus, &conn_pass_ops);
	stop_advance(&turn->stop);
	if (services_must_advance(&bus->services) &&
	    !bus->flow.is_exclusive) /* what an ASK publishes must not come in between */
		services_advance(&bus->services);
	if ((streams = turn_streams(turn)))
		turn_commit(streams);
	pass_end(bus, &conn_pass_ops);
	sessions_end_pass(&turn->loop->sessions);
	turn->has_no_alarm = !alarm_set(&turn->deadline, turn_next_deadline(turn, streams));
	if (streams && streams_want_clock(streams) && !clock_watch_open(&turn->clock))
		turn->has_no_alarm = true;
	if (turn->has_no_alarm)
		sessions_use_streams(bus); /* tries again */
	turn_update_tick(turn);
}

void
turn_once(struct turn *turn)
{
	const struct streams *streams = turn_streams(turn);
	bool is_busy =
	    pass_has_work(loop_bus(turn->loop)) || stop_has_work(&turn->stop) ||
	    (services_have_work(&loop_bus(turn->loop)->services) && !loop_bus(turn->loop)->flow.is_exclusive) ||
	    (streams && turn_streams_have_work(streams));

	stop_note_clients(&turn->stop);
	event_base_loop(turn->loop->base, EVLOOP_ONCE | (is_busy ? EVLOOP_NONBLOCK : 0));
	turn_end_pass(turn);
}
