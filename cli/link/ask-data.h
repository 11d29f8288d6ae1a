/*
 * What the questions (ask-questions.c) and the connection that they go over (ask-connection.c) share; nobody else looks
 * into it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ask.h"
#include "buf.h"
#include "deadline.h"
#include "replies.h"
#include "resp-reply.h"
#include "timer.h"

enum ask_state {
	ASK_NEW,      /* no connection was tried */
	ASK_STARTED,  /* nothing has been answered */
	ASK_ANSWERED, /* it is a bus */
};

/* What becomes of an expected reply. */
enum ask_use { ASK_USE_COPY, ASK_USE_COUNT, ASK_USE_CALL };

struct ask {
	struct loop *loop;
	struct client *client;
	struct deadline deadline;
	struct timer timer; /* of ask_wait() */
	bool lasts;
	uint64_t end;                     /* loop_now() when no connection is waited for any more; UINT64_MAX: never */
	struct timer patience;            /* runs until then while there is none */
	struct replies_expected expected; /* of the question at hand */
	enum ask_state state;
	struct buf out; /* the command */
	size_t written;
	uint64_t written_at, took; /* ns */
	struct replies replies;
	struct buf answer; /* ASK_USE_COPY: the bytes of the reply, and their nodes */
	struct resp_reply reply;
	struct output *output; /* standard output; NULL before the first ask_flush() */
	bool listens;
	bool takes_errors; /* an error is a reply to the question at hand */
	ask_cb *cb;        /* gets elements, and what comes unasked; or NULL */
	void *arg;
};

/* Sends what is in `out`, and waits for what is expected. Returns as questions do. */
int ask_converse(struct ask *a, struct replies_expected expected, ask_cb *cb, void *arg);

/* Everything that comes now goes to the callback of the last question, until that ends it. Returns as questions do. */
int ask_listen_on(struct ask *a);
