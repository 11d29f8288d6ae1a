/*
 * The loop owns what all connections share: the event base, the read buffer and the sessions. It adjusts the heap and
 * libevent's memory at the start, so that adding a timer later cannot fail.
 */
#include "loop.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include <event2/event.h>

#include "evmem.h"
#include "log.h"
#include "service-replies.h"
#include "signals.h"

/* libevent speaks through the log. */
static void
loop_log_cb(int severity, const char *text)
{
	if (severity >= EVENT_LOG_WARN)
		log_warning("libevent: %s", text);
}

static struct event_base *
loop_new_base(void)
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

static void
loop_nothing_cb(evutil_socket_t fd __attribute__((unused)), short what __attribute__((unused)),
                void *arg __attribute__((unused)))
{
}

/* libevent has room for eight timers from the first one on: with that, adding one of ours cannot fail any more. */
static int
loop_make_room_for_timers(struct loop *loop)
{
	struct timeval tv = { 1, 0 };
	struct event event;

	event_assign(&event, loop->base, -1, 0, loop_nothing_cb, NULL);
	if (event_add(&event, &tv) < 0)
		return -ENOMEM;
	event_del(&event);
	return 0;
}

int
loop_init(struct loop *loop, const struct limits *limits, const struct command *table)
{
	int r;

	*loop = (struct loop){ 0 };
	evmem_init();
	event_set_log_callback(loop_log_cb);
	/* Large payloads come and go: keep them on the heap, and the heap's top from being returned at each one. */
	mallopt(M_MMAP_THRESHOLD, 4 * 1024 * 1024);
	mallopt(M_TRIM_THRESHOLD, 8 * 1024 * 1024);
	mallopt(M_ARENA_MAX, 1); /* the thread that reads a new configuration does not need a heap of its own */
	loop->buffer = malloc(LOOP_BUFFER_SIZE);
	loop->base = loop_new_base();
	r = loop->buffer && loop->base ? loop_make_room_for_timers(loop) : -ENOMEM;
	if (r == 0)
		r = sessions_init(&loop->sessions, limits, table);
	services_set_ops(&loop->sessions.bus.services, &service_replies);
	if (r < 0) {
		if (loop->base)
			event_base_free(loop->base);
		free(loop->buffer);
	}
	return r;
}

void
loop_deinit(struct loop *loop)
{
	sessions_deinit(&loop->sessions);
	event_base_free(loop->base);
	free(loop->buffer);
}

void
loop_add_timer(struct event *timer, uint64_t ms)
{
	struct timeval tv = { (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000) };

	event_add(timer, &tv);
}

bool
loop_is_over(struct loop *loop)
{
	struct flow *flow = &loop_bus(loop)->flow;

	if (signals_are_urgent())
		return true;
	if (!loop->stopping)
		return false;
	flow_update_time(flow);
	return flow->now_ms >= loop->stop_by_ms;
}
