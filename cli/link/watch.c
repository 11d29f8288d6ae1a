/*
 * Each directory on the way to the file has a watch, as far as they exist, which waits for the next component of the
 * path. So it does not matter which of them is made, removed, renamed or replaced: the event comes from the one above.
 * After each such event the watches are placed anew, from the top down, so that what appears meanwhile below a
 * directory brings an event of its own. The runtime directory of a service is removed and made again with each restart.
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

#define WATCH_EVENTS (IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR)

/* One directory, and the component of the path that is awaited in it. */
struct watch_level {
	int wd;           /* -1: cannot be watched */
	const char *name; /* within watch.path */
	size_t len;
};

struct watch {
	char *path;
	struct watch_level *levels; /* n of them are placed; there is room for all components */
	size_t n;
	int fd; /* of inotify; -1: stopped */
	struct loop *loop;
	struct event *event;
	watch_cb *cb;
	void *arg;
};

/* Watches the directory before the component at `name`. Returns the watch descriptor or -errno. */
static int
watch_add(const struct watch *w, const char *name)
{
	_cleanup_free_ char *directory = name == w->path ? strdup(".") : strndup(w->path, (size_t)(name - w->path));
	int wd;

	memory_check(directory ? 0 : -1);
	wd = inotify_add_watch(w->fd, directory, WATCH_EVENTS);
	return wd < 0 ? -errno : wd;
}

/* Places the watches as deep as directories exist. */
static void
watch_place(struct watch *w)
{
	int wd;

	while (w->n > 0)
		inotify_rm_watch(w->fd, w->levels[--w->n].wd);
	for (const char *p = w->path + strspn(w->path, "/"); *p; p += strspn(p, "/")) {
		wd = watch_add(w, p);
		if (wd == -ENOENT || wd == -ENOTDIR)
			break;
		w->levels[w->n++] = (struct watch_level){ wd < 0 ? -1 : wd, p, strcspn(p, "/") };
		p += strcspn(p, "/");
	}
}

static bool
watch_concerns(const struct watch *w, const struct inotify_event *e)
{
	if (e->mask & IN_Q_OVERFLOW)
		return true;
	for (size_t i = 0; i < w->n; i++)
		if (w->levels[i].wd == e->wd && e->len > 0 && strlen(e->name) == w->levels[i].len &&
		    memcmp(e->name, w->levels[i].name, w->levels[i].len) == 0)
			return true;
	return false;
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
		concerned = concerned || watch_concerns(w, e);
	}
	if (!concerned)
		return;
	watch_place(w);
	w->cb(w->arg);
}

struct watch *
watch_new(struct loop *loop, const char *path, watch_cb *cb, void *arg)
{
	struct watch *w = memory_alloc(sizeof(*w));

	*w = (struct watch){ .loop = loop, .fd = -1, .cb = cb, .arg = arg, .path = strdup(path) };
	memory_check(w->path ? 0 : -1);
	w->levels = memory_alloc((strlen(path) / 2 + 1) * sizeof(*w->levels));
	return w;
}

void
watch_free(struct watch *w)
{
	if (!w)
		return;
	watch_stop(w);
	free(w->levels);
	free(w->path);
	free(w);
}

void
watch_start(struct watch *w)
{
	if (w->fd >= 0 || (w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) < 0)
		return;
	w->event = event_new(loop_base(w->loop), w->fd, EV_READ | EV_PERSIST, watch_event_cb, w);
	memory_check(w->event ? 0 : -1);
	event_add(w->event, NULL);
	watch_place(w);
}

void
watch_stop(struct watch *w)
{
	if (w->fd < 0)
		return;
	event_free(w->event);
	close(w->fd);
	w->fd = -1;
	w->n = 0;
}
