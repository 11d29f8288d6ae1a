/* udsctl top while it runs: what its loop, its keys and its page share. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "buf.h"
#include "fetch.h"
#include "options.h"
#include "snapshot.h"
#include "view.h"

struct event;
struct loop;
struct output;

struct top_options {
	struct options common;
	uint64_t interval; /* ms; 0: not given */
	const char *sort;  /* column; or NULL */
	uint64_t count;    /* refreshes; 0: not given */
	bool batch;
};

enum top_mode {
	TOP_TABLE,
	TOP_FILTER,  /* a filter is typed */
	TOP_CONFIRM, /* a client is to be killed: yes or no */
	TOP_HELP,
};

struct top {
	const struct top_options *options;
	struct loop *loop;
	struct fetch *fetch;
	struct snapshot now, before;
	struct view view;
	uint64_t interval; /* ms */
	bool paused;
	uint64_t refreshes;   /* with rates, shown so far */
	struct event *timer;  /* the next snapshot is due */
	struct output *batch; /* NULL: on the terminal */

	/* On the terminal. */
	enum top_mode mode;
	struct buf line;     /* being put together */
	size_t table_height; /* rows on the page */
	uint64_t kill_id;
	char kill_who[128];
	char message[256]; /* the result of the last key, or "" */
};

/* Takes a key. */
void top_press(struct top *t, unsigned int key);

/* Draws all of the terminal. */
void top_draw(struct top *t);

/* The next snapshot is due after so many ms, or a change of the interval. */
static inline void
top_schedule(struct top *t, uint64_t ms)
{
	event_add(t->timer,
	          &(struct timeval){ .tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000) });
}

/* One refresh as text. */
void top_print(struct top *t);

/* A line that says that the connection is lost. */
void top_print_loss(struct top *t);
