/*
 * The state that the sessions of one loop share. There is no other mutable state in the data path, so that
 * several loops can run side by side one day.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "barrier.h"
#include "buf.h"
#include "chunk.h"
#include "command.h"
#include "recvset.h"
#include "resp-request.h"
#include "router.h"
#include "run.h"
#include "session.h"
#include "stats.h"

/* Bytes; durations in milliseconds. */
struct limits {
	uint64_t max_clients, max_clients_per_uid;
	uint64_t max_message;
	uint64_t max_subscriptions, max_subscriptions_per_uid; /* the former per client */
	uint64_t max_patterns_per_uid;
	uint64_t queue_limit, queue_limit_per_uid; /* unsent output; the former per client */
	uint64_t slow_timeout;
	uint64_t idle_timeout; /* 0: none */
};

/* Where a session is connected, for CLIENT LIST. */
#define BUS_ADDRESS_MAX 160

struct bus_address {
	int fd; /* -1: none */
	const char *mode;
	char peer[BUS_ADDRESS_MAX], local[BUS_ADDRESS_MAX];
};

/* Codes of error replies that are counted apart. */
#define BUS_ERROR_CODES 8

/* When the output of one pass takes so much more memory than there was at its beginning, it is written first. */
#define BUS_PASS_BYTES ((size_t)8 * 1024 * 1024)

/*
 * What commands that look at many things may do in one pass before further ones have to wait, and what one of them may
 * do at most: bytes of patterns and names held against each other, or as much work of another kind.
 */
#define BUS_PASS_WORK ((uint64_t)256 * 1024)
#define BUS_COMMAND_WORK ((uint64_t)32 * 1024 * 1024)

struct bus {
	struct limits limits;
	struct chunk_pool chunks;
	size_t pass_bytes;  /* chunks.bytes when the pass began */
	uint64_t pass_work; /* router.patterns.work then, and again when what was postponed has its turn */
	struct barrier_pool barriers;
	struct stream replies;
	struct stream copies; /* what the open run does not write itself: other encodings, heads of large messages */
	struct resp_request request;
	struct router router;
	const struct access_rules *rules; /* NULL: none; set by router_set_rules() */
	const struct access_list *admins; /* beside own_uid; NULL: root */
	struct run run;

	struct table users;            /* that have clients (quota.h) */
	struct session_list sessions;  /* all, by id */
	struct session_list ready;     /* have commands left from an earlier pass */
	struct session_list throttled; /* wait until a clogged receiver has drained */
	struct session_list postponed; /* wait for a pass that has not done much work yet */
	struct session_list receivers; /* have messages to be written */
	struct session_list repliers;  /* have only replies to be written */
	struct session_list blocked;   /* have a full socket */
	struct session_list reloading; /* wait until the configuration was read again */
	struct session_list dead;      /* are to be closed at the end of the pass */

	/*
	 * The last command that was looked up, as it was spelt, among those that may run without further checks; see
	 * is_repeated() in command.c. Until there is one, len is more than any name has.
	 */
	struct {
		const struct command *row;
		struct command_stats *stats;
		uint8_t number; /* see session.last_command */
		size_t len;
		uint8_t name[16];
	} recent;
	struct recvset monitors; /* sessions that are shown all commands */
	struct recvset taps;     /* and those that are told of all messages */
	/* The session whose EXEC runs, or NULL; its own messages come when it is done. */
	struct session *executing;
	struct buf deferred;
	struct chunk *tail; /* holds the last argument of the command that runs, where that is large; else NULL */
	uint64_t last_id;
	uint64_t n_clogged, n_waiting; /* sessions */
	uint64_t n_over;               /* users over queue_limit_per_uid */
	uint64_t clog_generation;      /* counts up when a session becomes clogged or drained */
	/* A session became clogged by what was queued in this pass, and its socket has not been tried since. */
	bool has_untried;
	uint64_t now_ms; /* monotonic, as of the last event */
	uint64_t start_ms;
	uint32_t uptime_s; /* as of the last event */
	/* Lines about clients in this while; what is too much is only counted. */
	struct {
		uint64_t since_ms;
		unsigned int lines, omitted;
	} client_log;
	int64_t start_time; /* seconds since the epoch */
	uid_t own_uid;
	bool stop_requested; /* by SHUTDOWN */
	bool reload_failed;  /* the last reload, and why, a mistake in each line */
	struct buf reload_mistakes;
	char run_id[41]; /* hexadecimal, another one at each start */
	struct stats stats;
	struct command_stats commands[COMMAND_ROWS_MAX]; /* of each row of the table */
	struct {
		char code[16];
		uint64_t count;
	} errors[BUS_ERROR_CODES];
	/* What only the owner of the sockets knows; NULL: nothing. */
	void (*describe)(const struct session *s, struct bus_address *ret_address);
	const char *config_path; /* or NULL */
};

/* Returns 0 or -errno. */
int bus_init(struct bus *bus, const struct limits *limits);

/* All sessions must be gone. */
void bus_deinit(struct bus *bus);

/* Reads the clock. */
void bus_update_time(struct bus *bus);

/* Whether the pass should end before more is handled. */
static inline bool
bus_is_pass_full(const struct bus *bus)
{
	return bus->chunks.bytes > bus->pass_bytes + BUS_PASS_BYTES;
}

/* Whether a session whose queue has got longer must be looked at; see session_check_clogged(). */
static inline bool
bus_may_be_clogged(const struct bus *bus, const struct outq *q)
{
	return outq_cost(q) > bus->limits.queue_limit || bus->n_over > 0;
}

/* Whether what takes much work has to wait for a later pass. */
static inline bool
bus_has_worked(const struct bus *bus)
{
	return bus->router.patterns.work - bus->pass_work > BUS_PASS_WORK;
}

/* Counts an error reply, "CODE text". */
void bus_count_error(struct bus *bus, const char *text);

/* Commands that were run. */
uint64_t bus_count_commands(const struct bus *bus);
