/*
 * The servers that are compared. A server is one row of peer.c's table: how its program is found, how it
 * is started, and the protocol that it speaks.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "script.h"

struct peer {
	const char *name;
	const char *programs[2]; /* the first one there is; none: the one that --udsd gives */
	const char *argv[22];
	const char *echo_argv[8];    /* empty: it cannot echo bare bytes */
	const char *version_argv[3]; /* empty: it has none */
	const char *config;          /* what proc_config is to say, with one %s for proc_socket; NULL: nothing */
	const struct protocol *protocol;
	bool uses_port; /* it has no Unix sockets */
};

extern const struct peer peer_table[];
extern const size_t peer_count;

/* Returns the index of the server, which must exist. */
size_t peer_find(const char *name);

/* Looks beside this program and in PATH; given is what --udsd says, or NULL. */
bool peer_find_program(const struct peer *peer, const char *given, char ret_program[PATH_MAX]);

/* Writes the number that the program says about its version: "7.0.15"; "" if it has none, or does not run. */
void peer_read_version(const struct peer *peer, const char *program, char *ret_version, size_t size);

bool peer_can(const struct peer *peer, const struct work *work);

/*
 * Starts the server for the work, of which the first script is given, on the CPU, and waits until it
 * listens. proc_stop() ends it.
 */
void peer_start(const struct peer *peer, const char *program, const struct work *work, const struct script *script,
                int cpu);
