/*
 * There is one inotify watch at a time: on the directory of the name, or, while that does not exist, on the nearest
 * ancestor that does; there it waits for the next component of the path. The watch moves down as directories are made,
 * and up as they go: the runtime directory of a service is removed and made again with each restart. A directory may
 * come or go while the watch is being placed, so it is placed again until nothing has changed in between.
 */
#include "watch.h"

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "cleanup.h"
#include "loop.h"
#include "memory.h"

#define NAME_EVENTS (IN_CREATE | IN_MOVED_TO)
#define SELF_EVENTS (IN_DELETE_SELF | IN_MOVE_SELF)
/* How often to place the watch again while directories come and go; then retries must do. */
#define PLACE_TRIES 8

struct watch {
	char *path;
	const char *name; /* within path: the component that is awaited */
	size_t name_len;
	int fd, wd;
	struct event *event;
	watch_cb *cb;
	void *arg;
};

/* Watches the directory that holds the component at `name`. Returns the watch descriptor, or -1 and sets errno. */
static int
watch_add(struct watch *w, const char *name)
{
	_cleanup_free_ char *dir = NULL;

	if (name == w->path)
		dir = strdup(".");
	else
		dir = strndup(w->path, name - w->path > 1 ? (size_t)(name - w->path) - 1 : 1);
	memory_check(dir ? 0 : -1);
	return inotify_add_watch(w->fd, dir, NAME_EVENTS | SELF_EVENTS | IN_ONLYDIR);
}

/* The component before the one at `name`; NULL where that is the first. */
static const char *
watch_parent(const struct watch *w, const char *name)
{
	const char *p = name;

	while (p > w->path && p[-1] == '/')
		p--;
	if (p == w->path)
		return NULL;
	while (p > w->path && p[-1] != '/')
		p--;
	return p;
}

/* Whether the awaited component exists already. */
static bool
watch_name_exists(const struct watch *w)
{
	_cleanup_free_ char *path = strndup(w->path, (size_t)(w->name - w->path) + w->name_len);

	memory_check(path ? 0 : -1);
	return access(path, F_OK) == 0;
}

/* Places the watch as deep as directories exist. */
static void
watch_place(struct watch *w)
{
	const char *name;
	int wd;

	for (int i = 0; i < PLACE_TRIES; i++) {
		name = strrchr(w->path, '/') ? strrchr(w->path, '/') + 1 : w->path;
		while ((wd = watch_add(w, name)) < 0 && (name = watch_parent(w, name)))
			;
		if (w->wd >= 0 && w->wd != wd)
			inotify_rm_watch(w->fd, w->wd);
		w->wd = wd;
		if (wd < 0)
			return;
		w->name = name;
		w->name_len = strcspn(name, "/");
		if (w->name[w->name_len] == '\0' || !watch_name_exists(w))
			return;
	}
}

static bool
watch_concerns(const struct watch *w, const struct inotify_event *e)
{
	if (e->mask & IN_Q_OVERFLOW)
		return true;
	if (e->wd != w->wd)
		return false;
	if (e->mask & (SELF_EVENTS | IN_IGNORED))
		return true;
	return e->len > 0 && strlen(e->name) == w->name_len && memcmp(e->name, w->name, w->name_len) == 0;
}

static void
watch_event_cb(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	const struct inotify_event *e;
	bool concerned = false;
	ssize_t n = read(fd, events, sizeof(events));

	(void)what;
	for (ssize_t at = 0; at < n; at += (ssize_t)(sizeof(*e) + e->len)) {
		e = (const struct inotify_event *)(events + at);
		if (!watch_concerns(w, e))
			continue;
		concerned = true;
		if (e->mask & IN_IGNORED && e->wd == w->wd)
			w->wd = -1;
	}
	if (!concerned)
		return;
	watch_place(w);
	w->cb(w->arg);
}

struct watch *
watch_new(struct loop *loop, const char *path, watch_cb *cb, void *arg)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	struct watch *w;

	if (fd < 0)
		return NULL;
	w = memory_alloc(sizeof(*w));
	w->fd = fd;
	w->wd = -1;
	w->cb = cb;
	w->arg = arg;
	w->path = strdup(path);
	w->event = event_new(loop_base(loop), fd, EV_READ | EV_PERSIST, watch_event_cb, w);
	memory_check(w->path && w->event ? 0 : -1);
	event_add(w->event, NULL);
	watch_place(w);
	return w;
}

void
watch_free(struct watch *w)
{
	if (!w)
		return;
	event_free(w->event);
	close(w->fd);
	free(w->path);
	free(w);
}
