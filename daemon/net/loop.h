/*
 * One event loop, its sessions and its read buffer; turn.h lets it turn.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <event2/event_struct.h>

#include "sessions.h"

struct conn;
struct event_base;

#define LOOP_BUFFER_SIZE ((size_t)256 * 1024)

struct loop {
	struct event_base *base;
	uint8_t *buffer; /* what is read goes here, for all connections */
	struct sessions sessions;
	bool stopping;               /* nothing more is read, but see `draining` */
	const struct conn *draining; /* while the loop stops: the only one that may read, or NULL */
	uint64_t stop_by_ms;         /* while the loop stops: when it must be over, as flow.now_ms */
	/* Called when a connection has been closed. */
	void (*on_conn_closed)(void *arg, const struct conn *conn);
	void *on_conn_closed_arg;
};

/* table: of commands. Returns 0 or -errno. */
int loop_init(struct loop *loop, const struct limits *limits, const struct command *table);

/* Nothing may be connected any more. */
void loop_deinit(struct loop *loop);

/* Starts a timer that was assigned. */
void loop_add_timer(struct event *timer, uint64_t ms);

/* Whether all is to be left as it is: a stop has taken too long, or was asked for twice. */
bool loop_is_over(struct loop *loop);

static inline struct bus *
loop_bus(struct loop *loop)
{
	return &loop->sessions.bus;
}
