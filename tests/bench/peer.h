/*
 * The servers that are compared. A server is one row of peer.c's table: how its program is found, how it
 * is started, and what the works look like in its protocol. Another one (nats-server, mosquitto) is
 * another row and a function that writes its scripts.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "work.h"

struct peer {
	const char *name;
	const char *programs[2]; /* the first one there is; none: the one that --udsd gives */
	const char *argv[20];
	const char *echo_argv[20]; /* empty: it cannot echo bare bytes */
	void (*write_script)(const struct work *work, struct script *script);
};

extern const struct peer peer_table[];
extern const size_t peer_count;

/* Looks beside this program and in PATH; given is what --udsd says, or NULL. */
bool peer_find(const struct peer *peer, const char *given, char ret_program[PATH_MAX]);

/*
 * Writes the work in the server's protocol, for peer_free_script() to free, and says how to start the server.
 * Returns its argument vector, which holds until the next call, or NULL when it has no such work.
 */
const char *const *peer_prepare(const struct peer *peer, const struct work *work, struct script *ret_script);
void peer_free_script(struct script *script);
