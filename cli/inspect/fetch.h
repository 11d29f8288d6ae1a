/*
 * Asks the daemon for snapshots, and to close clients, over one connection that comes back by itself. A daemon that
 * refuses, or is no udsd, ends the loop.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "snapshot.h"

struct addr;
struct client;
struct fetch;
struct loop;

struct fetch_ops {
	/* Connected: a snapshot may be asked for. */
	void (*up)(void *arg);
	/* The connection is lost, and every answer with it. */
	void (*down)(void *arg);
	/* All answers are read; the callee calls snapshot_finish(), and may swap the snapshot for another one. */
	void (*taken)(void *arg, struct snapshot *snapshot);
	/* n: clients closed, 1 or, without such a client of one's own, 0. error: the daemon's, else NULL. */
	void (*killed)(void *arg, uint64_t id, int64_t n, const struct slice *error);
};

/* There must be a daemon at the start. ops must outlive it. */
struct fetch *fetch_new(struct loop *loop, const struct addr *addr, const struct fetch_ops *ops, void *arg);
void fetch_free(struct fetch *f);
void fetch_start(struct fetch *f);

/* Asks for a snapshot, unless there is no connection or an answer is still to come. */
void fetch_snapshot(struct fetch *f);

/* Asks the daemon to close a client. Returns false without a connection, or where too many answers are to come. */
bool fetch_kill(struct fetch *f, uint64_t id);

/* When the snapshot that is to come was asked for (loop_now()); 0: none is. */
uint64_t fetch_asked_at(const struct fetch *f);

/* The connection, for its state and name only. */
const struct client *fetch_client(const struct fetch *f);
