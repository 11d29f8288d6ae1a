/*
 * Asks the daemon for snapshots, and to close clients, over one connection that comes back by itself. A daemon that
 * refuses, or is no udsd, ends the loop.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "replies.h"
#include "snapshot.h"

struct addr_list;
struct client;
struct loop;

/* The groups of so many streams are asked for; each takes a command of its own. */
#define FETCH_GROUPS_MAX ((size_t)256)

struct fetch_ops {
	/* The connection is lost, and every answer with it. */
	void (*down)(void *arg);
	/* All answers are read; the callee calls snapshot_finish(), and may swap the snapshot for another one. */
	void (*taken)(void *arg, struct snapshot *snapshot);
	/* n: clients closed, 1 or, without such a client of one's own, 0. error: the daemon's, else NULL. */
	void (*killed)(void *arg, uint64_t id, int64_t n, const struct slice *error);
};

struct fetch {
	/* Whether the groups of streams are asked for, too; its owner sets it. */
	bool wants_groups;

	/* For its owner to read. */
	struct client *client;
	uint64_t asked_at; /* when the snapshot that is to come was asked for (loop_now()); 0: none is */

	struct loop *loop;
	const struct fetch_ops *ops;
	void *arg;
	struct buf out; /* not written yet */
	struct replies replies;
	struct snapshot snapshot;
	size_t asked[FETCH_GROUPS_MAX]; /* streams in the snapshot whose groups were asked for */
	size_t n_asked;
};

/* There must be a daemon at fetch_start(). A snapshot is asked for after each connect. ops must outlive it. */
void fetch_init(struct fetch *f, struct loop *loop, const struct addr_list *addr, const struct fetch_ops *ops,
                void *arg);
void fetch_deinit(struct fetch *f);
void fetch_start(struct fetch *f);

/* Asks for a snapshot, unless there is no connection or an answer is still to come. */
void fetch_snapshot(struct fetch *f);

/* Asks the daemon to close a client. Returns false without a connection, or where too many answers are to come. */
bool fetch_kill(struct fetch *f, uint64_t id);
