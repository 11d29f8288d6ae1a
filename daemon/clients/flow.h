/*
 * The clients of one loop, and their output: who may go on, who waits, who is clogged, and what is to be written. It
 * knows no channels.
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

/* When the output of one pass takes so much more memory than there was at its beginning, it is written first. */
#define FLOW_PASS_BYTES ((size_t)8 * 1024 * 1024)

/*
 * What commands that look at many things may do in one pass before further ones have to wait, and what one of them may
 * do at most: bytes of patterns and names held against each other, or as much work of another kind.
 */
#define FLOW_PASS_WORK ((uint64_t)256 * 1024)
#define FLOW_COMMAND_WORK ((uint64_t)32 * 1024 * 1024)

struct flow {
	struct limits limits;
	struct chunk_pool chunks;
	struct barrier_pool barriers;
	struct stream unicast; /* what one client alone gets: replies and notices */
	struct stats stats;
	struct users users;

	struct client_list clients;   /* all, by id */
	struct client_list ready;     /* have commands left from an earlier pass */
	struct client_list throttled; /* wait until a clogged receiver has drained */
	struct client_list postponed; /* wait for a pass that has not done much work yet */
	struct client_list untried;   /* wait until the sockets of this pass's receivers were tried */
	struct client_list receivers; /* have messages to be written */
	struct client_list repliers;  /* have only replies to be written */
	struct client_list blocked;   /* have a full socket */
	struct client_list dead;      /* are to be closed at the end of the pass */

	uint64_t last_id;
	uint64_t n_clogged, n_waiting; /* clients */
	uint64_t clog_generation;      /* counts up when a client becomes clogged or drained */
	/* A client became clogged by what was queued in this pass, and its socket has not been tried since. */
	bool has_untried;
	bool has_drained; /* some client is `drained` */

	/* The client whose EXEC runs, or NULL; its own messages come when it is done. */
	struct client *executing;
	struct buf deferred;

	uint64_t now_ms; /* monotonic, as of the last event */
	uint64_t start_ms;
	uint32_t uptime_s;           /* as of the last event */
	uint64_t work;               /* done so far, see FLOW_PASS_WORK */
	uint64_t work_at_begin;      /* of the pass, and again when what was postponed has its turn */
	size_t bytes_at_begin;       /* chunks.bytes then */
	struct log_limit client_log; /* of log lines about clients */
};

void flow_init(struct flow *flow, const struct limits *limits);

/* All clients must be gone. */
void flow_deinit(struct flow *flow);

/* Reads the clock. */
void flow_update_time(struct flow *flow);

/* A new client. Takes over the identity's reference of its groups, also on failure. Returns 0 or -ENOMEM. */
int flow_admit(struct flow *flow, struct client *c, const struct identity *identity);

/* The client is gone; it has left all channels. */
void flow_dismiss(struct flow *flow, struct client *c);

/* It stands for no client. */
void flow_hide(struct flow *flow, struct client *c);

/* list: where the client stands in state READY, WAITING and DEAD; else NULL. A dead client stays dead. */
void flow_set_state(struct flow *flow, struct client *c, enum client_state state, struct client_list *list);
void flow_set_out_state(struct flow *flow, struct client *c, enum client_out_state state);

/*
 * Lets it wait on a list. Returns false if it has died: looking up a channel may end a run, which kills who is too slow
 * for it.
 */
bool flow_wait(struct flow *flow, struct client *c, struct client_list *list);

/* Lets what it waits for be tried again. */
void flow_resume(struct flow *flow, struct client *c);

/* Lets all be tried again that waited for a clogged receiver. */
void flow_resume_throttled(struct flow *flow);

/* It is closed at the end of this pass, whatever is unsent; its subscriptions end then. */
void flow_mark_dead(struct flow *flow, struct client *c);

/* Marks it dead, and says why. */
void flow_out_of_memory(struct flow *flow, struct client *c);

/* Held against the limit after output was queued, or written. */
void flow_check_clogged(struct flow *flow, struct client *c);

/* Likewise all, since other limits hold from now on. */
void flow_check_limits(struct flow *flow);

/* Whether it takes no message now where the policy is to drop. is_large: the message has a chunk of its own. */
bool flow_drops(const struct client *c, bool is_large);

/* Queues output; a client for which there is no memory is killed. barrier and messages: see outq_push(). */
void flow_queue(struct flow *flow, struct client *c, struct chunk *chunk, size_t offset, size_t len,
                struct barrier *barrier, uint32_t messages);

/* The same, but what comes to a client while its EXEC runs is kept until that is done. */
void flow_deliver(struct flow *flow, struct client *c, struct chunk *chunk, size_t offset, size_t len,
                  struct barrier *barrier, uint32_t messages);

/* Writes bytes to the unicast stream. Returns where they begin in its chunk, or -ENOMEM. */
int64_t flow_put(struct flow *flow, const void *data, size_t len);

/* Gives flow->executing what was kept; it is NULL again. */
void flow_deliver_deferred(struct flow *flow);

/* What is queued for it is lost; its input counts all the same. It has left all channels. */
void flow_stop_output(struct flow *flow, struct client *c);

/* Who is clogged is disconnected: now, or if it still is when its socket was tried. */
void flow_disconnect_slow(struct flow *flow, struct client *c);

/* It was tried to write its output: what outq_write() returned. It must not be dead. */
void flow_flushed(struct flow *flow, struct client *c, enum outq_status status, size_t written,
                  struct barrier *barrier);

/* Counts for the client's user what is kept of its input, in place of *kept and *is_unfinished. */
void flow_keep(struct flow *flow, struct client *c, uint32_t *kept, bool *is_unfinished, size_t now_kept,
               bool now_unfinished);

/* One line of the log about the client, with who it is before it; too many in a while are only counted. */
void flow_log(struct flow *flow, const struct client *c, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Whether the pass should end before more is handled. */
static inline bool
flow_is_pass_full(const struct flow *flow)
{
	return flow->chunks.bytes > flow->bytes_at_begin + FLOW_PASS_BYTES;
}

/* Whether what takes much work has to wait for a later pass. */
static inline bool
flow_has_worked(const struct flow *flow)
{
	return flow->work - flow->work_at_begin > FLOW_PASS_WORK;
}

/* Whether a client whose queue has got longer must be looked at; see flow_check_clogged(). */
static inline bool
flow_may_be_clogged(const struct flow *flow, const struct outq *q)
{
	return outq_cost(q) > flow->limits.queue_limit || flow->users.n_over > 0;
}
