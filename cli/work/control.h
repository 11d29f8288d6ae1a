/*
 * The connection on which a worker says what became of its jobs, and asks for what holds for them. Answers come in the
 * order of the commands. What is not answered when the connection is lost is sent again on the next one if it is a
 * verdict, else forgotten.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "job.h"
#include "resp-reply.h"

struct addr_list;
struct control;
struct loop;

enum control_kind {
	CONTROL_CREATE,
	CONTROL_RULE,
	CONTROL_SET,
	CONTROL_CLAIM,
	CONTROL_LEASE,
	CONTROL_SYNC,
	CONTROL_UNBLOCK,
	CONTROL_LOOK,
	CONTROL_LEAVE,
	/* Verdicts: what became of a job. */
	CONTROL_DONE,
	CONTROL_BACK, /* it is given back */
};

struct control_request {
	enum control_kind kind;
	size_t stream;       /* of the plan */
	char id[JOB_ID_MAX]; /* of the job, or "" */
};

struct control_ops {
	void (*up)(void *arg);
	/* nodes: of the reply; an error, too. Verdicts are answered without an error. */
	void (*reply)(void *arg, const struct control_request *request, const struct resp_node *nodes);
	void (*down)(void *arg);
};

struct control *control_new(struct loop *loop, const struct addr_list *addr, const struct control_ops *ops, void *arg);
void control_free(struct control *c);
void control_start(struct control *c);

/* Queues a command and writes it when the loop runs next. */
void control_send(struct control *c, struct control_request request, const struct slice *words, size_t n);

/* The other side is to close this connection: there will be a new one. */
void control_renew(struct control *c);

bool control_is_up(const struct control *c);
/* As client_explain(). */
void control_explain(const struct control *c, char *text, size_t size);
/* Verdicts that are not answered; those by which jobs are given back; and whether one is that this job is done. */
uint64_t control_verdicts(const struct control *c);
uint64_t control_returns(const struct control *c);
bool control_has_done(const struct control *c, size_t stream, const char *id);
/* How long the daemon took lately to answer a verdict, in ns; 0: not known. */
double control_trip_ns(const struct control *c);
