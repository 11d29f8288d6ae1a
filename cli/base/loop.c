#include "loop.h"

#include <event2/event.h>
#include <stdlib.h>
#include <time.h>

#include "memory.h"
#include "say.h"
#include "signals.h"

static const int loop_signals[] = { SIGINT, SIGTERM };

#define N_SIGNALS (sizeof(loop_signals) / sizeof(loop_signals[0]))

struct loop {
	struct event_base *base;
	struct event *events[N_SIGNALS];
	struct event *say_event; /* standard error takes more */
	loop_signal_cb *signal_cb;
	void *arg;
	bool signalled;
	bool ending;
	int status;
};

static void
loop_signalled_cb(evutil_socket_t signo, short what, void *arg)
{
	struct loop *loop = arg;
	bool again = loop->signalled;

	(void)what;
	loop->signalled = true;
	if (signo == SIGINT)
		signals_note_interrupt();
	say_hurry();
	if (loop->signal_cb)
		loop->signal_cb(loop->arg, (int)signo, again);
	else
		loop_end(loop, 128 + (int)signo);
}

static void
loop_say_writable_cb(evutil_socket_t fd, short what, void *arg)
{
	struct loop *loop = arg;

	(void)fd;
	(void)what;
	if (!say_flush())
		event_add(loop->say_event, NULL);
}

static void
loop_say_waits_cb(void *arg)
{
	struct loop *loop = arg;

	event_add(loop->say_event, NULL);
}

struct loop *
loop_new(loop_signal_cb *cb, void *arg)
{
	struct loop *loop = memory_alloc(sizeof(*loop));
	struct event_config *config = event_config_new();

	if (!config || event_config_require_features(config, EV_FEATURE_FDS) != 0 ||
	    !(loop->base = event_base_new_with_config(config))) {
		say("cannot create an event loop");
		abort();
	}
	event_config_free(config);
	loop->signal_cb = cb;
	loop->arg = arg;
	for (size_t i = 0; i < N_SIGNALS; i++) {
		loop->events[i] = evsignal_new(loop->base, loop_signals[i], loop_signalled_cb, loop);
		memory_check(loop->events[i] ? 0 : -1);
		if (!signals_was_ignored(loop_signals[i]))
			evsignal_add(loop->events[i], NULL);
	}
	loop->say_event = event_new(loop->base, say_fd(), EV_WRITE, loop_say_writable_cb, loop);
	memory_check(loop->say_event ? 0 : -1);
	say_on_wait(loop_say_waits_cb, loop);
	return loop;
}

void
loop_free(struct loop *loop)
{
	if (!loop)
		return;
	/* A signal that came since the loop ended is not lost. */
	loop->signal_cb = NULL;
	event_base_loop(loop->base, EVLOOP_NONBLOCK);
	for (size_t i = 0; i < N_SIGNALS; i++)
		event_free(loop->events[i]);
	say_on_wait(NULL, NULL);
	event_free(loop->say_event);
	event_base_free(loop->base);
	free(loop);
}

struct event_base *
loop_base(const struct loop *loop)
{
	return loop->base;
}

int
loop_run(struct loop *loop)
{
	/* event_base_dispatch() forgets a loopbreak that came before it. */
	if (!loop->ending)
		event_base_dispatch(loop->base);
	return loop->status;
}

void
loop_end(struct loop *loop, int status)
{
	if (loop->ending)
		return;
	loop->ending = true;
	loop->status = status;
	event_base_loopbreak(loop->base);
}

bool
loop_is_ending(const struct loop *loop)
{
	return loop->ending;
}

uint64_t
loop_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t
loop_now(void)
{
	return loop_now_ns() / 1000000;
}
