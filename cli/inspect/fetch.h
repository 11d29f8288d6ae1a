/*
 * Asks the daemon for snapshots, and to close clients, over one connection that comes back by itself. A daemon
 * that is no udsd, or refuses, ends the loop.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "snapshot.h"

struct addr;
struct fetch;
struct loop;

struct fetch_ops {
	/* Connected: a snapshot may be asked for. */
	void (*up)(void *arg);
	/* The connection is lost, and with it what was asked. */
	void (*down)(void *arg);
	/* All is read, snapshot_finish() is not called yet; the callee may swap it for another one. */
	void (*taken)(void *arg, struct snapshot *snapshot);
	/* How many clients were closed: 1, or 0 where there is none that may be; or the error, else NULL. */
	void (*killed)(void *arg, uint64_t id, int64_t n, const struct slice *error);
};

/* There must be a daemon at the start. ops must outlive it. */
struct fetch *fetch_new(struct loop *loop, const struct addr *addr, const struct fetch_ops *ops, void *arg);
void fetch_free(struct fetch *f);
void fetch_start(struct fetch *f);

/* Asks for a snapshot, unless there is no connection or one is asked for. */
void fetch_snapshot(struct fetch *f);

/* Asks the daemon to close a client. Returns false where there is no connection, or too much is asked already. */
bool fetch_kill(struct fetch *f, uint64_t id);

/* Since when a snapshot is waited for (loop_now()); 0: none is. */
uint64_t fetch_waits_since(const struct fetch *f);

bool fetch_is_up(const struct fetch *f);

/* As client_name() and client_explain(). */
const char *fetch_name(const struct fetch *f);
void fetch_explain(const struct fetch *f, char *text, size_t size);
