/*
 * The clients of one loop and the flow of their output: who may go on, who waits for what, who is clogged, what is to
 * be written. Knows no channels.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "barrier.h"
#include "buf.h"
#include "chunk.h"
#include "client.h"
#include "limits.h"
#include "log.h"
#include "stats.h"
#include "user.h"
#include "work.h"

/* What may be allocated for output until all of it was tried to be written: at half of it, users get no new share. */
#define FLOW_PASS_BYTES ((size_t)8 * 1024 * 1024)

struct flow {
	struct limits limits;
	struct chunk_pool chunks;
	struct barrier_pool barriers;
	struct writer unicast; /* output for a single client: replies, notices and reports */
	struct stats stats;
	struct users users;

	struct client_list clients; /* all, by id */
	/* By state: READY (on the list of the user), WAITING (on one of these, or a list of its own), DEAD. */
	struct user_list ready_users;
	size_t n_ready;                  /* clients in state READY */
	struct user_list led_users;      /* that have a leader */
	struct client_list gathering;    /* wait until their channels, which have receivers, have more; see publish.c */
	struct client_list throttled;    /* wait until a receiver or a user is no longer over a limit */
	struct client_list untried;      /* wait until the sockets of clogged receivers have been tried */
	struct client_list excluded;     /* wait for the end of what `is_exclusive` tells of */
	struct client_list wide_waiters; /* wait for a turn as `wide` */
	struct client_list leaving;      /* in state CLOSING, with subscriptions that have not been ended yet */
	struct client_list dead;
	/* By out_state: RECEIVER, REPLIER, BLOCKED. */
	struct client_list receivers, repliers, blocked;
	size_t n_to_try; /* of the receivers, from the first on: those whose turn to be written came before the share */

	LIST_HEAD(, client_walk) walks;
	uint64_t last_id;
	uint64_t n_clogged, n_waiting, n_subscribed; /* clients */
	uint64_t clog_generation;                    /* is counted up when a client becomes clogged or drains */
	/*
	 * has_untried: a client has become clogged whose socket perhaps was not tried since. untried_is_old: and all
	 * output was tried once since then, though perhaps not what was queued in between.
	 */
	bool has_untried, untried_is_old;
	bool has_drained; /* some client is `drained` */

	/*
	 * The client whose EXEC runs, perhaps over several passes, or NULL; and what was published to it meanwhile,
	 * which it gets at the end.
	 */
	struct client *executing;
	struct buf deferred;
	size_t deferred_at, deferred_charged; /* how much of it is delivered; what the user is charged with for it */
	bool executing_is_pinned;             /* output_pin() was called for it meanwhile */
	/*
	 * A message takes several passes: matching it with patterns, for the client `wide`, or its delivery.
	 * is_exclusive: that, or somebody is `executing`; others wait with all that shows or changes what is shared.
	 */
	struct client *wide;
	uint64_t wide_work; /* units of the search for it */
	bool is_wide, is_exclusive;

	uint64_t now_ms; /* monotonic clock, as of the last event */
	uint64_t start_ms;
	uint32_t uptime_s; /* as of the last event */
	struct work work;
	size_t bytes_at_begin;       /* chunks.bytes when all output had been tried last */
	struct log_limit client_log; /* of log lines about clients */
};

void flow_init(struct flow *flow, const struct limits *limits);

/* All clients must be gone. */
void flow_deinit(struct flow *flow);

/* Sets now_ms and uptime_s. */
void flow_update_time(struct flow *flow);

/*
 * Initialises a new client. Takes over the reference to the identity's groups, even if it fails. Returns 0 or -ENOMEM.
 */
int flow_admit(struct flow *flow, struct client *c, const struct identity *identity);

/* All others wait for the EXEC of the client from now on; NULL: that is over. */
void flow_set_executing(struct flow *flow, struct client *c);

/* All wait for a message that takes several passes, until it is over. */
void flow_begin_wide(struct flow *flow);
void flow_end_wide(struct flow *flow);

/* Whether the client has to wait with what shows or changes what is shared. */
static inline bool
flow_excludes(const struct flow *flow, const struct client *c)
{
	return flow->is_exclusive && (flow->executing ? flow->executing != c : flow->wide != c);
}

/* Forgets a client that has left all channels and lists. */
void flow_dismiss(struct flow *flow, struct client *c);

/*
 * A walk over all clients, by id, that may take several passes. Clients that come meanwhile are met, too.
 */
struct client_walk {
	LIST_ENTRY(client_walk) link;
	struct client *next; /* or NULL */
};

void flow_begin_walk(struct flow *flow, struct client_walk *walk);
struct client *flow_walk(struct flow *flow, struct client_walk *walk); /* NULL: the walk has ended */
void flow_end_walk(struct client_walk *walk);

/* Makes the client hidden: it stands for a socket of udsd's own. */
void flow_hide(struct flow *flow, struct client *c);

/* Moves the client to a state other than READY, and its list: NULL in OPEN, and NULL or `leaving` in CLOSING. A dead
 * client stays dead. */
void flow_set_state(struct flow *flow, struct client *c, enum client_state state, struct client_list *list);
void flow_set_out_state(struct flow *flow, struct client *c, enum client_out_state state);

/* The client goes on with its input when it is its turn. A dead client stays dead. */
void flow_make_ready(struct flow *flow, struct client *c);

/*
 * Begins a turn of the client, or returns false if its user has had their share of work; or it is subscribed and a wide
 * message is delivered, as replies must not overtake that. flow_end_turn() charges the user with the work done since.
 */
bool flow_begin_turn(struct flow *flow, struct client *c);
void flow_end_turn(struct flow *flow, struct client *c, uint64_t begin);

/* Puts the client on a wait list. Returns false if it has died meanwhile: closing a batch may disconnect slow clients.
 */
bool flow_wait(struct flow *flow, struct client *c, struct client_list *list);

/* Makes a waiting client try again in the next pass. No-op if it does not wait. */
void flow_resume(struct flow *flow, struct client *c);

/* Lets the next client of the user make a long list, if no other one does or is about to. */
void flow_resume_listing(struct flow *flow, struct user *user);

/* The client is not, or no longer, the one that makes its list next. */
void flow_end_listing_turn(struct client *c);

/* Resumes all that are throttled; those that still have to wait find out by themselves. */
void flow_resume_throttled(struct flow *flow);

/* The end of this pass closes the client, whatever is unsent. It keeps its subscriptions until then. */
void flow_mark_dead(struct flow *flow, struct client *c);

/* Likewise, and logs that there was no memory for it. */
void flow_out_of_memory(struct flow *flow, struct client *c);

/*
 * Charges the client's user with new bytes of input in place of old. Returns whether the client has to wait: the user
 * is over the limit, and another client is the one that goes on.
 */
bool flow_charge_input(struct flow *flow, struct client *c, size_t old, size_t new);

/* Logs a line about the client, which says who that is. The rate of such lines is limited. */
void flow_log(struct flow *flow, const struct client *c, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Whether the pass should read no more, and write first. */
static inline bool
flow_is_pass_full(const struct flow *flow)
{
	return flow->chunks.bytes > flow->bytes_at_begin + FLOW_PASS_BYTES || work_is_pass_over(&flow->work);
}
