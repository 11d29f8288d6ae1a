/*
 * One event loop and what belongs to it: its connections, its bus and its read buffer. Each turn handles what
 * the kernel reported, then ends the pass (pass.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <event2/event_struct.h>

#include "bus.h"
#include "conn.h"

struct event_base;

#define LOOP_BUFFER_SIZE ((size_t)256 * 1024)

struct loop {
	struct event_base *base;
	uint8_t *buffer; /* what is read goes here, for all connections */
	struct bus bus;
	struct event tick; /* while something has to be looked at again by time */
	bool is_ticking;
	uint64_t last_sweep_ms;
	bool may_trim; /* clients have gone since memory was last given back */
	bool stopping; /* nothing more is read */
	/* Called when a connection has been closed. */
	void (*on_conn_closed)(void *arg, const struct conn *conn);
	void *on_conn_closed_arg;
};

/* Returns 0 or -errno. */
int loop_init(struct loop *loop, const struct limits *limits);

/* Closes what is still connected; the log says how much of its output is lost. */
void loop_deinit(struct loop *loop);

/* One turn; blocks until something happens. */
void loop_turn(struct loop *loop);

/* What a turn ends with; for what was done outside of one. */
void loop_end_pass(struct loop *loop);

/* Reads nothing more; connections are closed as they run out of output. */
void loop_stop(struct loop *loop);

/* Starts a timer that was assigned. */
void loop_add_timer(struct event *timer, uint64_t ms);

/* For conn. */
void loop_conn_closed(struct loop *loop, const struct conn *conn);
