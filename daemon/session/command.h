/*
 * What a command is: one row of the table of commands, and one handler. Commands that Redis has answer as Redis 7.2
 * does (https://redis.io/docs/latest/commands/).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

struct bus;
struct session;

enum command_result {
	COMMAND_DONE,
	/* It cannot go on yet and has changed nothing. The session is in state WAITING; the command runs again later.
	 */
	COMMAND_WAIT,
	/* Its turn is over, and it goes on in a later pass: the handler runs again, with the same sessions.place. */
	COMMAND_MORE,
};

/* Where a handler that returned COMMAND_MORE goes on. Zeroed when a command runs for the first time. */
struct place {
	size_t next; /* where it goes on, as the handler says, such as the number of an argument; 0: it begins */
	void *state; /* or NULL; freed by `free` if the session ends */
	void (*free)(struct bus *bus, void *state);
};

enum {
	/* Flags that Redis has, in the order in which COMMAND INFO lists them. */
	COMMAND_WRITE = 1 << 0,
	COMMAND_READONLY = 1 << 1,
	COMMAND_DENYOOM = 1 << 2, /* lets the store grow */
	COMMAND_ADMIN = 1 << 3,
	COMMAND_PUBSUB = 1 << 4,
	COMMAND_NOSCRIPT = 1 << 5,
	COMMAND_BLOCKING = 1 << 6,
	COMMAND_LOADING = 1 << 7,
	COMMAND_STALE = 1 << 8,
	COMMAND_SKIP_SLOWLOG = 1 << 9,
	COMMAND_FAST = 1 << 10,
	COMMAND_NO_AUTH = 1 << 11,
	COMMAND_NO_MULTI = 1 << 12, /* refused between MULTI and EXEC */
	COMMAND_MOVABLEKEYS = 1 << 13,
	COMMAND_ALLOW_BUSY = 1 << 14,
	COMMAND_SHOWN_FLAGS = 15, /* the number of flags above */

	/* Categories that follow neither from the flags above nor from the group. */
	COMMAND_DANGEROUS = 1 << 15,
	COMMAND_CONNECTION = 1 << 16,
	COMMAND_TRANSACTION = 1 << 17,

	COMMAND_IN_SUBSCRIBE = 1 << 18, /* allowed to a RESP2 client that has subscriptions */
	COMMAND_UNQUEUED = 1 << 19,     /* runs at once between MULTI and EXEC */
	COMMAND_NEEDS_ADMIN = 1 << 20,  /* refused unless the client is an administrator */
	COMMAND_MAY_WAIT = 1 << 21,     /* may have to wait, and replies little: a user with much output may run it */
	COMMAND_PUBLISHES = 1 << 22,    /* EXEC has to wait until its message can go out */
	COMMAND_LINEAR = 1 << 23,       /* the cost grows with the number of channels, clients, entries or arguments */
	/*
	 * Neither shows nor changes what others share, so it runs while the EXEC of another client is paused. QUIT has
	 * it, too: its client could as well just close the connection.
	 */
	COMMAND_BLIND = 1 << 24,
	/* The right to its keys that it needs, see keyspace.h. */
	COMMAND_KEY_ADD = 1 << 25,
	COMMAND_KEY_READ = 1 << 26,
	COMMAND_KEY_SEE = 1 << 27,
	COMMAND_NO_STREAMS = 1 << 28, /* uses no stream, see sessions_use_streams() */
};

struct command {
	const char *name; /* lower case; a subcommand is "client|id" */
	/* Number of arguments including the name (and the subcommand); negative: at least that many. */
	int arity;
	unsigned int flags;
	const char *group, *since;
	const char *tips;   /* of COMMAND INFO, separated by blanks */
	const char *syntax; /* of the arguments; cmd-command-docs.c has the grammar */
	const char *summary;
	/* The handler. NULL: the command is only a container of subcommands. argv[0] is the command's name, also for a
	   subcommand. */
	enum command_result (*run)(struct bus *bus, struct session *s, const struct slice *argv, size_t argc);
	/*
	 * Where its keys are, or NULL if it has none. Each specification is "PLACE FLAG...", as in COMMAND INFO;
	 * several are separated by "; ". The place is the number of an argument ("1"), all from there on ("1.."), or
	 * the word behind which the first half of the arguments are keys, and where to look for it ("STREAMS:4").
	 * Behind " # " stand Redis's notes about it.
	 */
	const char *keys;
};

/* Upper bound of the number of rows. */
#define COMMAND_ROWS_MAX 200

/* Counters of one row. */
struct command_stats {
	uint64_t calls;
	uint64_t rejected;    /* not run: wrong arguments, or not allowed now */
	uint64_t failed;      /* ran and replied an error */
	uint64_t timed;       /* calls that were timed */
	uint64_t nanoseconds; /* sum over the timed calls, without the work at the end of the pass */
};

/* Arguments for "%.*s" in an error reply; shows no more of an argument than Redis does. */
#define COMMAND_SHOWN(arg) ((arg).len < 128 ? (int)(arg).len : 128), (const char *)(arg).p
