/*
 * What receiving from channels and from streams has in common: the sink, the limits of time, signals and the end. Who
 * talks to the daemon (live.h, history.h) owns one, takes messages into its sink, and is told when to pause.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "deadline.h"
#include "protocol.h"
#include "sink.h"

struct client;
struct loop;
struct recv_options;

struct receiver_ops {
	/* The sink takes no more for now, or takes more again. Called again with the same value, too. */
	void (*pace)(void *arg, bool is_full);
	/* Whether it waits for nothing but messages. */
	bool (*is_waiting)(void *arg);
	/* The sink has handled something, or may have. May be NULL. */
	void (*handled)(void *arg);
};

struct receiver {
	const struct recv_options *o;
	struct loop *loop;
	struct sink *sink;
	struct client *client; /* belongs to its owner, who sets it */
	const struct receiver_ops *ops;
	void *arg;
	struct deadline deadline, signal_deadline, silence;
	uint64_t missed;     /* messages that were dropped, or removed before they were read */
	uint64_t counted;    /* messages when progress was last noted */
	bool has_complained; /* a temporary error was said since the last message */
	bool finishing;      /* the connection is closed; the sink is not idle yet */
	int status;          /* exit status, while finishing */
};

/* Returns 0, or an exit status after saying why; receiver_deinit() is needed in any case. */
int receiver_init(struct receiver *r, const struct recv_options *o, const struct receiver_ops *ops, void *arg);
void receiver_deinit(struct receiver *r);

/* Starts the client and runs the loop. Returns the exit status. */
int receiver_run(struct receiver *r);

/* Reports the totals. Returns the exit status, given that of receiver_run(). */
int receiver_report(const struct receiver *r, int status);

/* Closes the connection, and ends with the status as soon as the sink is idle. */
void receiver_finish(struct receiver *r, int status);

/* Messages that may still be taken. */
uint64_t receiver_left(const struct receiver *r);

/* A connection was made; something has come on it; it is lost. */
void receiver_is_up(struct receiver *r);
void receiver_heard(struct receiver *r);
void receiver_is_down(struct receiver *r);

/* Call after messages were taken: writes them, ends if it is time to, paces. */
void receiver_took(struct receiver *r);

/* The daemon answered with an error: the connection is dropped where another may do better, else this is the end. */
void receiver_refused(struct receiver *r, struct slice error);
