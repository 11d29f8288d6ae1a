/* The kernel cancels a timer of the real-time clock when that is set, which is all that this timer is for. */
#include "clock-watch.h"

#include <stdint.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <event2/event.h>

/* A time that never comes. */
#define NEVER_S ((time_t)INT32_MAX * 4)

static bool
clock_watch_arm(const struct clock_watch *watch)
{
	const struct itimerspec never = { .it_value = { .tv_sec = NEVER_S } };

	return timerfd_settime(watch->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) == 0;
}

static void
clock_watch_cb(evutil_socket_t fd, short what __attribute__((unused)), void *arg)
{
	struct clock_watch *watch = arg;
	uint64_t n;

	/* It fails with ECANCELED. */
	(void)!read(fd, &n, sizeof(n));
	clock_watch_arm(watch);
	watch->callback(watch->arg);
}

void
clock_watch_init(struct clock_watch *watch, struct event_base *base, void (*callback)(void *arg), void *arg)
{
	*watch = (struct clock_watch){ .base = base, .fd = -1, .callback = callback, .arg = arg };
}

void
clock_watch_deinit(struct clock_watch *watch)
{
	if (watch->fd < 0)
		return;
	event_del(&watch->event);
	close(watch->fd);
	watch->fd = -1;
}

bool
clock_watch_open(struct clock_watch *watch)
{
	if (watch->fd >= 0)
		return true;
	watch->fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (watch->fd < 0)
		return false;
	event_assign(&watch->event, watch->base, watch->fd, EV_READ | EV_PERSIST, clock_watch_cb, watch);
	if (clock_watch_arm(watch) && event_add(&watch->event, NULL) == 0)
		return true;
	close(watch->fd);
	watch->fd = -1;
	return false;
}
