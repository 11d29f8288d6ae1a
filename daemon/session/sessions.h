/* A bus with sessions: what all sessions of one loop share beside the bus itself. */
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
#include "streams-data.h"

#define SESSION_ADDRESS_MAX 160

/* The connection of a session, for CLIENT LIST and MONITOR. */
struct session_address {
	int fd; /* -1: none */
	const char *mode;
	char peer[SESSION_ADDRESS_MAX], local[SESSION_ADDRESS_MAX];
};

/* Number of error codes with a counter of their own. */
#define SESSIONS_ERROR_CODES 8

/* Rows of commands that are found quickly, a power of two. */
#define SESSIONS_FOUND 16
/* A power of two. */
#define SESSIONS_RECENT_SUBS 8

struct sessions {
	struct bus bus; /* first */
	struct resp_request request;
	struct chunk *tail;            /* holds the last argument of the running command if that is large; else NULL */
	struct place place;            /* of the running command, if it may return COMMAND_MORE; else zeroed */
	struct streams *streams;       /* or NULL: there is no store */
	struct barrier *hold;          /* what replies of the running command wait for, see reply_hold(); or NULL */
	struct stream_id_memo id_memo; /* for the ids in replies */
	struct recvset monitors;       /* sessions in MONITOR */
	struct client_list reloading;  /* sessions that wait for a reload of the configuration */
	size_t n_wait_receivers_until; /* sessions with wait_receivers_until_ms */

	const struct command *table;                     /* of commands */
	struct command_stats commands[COMMAND_ROWS_MAX]; /* of each row */
	/*
	 * Cache of the last lookup of a command that may run without further checks, by the spelling of its name; see
	 * dispatch.c. While it is empty, len is longer than any name.
	 */
	struct {
		const struct command *row;
		struct command_stats *stats;
		uint8_t number; /* for session.last_command */
		size_t len;
		uint8_t name[16];
	} recent;
	/* Further rows that were found by the spelling of their names; dispatch.c. */
	struct found_command {
		const struct command *row; /* or NULL */
		bool has_subs;
		uint8_t len;
		uint8_t name[14];
	} found[SESSIONS_FOUND];
	/* The last answer to XREAD, for those who ask for the same in this pass; see xread-shared.h. */
	struct {
		struct chunk *chunk; /* or NULL: there is none */
		struct shared_key {
			const struct stream *stream;
			struct stream_id after;
			uint64_t count;
			uint64_t added, changes; /* as in struct streams */
			bool is_resp3;
		} key;
		uint64_t n; /* entries */
	} shared;
	/* The caller of the request that was given to a worker last, and the time that was left; service-replies.c. */
	struct {
		uint64_t caller; /* its id, or 0 */
		uint64_t ms_left;
		uint8_t ms_len, len;
		uint8_t ms_text[24], text[48]; /* as they are sent */
	} given;
	/* Rows of subcommands that were looked up last, by the spelling of both words, see dispatch.c. */
	struct recent_sub {
		const struct command *row; /* or NULL */
		struct command_stats *stats;
		uint8_t len, sub_len, number;
		bool is_plain; /* no check of the row itself could stop it */
		uint8_t name[8], sub[16];
	} recent_subs[SESSIONS_RECENT_SUBS];
	struct {
		char code[16];
		uint64_t count;
	} errors[SESSIONS_ERROR_CODES];

	bool stop_requested;        /* by SHUTDOWN */
	bool reload_failed;         /* the last reload */
	struct buf reload_mistakes; /* why, one mistake a line */
	const char *config_path;    /* or NULL */
	char run_id[41];            /* random, hexadecimal */
	int64_t start_time;         /* seconds since the epoch */
	/* Set by the owner of the sockets, or NULL. */
	void (*describe)(const struct session *s, struct session_address *ret_address);
	bool (*is_gone)(const struct session *s);
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

/* For whatever may do something with streams; see streams_use(). */
static inline void
sessions_use_streams(struct bus *bus)
{
	if (sessions_of(bus)->streams)
		streams_use(sessions_of(bus)->streams);
}

/* Call at the end of each pass. */
static inline void
sessions_end_pass(struct sessions *sessions)
{
	chunk_unref(sessions->shared.chunk);
	sessions->shared.chunk = NULL;
}

/* Counts an error reply, "CODE text". */
void sessions_count_error(struct bus *bus, const char *text);

/* Returns the number of commands that have run. */
uint64_t sessions_count_commands(const struct bus *bus);

/* Call after the administrators have changed: disconnects monitors that are no longer among them. */
void sessions_check_rights(struct bus *bus);

/*
 * Whether nobody reads any more what is written to the session, as far as the kernel knows. Costs a system call. Asked
 * before a waiting session is given what nobody else gets then.
 */
bool sessions_is_gone(struct bus *bus, const struct session *s);

/* *ret_address is empty if nobody knows the session's socket. */
void sessions_describe(const struct bus *bus, const struct session *s, struct session_address *ret_address);
