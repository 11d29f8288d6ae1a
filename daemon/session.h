/*
 * A session is what the bus knows of one client: who it is, how it wants its answers, what it receives, and
 * what is queued for it. It has no socket; a connection embeds it.
 *
 * Two state machines run in it. `state` says what becomes of its input, `out_state` where its output stands.
 * Each has one setter, which also moves the session between the bus's lists.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "access.h"
#include "barrier.h"
#include "encoding.h"
#include "log.h"
#include "outq.h"

struct bus;
struct channel;
struct chunk;
struct feed;
struct input;
struct subscription;
struct tap;
struct transaction;
struct user;

TAILQ_HEAD(session_list, session);
LIST_HEAD(subscription_list, subscription);

enum session_state {
	SESSION_OPEN,    /* takes commands */
	SESSION_READY,   /* has whole commands left over from an earlier pass; on the bus's ready list */
	SESSION_WAITING, /* its next command waits, on a channel's list or the bus's throttled list */
	SESSION_CLOSING, /* takes no more commands, and is closed once its output is written */
	SESSION_DEAD,    /* on the bus's dead list until the end of the pass */
};

enum session_out_state {
	SESSION_OUT_IDLE,
	SESSION_OUT_RECEIVER, /* has messages to be written at the end of this pass */
	SESSION_OUT_REPLIER,  /* has only replies to be written at the end of this pass */
	/* From here on it waits for others. */
	SESSION_OUT_BLOCKED, /* its socket is full */
	SESSION_OUT_GATED,   /* its next reply waits for a barrier */
};

/* What becomes of the replies to commands (CLIENT REPLY); messages and confirmations always go out. */
enum session_reply_mode {
	REPLY_ON,
	REPLY_SKIP_NEXT, /* the next command gets none */
	REPLY_SKIP,      /* the command that runs gets none */
	REPLY_OFF,
};

struct session {
	struct outq out;
	TAILQ_ENTRY(session) link; /* in the bus's list of all */
	union {
		TAILQ_ENTRY(session) out_link; /* by out_state */
		struct barrier_waiter gate;    /* in state GATED; zeroed when that begins */
	};
	TAILQ_ENTRY(session) in_link;
	struct session_list *in_list; /* that in_link is in, or NULL */
	struct input *in;             /* unfinished or unhandled input, or NULL */
	uint64_t id;
	uint64_t published; /* messages */
	uint64_t delivered; /* messages queued for it */
	/* When its peer last took something, or had nothing to take: the low half of bus->now_ms. */
	uint32_t progress_ms;
	uint8_t state;
	uint8_t out_state;
	uint8_t reply_mode;     /* enum session_reply_mode */
	uint8_t wanted;         /* for whoever owns the socket: what it waits for there */
	uint8_t last_command;   /* its row in the table, counted from 1; 0: none yet */
	uint8_t encoding;       /* enum encoding: of the messages that it gets */
	bool clogged : 1;       /* more output unsent than queue_limit, and not yet below half again */
	bool wait_receiver : 1; /* UDSD WAITRECEIVER ON */
	bool in_transaction : 1;
	bool is_unfinished : 1; /* the rest of what is kept may never come */
	bool is_slow : 1;       /* and is disconnected for it, or will be, see session_disconnect_slow() */
	bool has_missed : 1;    /* messages that it has not been told of */
	bool is_monitor : 1;
	bool is_marked : 1;              /* set only while router.c looks for who receives a channel twice */
	bool is_hidden : 1;              /* stands for no client */
	bool sends_large : 1;            /* what was read last began or ended a large command */
	bool hurried : 1;                /* what it publishes waits for nobody */
	bool no_evict : 1, no_touch : 1; /* CLIENT NO-EVICT and NO-TOUCH: noted, no more */
	bool has_reloaded : 1;           /* what its UDSD RELOAD has waited for is done */
	bool publishes_to_own : 1, publish_allowed : 1; /* see last_published */
	uint32_t created_s;                             /* when it came; seconds since the bus's start */
	struct identity identity;
	struct user *user; /* its quota */
	size_t charged;    /* to it for output */
	size_t kept;       /* and for input and a transaction */
	uint32_t active_s; /* when it last did something, likewise */
	uint32_t n_channels, n_patterns, n_shards;
	struct subscription_list subscriptions;
	/*
	 * publishes_to_own: a receiver of `channel` is of this process; publish_allowed: this may publish to it; as
	 * of `generation`.
	 */
	struct {
		const struct channel *channel;
		uint64_t generation;
	} last_published;
	struct session_info *info; /* or NULL */
};

/* What few clients have; made when they do. Strings are owned, or NULL. */
struct session_info {
	char *name, *lib_name, *lib_version;
	struct transaction *transaction; /* or NULL */
	struct missed *missed;           /* or NULL */
	struct tap *tap;                 /* of who is told of messages; else NULL */
	struct feed *feed;               /* unhandled input in other modes than route, or NULL */
};

