/*
 * Reads streams with XREAD BLOCK, over a connection that comes back by itself: each entry once, in the order of its
 * stream, from a place on. It also finds out whether entries were removed before they could be read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "entry.h"
#include "place.h"
#include "protocol.h"

struct client;
struct loop;
struct reader;

struct reader_stream {
	struct slice name; /* must outlive the reader */
	struct place place;
	bool is_unchecked; /* entries were taken since it was last checked whether one is missing */
};

struct reader_ops {
	/* A connection was made; something has come on it; it is lost. */
	void (*up)(void *arg);
	void (*heard)(void *arg);
	void (*down)(void *arg);
	/* The places where to begin are known now, of all streams: reader_go() goes on. Called after each connect. */
	void (*ready)(void *arg);
	/* So many more entries may be taken. */
	uint64_t (*left)(void *arg);
	/* Takes an entry of the stream. */
	void (*take)(void *arg, const struct reader_stream *s, const struct entry *e);
	/* All entries of an answer are taken: reader_go() goes on. */
	void (*took)(void *arg);
	/* Without waiting: there is nothing more. */
	void (*drained)(void *arg);
	/* So many entries of the stream, or PLACE_COUNT_UNKNOWN, were removed before they were read. */
	void (*missed)(void *arg, const struct reader_stream *s, uint64_t n);
	/* There is no such stream yet. */
	void (*absent)(void *arg, const struct reader_stream *s);
	/* The stream ends before the place. */
	void (*is_short)(void *arg, const struct reader_stream *s, struct entry_id last);
	/* The daemon answered with an error. */
	void (*refused)(void *arg, struct slice error);
};

/* no_wait: reads what there is. ops must outlive the reader, and the n streams, at least one. */
struct reader *reader_new(struct loop *loop, const struct addr_list *addr, struct reader_stream *streams, size_t n,
                          bool no_wait, const struct reader_ops *ops, void *arg);
void reader_free(struct reader *r);

/* The caller starts and stops it. */
struct client *reader_client(const struct reader *r);

/* Asks for more entries, unless that is under way or there is no connection. */
void reader_go(struct reader *r);

/* Whether it waits for entries. */
bool reader_is_waiting(const struct reader *r);
