/* What the sessions of one loop share: a bus that speaks RESP. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "bus.h"
#include "command.h"
#include "recvset.h"
#include "resp-request.h"
#include "session.h"

/* Where a session is connected, for CLIENT LIST. */
#define SESSION_ADDRESS_MAX 160

struct session_address {
	int fd; /* -1: none */
	const char *mode;
	char peer[SESSION_ADDRESS_MAX], local[SESSION_ADDRESS_MAX];
};

/* Codes of error replies that are counted apart. */
#define SESSIONS_ERROR_CODES 8

struct sessions {
	struct bus bus; /* first */
	struct resp_request request;
	struct chunk *tail;      /* holds the last argument of the command that runs, where that is large; else NULL */
	struct recvset monitors; /* are shown all commands */
	struct client_list reloading; /* wait until the configuration was read again */

	const struct command *table; /* of commands; see struct command_stats for what is counted of each row */
	struct command_stats commands[COMMAND_ROWS_MAX];
	/*
	 * The last command that was looked up, as it was spelt, among those that may run without further checks; see
	 * is_repeated() in dispatch.c. Until there is one, len is more than any name has.
	 */
	struct {
		const struct command *row;
		struct command_stats *stats;
		uint8_t number; /* see session.last_command */
		size_t len;
		uint8_t name[16];
	} recent;
	struct {
		char code[16];
		uint64_t count;
	} errors[SESSIONS_ERROR_CODES];

	bool stop_requested; /* by SHUTDOWN */
	bool reload_failed;  /* the last reload, and why, a mistake in each line */
	struct buf reload_mistakes;
	const char *config_path; /* or NULL */
	char run_id[41];         /* hexadecimal, another one at each start */
	int64_t start_time;      /* seconds since the epoch */
	/* What only the owner of the sockets knows; NULL: nothing. */
	void (*describe)(const struct session *s, struct session_address *ret_address);
};

static inline struct sessions *
sessions_of(struct bus *bus)
{
	return (struct sessions *)((char *)bus - offsetof(struct sessions, bus));
}

static inline const struct sessions *
sessions_of_const(const struct bus *bus)
{
	return (const struct sessions *)((const char *)bus - offsetof(struct sessions, bus));
}

/* Returns 0 or -errno. */
int sessions_init(struct sessions *sessions, const struct limits *limits, const struct command *table);
void sessions_deinit(struct sessions *sessions);

/* Counts an error reply, "CODE text". */
void sessions_count_error(struct bus *bus, const char *text);

/* Commands that were run. */
uint64_t sessions_count_commands(const struct bus *bus);

/* Disconnects who watches commands or messages and is no administrator any more. */
void sessions_check_rights(struct bus *bus);

void sessions_describe(const struct bus *bus, const struct session *s, struct session_address *ret_address);