/* Takes over the identity's reference of its groups, also on failure. Returns 0 or -ENOMEM. */
int session_init(struct session *s, struct bus *bus, const struct identity *identity);

/* Leaves all channels and lists and drops what is queued or unhandled, but does not free s itself. */
void session_deinit(struct session *s, struct bus *bus);

/* list: where the session stands in state READY, WAITING and DEAD; else NULL. A dead session stays dead. */
void session_set_state(struct session *s, struct bus *bus, enum session_state state, struct session_list *list);
void session_set_out_state(struct session *s, struct bus *bus, enum session_out_state state);

/*
 * Lets it wait on a list. Returns false if it has died: looking up a channel may end a run, which kills who is too slow
 * for it.
 */
bool session_wait(struct session *s, struct bus *bus, struct session_list *list);

/* Takes no more commands and receives no more messages, and is closed when its output is written. */
void session_finish(struct session *s, struct bus *bus);

/* Receives no more messages, and is closed at the end of this pass, whatever is unsent. */
void session_kill(struct session *s, struct bus *bus);

/* The same where subscriptions must not change, in the middle of a delivery or a command: they end with the pass. */
void session_mark_dead(struct session *s, struct bus *bus);

/* Marks it dead, and says why. */
void session_out_of_memory(struct session *s, struct bus *bus);

/* Lets what it waits for be tried again. */
void session_resume(struct session *s, struct bus *bus);

/* Held against the limit after output was queued, or written. */
void session_check_clogged(struct session *s, struct bus *bus);

/* Other limits hold from now on. */
void session_check_limits(struct bus *bus);

/* Queues output; a session for which there is no memory is killed. barrier and messages: see outq_push(). */
void session_queue(struct session *s, struct bus *bus, struct chunk *chunk, size_t offset, size_t len,
                   struct barrier *barrier, uint32_t messages);

/* One line of the log about the session, with who it is before it; too many in a while are only counted. */
void session_log(const struct session *s, struct bus *bus, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Whether it takes no message now where the policy is to drop. is_large: of RUN_LARGE bytes and more. */
bool session_drops(const struct session *s, bool is_large);

/* Lets all be tried again that waited for a clogged receiver. */
void session_resume_throttled(struct bus *bus);

/* What all clients of one user may have sent that is not handled yet, in bytes. */
uint64_t session_kept_max(const struct bus *bus);

/* Bytes of input that are kept. */
size_t session_input_size(const struct session *s);

/* Charges its user with what it has sent and is not handled; if that is too much, it waits or is closed. */
void session_hold(struct session *s, struct bus *bus);

/* Receives no more messages, and what is queued for it is lost; its input counts all the same. */
void session_stop_output(struct session *s, struct bus *bus);

/* It stands for no client: it is not counted as one, and nobody may see it. */
void session_hide(struct session *s, struct bus *bus);

/* Who is clogged is disconnected: now, or if it still is when its socket was tried. */
void session_disconnect_slow(struct session *s, struct bus *bus);

/* It was tried to write its output: what outq_write() returned. It must not be dead. */
void session_flushed(struct session *s, struct bus *bus, enum outq_status status, size_t written,
                     struct barrier *barrier);

/* "uid 1000" or "an anonymous client", for errors. */
struct session_user {
	char text[32];
};

struct session_user session_user(const struct session *s);

/* A command has been done with: CLIENT REPLY SKIP moves on. */
void session_next_reply(struct session *s);

/* Whether it may do what is reserved to administrators: bus->admins, and the user that the daemon runs as. */
bool session_is_admin(const struct session *s, const struct bus *bus);

/* Whether it may know of the other and close it: its own user's, or any as an administrator. */
bool session_may_see(const struct session *s, const struct session *other, const struct bus *bus);

/* Returns the session's info, made if need be, or NULL when there is no memory. */
struct session_info *session_get_info(struct session *s);

/* Whether it speaks RESP3; RESP2 otherwise, if it speaks RESP at all. */
static inline bool
session_is_resp3(const struct session *s)
{
	return s->encoding == ENCODING_RESP3;
}

/* Whether it is told of all messages (UDSD MONITOR). */
static inline bool
session_is_tap(const struct session *s)
{
	return s->info && s->info->tap;
}

static inline bool
session_is_subscribed(const struct session *s)
{
	return !LIST_EMPTY(&s->subscriptions);
}

/* Whether replies to the command that runs are left out. */
static inline bool
session_is_muted(const struct session *s)
{
	return s->reply_mode >= REPLY_SKIP;
}

/* Whether both belong to one process, as far as the kernel tells. */
static inline bool
session_is_own(const struct session *a, const struct session *b)
{
	return a == b || (a->identity.pid != 0 && a->identity.pid == b->identity.pid);
}

static inline bool
session_is_live(const struct session *s)
{
	return s->state < SESSION_CLOSING;
}
