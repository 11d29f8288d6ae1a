/*
 * One inotify descriptor watches all socket files. Events are read and discarded: the callback checks every file, which
 * also covers lost events.
 */
#include "filewatch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <event2/event.h>

#include "addr.h"
#include "log.h"

static void
filewatch_cb(evutil_socket_t fd, short what __attribute__((unused)), void *arg)
{
	struct filewatch *watch = arg;
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

	while (read(fd, events, sizeof(events)) > 0)
		;
	watch->on_change(watch->arg);
}

void
filewatch_init(struct filewatch *watch, struct event_base *base, void (*on_change)(void *arg), void *arg)
{
	*watch = (struct filewatch){ .on_change = on_change, .arg = arg };
	watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (watch->fd < 0) {
		log_warning("socket files are not watched: %s", strerror(errno));
		return;
	}
	event_assign(&watch->event, base, watch->fd, EV_READ | EV_PERSIST, filewatch_cb, watch);
	if (event_add(&watch->event, NULL) == 0)
		return;
	log_warning("socket files are not watched: out of memory");
	close(watch->fd);
	watch->fd = -1;
}

void
filewatch_deinit(struct filewatch *watch)
{
	if (watch->fd < 0)
		return;
	event_del(&watch->event);
	close(watch->fd);
}

int
filewatch_add(struct filewatch *watch, const char *path)
{
	char dir[ADDR_PATH_MAX + 1];
	char *slash;

	if (watch->fd < 0)
		return 0;
	/* Removing a name changes the link count, which counts as IN_ATTRIB. */
	if (inotify_add_watch(watch->fd, path, IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF) < 0)
		return -errno;
	/* A directory on its way may be renamed: the file is not where it was then, and hears nothing of it. */
	snprintf(dir, sizeof(dir), "%s", path);
	while ((slash = strrchr(dir, '/')) && slash > dir) {
		*slash = '\0';
		(void)inotify_add_watch(watch->fd, dir, IN_MOVE_SELF | IN_ONLYDIR);
	}
	return 0;
}
