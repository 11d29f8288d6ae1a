/*
 * The bus of one loop: its clients, the channels, and the messages between them. The data path has no other state that
 * changes, so that one process can have several loops.
 */
#pragma once

#include "access.h"
#include "batch.h"
#include "flow.h"
#include "missed.h"
#include "services.h"
#include "subscriptions.h"
#include "tap.h"

struct streams;
struct stream_rules;

struct bus {
	struct flow flow;
	struct missed_table missed;
	struct subscriptions subscriptions;
	struct replays replays;
	struct batch batch;
	struct taps taps;
	struct services services;
	struct access access;
	struct streams *streams; /* or NULL: there is no store */
	const char *refusal;     /* why publish_message() has refused a message; valid until its next call */
	bool is_checking_rules;  /* with rules_walk, see bus_check_rules() */
	struct channel_walk rules_walk;
};

/* Returns 0 or -errno. */
int bus_init(struct bus *bus, const struct limits *limits);

/* All clients must be gone. */
void bus_deinit(struct bus *bus);

/* As subscriptions_add(), also while a batch is open. */
int bus_subscribe(struct bus *bus, struct client *c, enum subscription_kind kind, struct slice name);

/* Returns whether there was such a subscription. */
bool bus_unsubscribe(struct bus *bus, struct client *c, enum subscription_kind kind, struct slice name);

/*
 * Ends subscriptions of the client until work.done is `end` (UINT64_MAX: all of them), but none while a wide message is
 * delivered. Returns whether none is left.
 */
bool bus_leave_until(struct bus *bus, struct client *c, uint64_t end);

/* Messages that are published from now on are written in that encoding for the client. */
void bus_set_encoding(struct bus *bus, struct client *c, enum encoding encoding);

/* Ends the client: it takes no more commands, receives no more messages, and is closed once its output is written. */
void bus_finish(struct bus *bus, struct client *c);

/* Disconnects the client: it receives no more messages, and the end of this pass closes it, whatever is unsent. */
void bus_kill(struct bus *bus, struct client *c);

/* Nothing can be written any more: ends its subscriptions and drops its output, but goes on handling its input. */
void bus_stop_output(struct bus *bus, struct client *c);

/* Forgets a client that is about to be freed: it leaves all channels and lists, and its output is dropped. */
void bus_dismiss(struct bus *bus, struct client *c);

/* Other limits hold from now on, also for what is queued. */
void bus_set_limits(struct bus *bus, const struct limits *limits);

/*
 * Other rules hold from now on, for every message; NULL: none. Clients subscribed to a channel that they may not
 * receive are disconnected: by this call, if there are few channels, else by bus_check_rules() in the passes that
 * follow.
 */
void bus_set_rules(struct bus *bus, const struct access_rules *rules);
void bus_check_rules(struct bus *bus);

/*
 * The streams that messages are stored in (NULL: there are none), and the rules that say which messages; they stay the
 * caller's.
 */
void bus_set_streams(struct bus *bus, struct streams *streams, const struct stream_rules *rules);

/* Ends the EXEC of flow.executing, which then gets what was published to it meanwhile. */
void bus_end_exec(struct bus *bus);

/* Prepares that: the client gets what is due to it until work.done is `end`. Returns whether that was all. */
bool bus_deliver_deferred(struct bus *bus, uint64_t end);

static inline bool
bus_is_admin(const struct bus *bus, const struct client *c)
{
	return access_is_admin(&bus->access, &c->identity);
}
