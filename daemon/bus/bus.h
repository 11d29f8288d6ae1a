/*
 * The bus of one loop: its clients, the channels, and the messages between them. There is no other mutable state in
 * the data path, so that several loops can run side by side one day.
 */
#pragma once

#include "access.h"
#include "flow.h"
#include "missed.h"
#include "router.h"
#include "run.h"
#include "tap.h"

struct bus {
	struct flow flow;
	struct missed_table missed;
	struct router router;
	struct run run;
	struct taps taps;
	struct access access;
};

/* Returns 0 or -errno. */
int bus_init(struct bus *bus, const struct limits *limits);

/* All clients must be gone. */
void bus_deinit(struct bus *bus);

/* As router_subscribe(). */
int bus_subscribe(struct bus *bus, struct client *c, enum subscription_kind kind, struct slice name);

/* Returns whether there was such a subscription. */
bool bus_unsubscribe(struct bus *bus, struct client *c, enum subscription_kind kind, struct slice name);

/* Ends all subscriptions of the client. */
void bus_leave(struct bus *bus, struct client *c);

/* What is published from now on comes to the client in that encoding. */
void bus_set_encoding(struct bus *bus, struct client *c, enum encoding encoding);

/* Takes no more commands and receives no more messages, and is closed when its output is written. */
void bus_finish(struct bus *bus, struct client *c);

/* Receives no more messages, and is closed at the end of this pass, whatever is unsent. */
void bus_kill(struct bus *bus, struct client *c);

/* Receives no more messages, and what is queued for it is lost; its input counts all the same. */
void bus_stop_output(struct bus *bus, struct client *c);

/* The client is gone: leaves all channels and lists, and drops what is queued. */
void bus_dismiss(struct bus *bus, struct client *c);

/* Other limits hold from now on. */
void bus_set_limits(struct bus *bus, const struct limits *limits);

/* Other rules hold from now on; who is subscribed to a channel that is not open to him any more is disconnected. */
void bus_set_rules(struct bus *bus, const struct access_rules *rules);

/* EXEC is done: flow.executing gets what it published to itself, and is NULL again. */
void bus_end_exec(struct bus *bus);

static inline bool
bus_is_admin(const struct bus *bus, const struct client *c)
{
	return access_is_admin(&bus->access, &c->identity);
}
