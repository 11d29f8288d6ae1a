/*
 * One inotify descriptor watches all socket files. Events are read and discarded: the callback checks every file, which
 * also covers lost events.
 */
#include "guard.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <event2/event.h>

#include "log.h"

static void
changed_cb(evutil_socket_t fd, short what __attribute__((unused)), void *arg)
{
	struct guard *guard = arg;
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

	while (read(fd, events, sizeof(events)) > 0)
		;
	guard->on_change(guard->arg);
}

void
guard_init(struct guard *guard, struct event_base *base, void (*on_change)(void *arg), void *arg)
{
	*guard = (struct guard){ .on_change = on_change, .arg = arg };
	guard->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (guard->fd < 0) {
		log_warning("socket files are not watched: %s", strerror(errno));
		return;
	}
	event_assign(&guard->event, base, guard->fd, EV_READ | EV_PERSIST, changed_cb, guard);
	if (event_add(&guard->event, NULL) == 0)
		return;
	log_warning("socket files are not watched: out of memory");
	close(guard->fd);
	guard->fd = -1;
}

void
guard_deinit(struct guard *guard)
{
	if (guard->fd < 0)
		return;
	event_del(&guard->event);
	close(guard->fd);
}

int
guard_watch(struct guard *guard, const char *path)
{
	/* Taking away one of its names is a change of the file's attributes. */
	if (guard->fd >= 0 && inotify_add_watch(guard->fd, path, IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF) < 0)
		return -errno;
	return 0;
}
