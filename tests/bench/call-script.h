/*
 * Requests to a service, in the protocol of one server: what callers and workers send, and how what they get is cut
 * into frames. A payload has only letters and digits.
 */
#pragma once

#include <stdbool.h>

#include "protocol.h"

/* The longest payload, and the longest word that an answer needs from its request. */
#define CALL_WORD_MAX 128

struct call_frame {
	size_t len;                  /* 0: it is not whole */
	bool is_error;               /* the server refuses what was sent */
	char payload[CALL_WORD_MAX]; /* "": it is neither a request nor an answer */
	char token[CALL_WORD_MAX];   /* of a request: what its answer must name */
};

struct call_script {
	bool has_one_worker; /* there can be no others */
	/* Behind the hello: what a worker says first, and what a caller says first. NULL: nothing. */
	void (*serve)(struct exchange *x);
	void (*attend)(unsigned int caller, struct exchange *x);
	/* A worker asks for one request more; NULL: it gets them unasked. */
	void (*next)(struct buf *b);
	bool asks_ahead; /* it may do so before it has answered the last one */
	/* The request, nth of those that its caller sends at once. */
	void (*call)(unsigned int caller, unsigned int nth, const char *payload, struct buf *b);
	/* What fetches its answer, behind all these requests; NULL: it comes by itself. */
	void (*fetch)(unsigned int caller, unsigned int nth, struct buf *b);
	/* A worker answers, and asks for one request more. */
	void (*answer)(const char *token, const char *payload, struct buf *b);
	/* Reads what a worker or a caller has got, at its begin. */
	void (*read_request)(const char *data, size_t len, struct call_frame *ret_frame);
	void (*read_answer)(const char *data, size_t len, struct call_frame *ret_frame);
};

extern const struct call_script call_script_udsd;
extern const struct call_script call_script_redis; /* lists, as libraries for queues use them */
extern const struct call_script call_script_nats;
extern const struct call_script call_script_dbus;
