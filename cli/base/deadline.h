/*
 * A limit on how long something awaited may take. It runs while there is something to wait for and
 * starts anew with each progress; both cost no system call, so they may be told often.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event;
struct loop;

typedef void deadline_cb(void *arg);

struct deadline {
	struct event *timer;
	uint64_t limit; /* ms; 0: none */
	uint64_t since; /* loop_now() of the last progress */
	bool running;
	deadline_cb *cb;
	void *arg;
};

/* limit in ms; 0 means that it never ends. Starts stopped. */
void deadline_init(struct deadline *d, struct loop *loop, uint64_t limit, deadline_cb *cb, void *arg);
void deadline_deinit(struct deadline *d);

/* Starts it from now, or stops it; nothing changes where it already is so. */
void deadline_run(struct deadline *d, bool running);

/* What was waited for came: the limit counts from now. */
void deadline_progress(struct deadline *d);

/* The limit as people write it: "5s", "500ms". Always NUL-terminated. */
void deadline_format(const struct deadline *d, char *text, size_t size);
