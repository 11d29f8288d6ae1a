/*
 * The servers that are compared. A server is one row of peer_table: its program, its arguments and its protocol.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "call-script.h"
#include "script.h"

struct peer {
	const char *name;
	const char *programs[2];     /* the first one that is installed; none: the argument of --udsd */
	const char *argv[22];        /* empty: only for works that are stored, and in no column of tables */
	const char *echo_argv[8];    /* empty: the server cannot echo bytes */
	const char *store_argv[24];  /* for works that are stored; empty: none */
	const char *version_argv[3]; /* empty: the program reports no version */
	const char *config;          /* contents of proc_config, with one %s for proc_socket; NULL: none */
	const struct protocol *protocol;
	const struct call_script *calls; /* NULL: no services */
	bool uses_port;                  /* the server has no Unix sockets */
	bool is_broker;                  /* see broker.h */
};

extern const struct peer peer_table[];
extern const size_t peer_count;

/* Returns the index of the server, which must exist. */
size_t peer_find(const char *name);

/* Looks beside this program and in PATH. given: the argument of --udsd, or NULL. */
bool peer_find_program(const struct peer *peer, const char *given, char ret_program[PATH_MAX]);

/* Writes the version that the program reports, "7.0.15"; "" if it reports none, or does not run. */
void peer_read_version(const struct peer *peer, const char *program, char *ret_version, size_t size);

/* Whether the server has its large streams on disk. The others have them in memory alone: to write them takes long. */
bool peer_keeps_streams(const struct peer *peer, enum work_kind kind);

/* Whether the server can do the work. */
bool peer_can(const struct peer *peer, const struct work *work);

/*
 * Starts the server on the CPU (-1: any) and waits until it listens. script: the first one of the work. proc_stop()
 * ends the server.
 */
void peer_start(const struct peer *peer, const char *program, const struct work *work, const struct script *script,
                int cpu);
