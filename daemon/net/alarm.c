#include "alarm.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <event2/event.h>

static void
alarm_cb(evutil_socket_t fd, short what __attribute__((unused)), void *arg)
{
	struct alarm *alarm = arg;
	uint64_t n;

	if (read(fd, &n, sizeof(n)) == sizeof(n))
		alarm->due_us = UINT64_MAX;
	alarm->callback(alarm->arg);
}

void
alarm_init(struct alarm *alarm, struct event_base *base, void (*callback)(void *arg), void *arg)
{
	*alarm = (struct alarm){ .base = base, .fd = -1, .due_us = UINT64_MAX, .callback = callback, .arg = arg };
}

void
alarm_deinit(struct alarm *alarm)
{
	if (alarm->fd < 0)
		return;
	event_del(&alarm->event);
	close(alarm->fd);
	alarm->fd = -1;
}

/* Returns whether there is a timer to set. */
static bool
alarm_open(struct alarm *alarm)
{
	if (alarm->fd >= 0)
		return true;
	alarm->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (alarm->fd < 0)
		return false;
	event_assign(&alarm->event, alarm->base, alarm->fd, EV_READ | EV_PERSIST, alarm_cb, alarm);
	if (event_add(&alarm->event, NULL) == 0)
		return true;
	close(alarm->fd);
	alarm->fd = -1;
	return false;
}

bool
alarm_set(struct alarm *alarm, uint64_t due_us)
{
	struct itimerspec spec = { .it_value = { (time_t)(due_us / 1000000), (long)(due_us % 1000000 * 1000) } };

	if (due_us >= alarm->due_us)
		return true;
	if (!alarm_open(alarm) || timerfd_settime(alarm->fd, TFD_TIMER_ABSTIME, &spec, NULL) < 0)
		return false;
	alarm->due_us = due_us;
	return true;
}
