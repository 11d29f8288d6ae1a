/*
 * One inotify watch is set at a time: on the directory that holds the name, or on its nearest ancestor,
 * waiting for the next component. The watch moves down as directories are made, and up as they go: the
 * run-time directory of a service is removed and made again with each restart.
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
/* How often directories may come and go beneath one placing of the watch. */
#define PLACE_TRIES 8

struct watch {
	char *path;
	const char *name; /* within path: the component waited for */
	size_t name_len;
	int fd, wd;
	struct event *event;
	watch_cb *cb;
	void *arg;
};

/* The bytes before the slash that ends the directory of name; "" stands for the root. */
static int
add_watch(struct watch *w, const char *name)
{
	_cleanup_free_ char *dir = NULL;

	if (name == w->path)
		dir = strdup(".");
	else
		dir = strndup(w->path, name - w->path > 1 ? (size_t)(name - w->path) - 1 : 1);
	memory_check(dir ? 0 : -1);
	return inotify_add_watch(w->fd, dir, NAME_EVENTS | SELF_EVENTS | IN_ONLYDIR);
}

/* The component before the one at name; NULL where name is the first. */
static const char *
parent_name(const struct watch *w, const char *name)
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

static bool
has_directory(const struct watch *w)
{
	_cleanup_free_ char *dir = strndup(w->path, (size_t)(w->name - w->path) + w->name_len);

	memory_check(dir ? 0 : -1);
	return access(dir, F_OK) == 0;
}

static bool
is_last(const struct watch *w)
{
	return w->name[w->name_len] == '\0';
}

/* Places the watch as deep as directories exist. */
static void
place(struct watch *w)
{
	const char *name;
	int wd;

	for (int i = 0; i < PLACE_TRIES; i++) {
		name = strrchr(w->path, '/') ? strrchr(w->path, '/') + 1 : w->path;
		while ((wd = add_watch(w, name)) < 0 && (name = parent_name(w, name)))
			;
		if (w->wd >= 0 && w->wd != wd)
			inotify_rm_watch(w->fd, w->wd);
		w->wd = wd;
		if (wd < 0)
			return;
		w->name = name;
		w->name_len = strcspn(name, "/");
		if (is_last(w) || !has_directory(w))
			return;
	}
}

static bool
concerns(const struct watch *w, const struct inotify_event *e)
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
event_cb(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	const struct inotify_event *e;
	bool concerned = false;
	ssize_t n = read(fd, events, sizeof(events));

	(void)what;
	for (ssize_t at = 0; at < n; at += (ssize_t)(sizeof(*e) + e->len)) {
		e = (const struct inotify_event *)(events + at);
		if (!concerns(w, e))
			continue;
		concerned = true;
		if (e->mask & IN_IGNORED && e->wd == w->wd)
			w->wd = -1;
	}
	if (!concerned)
		return;
	place(w);
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
	w->event = event_new(loop_base(loop), fd, EV_READ | EV_PERSIST, event_cb, w);
	memory_check(w->path && w->event ? 0 : -1);
	event_add(w->event, NULL);
	place(w);
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
