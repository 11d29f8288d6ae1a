/* A timer of the loop that fires once after it is set. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct event;
struct loop;

typedef void timer_cb(void *arg);

struct timer {
	struct event *event; /* NULL: not initialised */
	timer_cb *cb;
	void *arg;
};

void timer_init(struct timer *t, struct loop *loop, timer_cb *cb, void *arg);

/* Takes a zeroed struct, too. */
void timer_deinit(struct timer *t);

/* Fires in so many ms, or microseconds, from now; replaces the time that was set before. */
void timer_set(struct timer *t, uint64_t ms);
void timer_set_us(struct timer *t, uint64_t us);

/* It does not fire any more until it is set again. */
void timer_stop(struct timer *t);

/* Whether it is going to fire. */
bool timer_is_set(const struct timer *t);
