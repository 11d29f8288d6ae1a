/* Tells when a socket file appears, by inotify(7), even where its directory does not exist yet. */
#pragma once

struct loop;
struct watch;

/* The file may have appeared: a hint to try, not a promise. */
typedef void watch_cb(void *arg);

/* Returns NULL where inotify fails; then the caller must try from time to time. */
struct watch *watch_new(struct loop *loop, const char *path, watch_cb *cb, void *arg);
void watch_free(struct watch *w);
