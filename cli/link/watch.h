/* Tells when a socket file appears, by inotify(7), even where its directories do not exist yet. */
#pragma once

struct loop;
struct watch;

/* The file may have appeared: a hint to try, not a promise. */
typedef void watch_cb(void *arg);

/* Where inotify fails nothing is ever reported: the caller must try from time to time anyway. */
struct watch *watch_new(struct loop *loop, const char *path, watch_cb *cb, void *arg);
void watch_free(struct watch *w);

/* Watches from now on; no-op where it does. What appeared before is not reported: look once afterwards. */
void watch_start(struct watch *w);

/* No callback comes until watch_start(). */
void watch_stop(struct watch *w);
