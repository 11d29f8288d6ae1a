/*
 * Tells when the name of a socket file appears, by inotify(7) on its directory; while that does not
 * exist, on the nearest directory above it that does.
 */
#pragma once

struct loop;
struct watch;

/* The name has appeared, or may have: a hint to try, not a promise. */
typedef void watch_cb(void *arg);

/* Returns NULL where there is no inotify: then nobody is told, and trying from time to time must do. */
struct watch *watch_new(struct loop *loop, const char *path, watch_cb *cb, void *arg);
void watch_free(struct watch *w);
