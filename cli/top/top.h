/*
 * udsctl top while it runs: what its loop (verb-top.c), its keys and its page share. The loop owns it; keys and page
 * never call the loop.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "fetch.h"
#include "memory.h"
#include "options.h"
#include "timer.h"
#include "view.h"

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
	TOP_CONFIRM, /* whether to kill a client: yes or no */
	TOP_HELP,
};

struct top {
	struct loop *loop;
	struct fetch fetch;
	struct snapshot now, before;
	struct view view;
	uint64_t interval; /* ms */
	bool paused;
	uint64_t refreshes, count; /* shown so far, and after how many to end (0: never) */
	struct timer due;          /* the next snapshot is */
	struct timer tick;         /* on the terminal */
	struct output *batch;      /* NULL: on the terminal */

	struct buf line; /* the next line of the page */
	size_t n_lines;  /* on the screen before it */

	/* On the terminal. */
	enum top_mode mode;
	bool title_says_paused;
	size_t help_top;     /* the first line of the help that is shown */
	bool help_goes_on;   /* below those that are shown */
	size_t table_height; /* rows on the page */
	uint64_t kill_id;
	char kill_who[128];
	char message[256]; /* the result of the last key, or "" */
	char said[512];    /* the last message of another module, for when the terminal is given back; or "" */
};

/* Appends text to the next line of the page. */
#define TOP_PUT(t, ...) memory_check(buf_printf(&(t)->line, __VA_ARGS__))

/* Handles a key. The caller shows the page after it. */
void keys_press(struct top *t, unsigned int key);

/* Draws the whole terminal, unless that has not taken the last page; or prints the refresh as text, or while there is
 * no connection a line that says so. */
void page_show(struct top *t);

/* Lines about the daemon, appended to t->line. */
void report_put_title(struct top *t);
void report_put_traffic(struct top *t);
void report_put_load(struct top *t);
void report_put_streams(struct top *t);
void report_put_services(struct top *t);

/* "[Channels 12]   Clients 40    Streams 3 ": the tables, the one that is shown in brackets, and what is left out of
 * it. */
void report_put_tables(struct top *t);

/* What is wrong, the worst first; SCREEN_PLAIN and no text where nothing is. */
enum screen_style report_put_warning(struct top *t);
