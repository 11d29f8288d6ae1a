/*
 * What a command about many ids or pending entries has done so far. It is kept in sessions.place when its turn is over,
 * or when it waits for a block from disk, and the handler goes on with it when it runs again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "answer.h"
#include "keyspace.h"

struct xread_claims;

struct xwork {
	struct answer answer; /* if has_answer */
	bool has_answer;
	size_t list;           /* where a list begins in the answer whose length is n */
	uint64_t n;            /* what is counted */
	struct stream_id at;   /* pending entries from here on */
	uint64_t left, tries;  /* so many are still wanted, and looked at */
	struct stream_id *ids; /* collected ids */
	size_t n_ids, ids_cap;
	void *extra;                 /* what else the command has to know, or NULL; freed with free() */
	struct xread_claims *claims; /* likewise: that are searched for */
	bool is_moving;              /* a step was done in this turn, or is */
	size_t charged;              /* memory that the user is charged with while it is kept */
};

/* A handler with its work. next: where it goes on; 0: it begins, and the work is all zero. */
typedef enum command_result xwork_handler(struct bus *bus, struct session *s, const struct slice *argv, size_t argc,
                                          struct xwork *work, size_t next);

/* Runs a handler with the work that was kept, if any, and drops the work when it is done. */
enum command_result xwork_run(struct bus *bus, struct session *s, const struct slice *argv, size_t argc,
                              xwork_handler *run);

/* Replies the answer, which waits for what was changed in the stream (NULL: in any). Returns COMMAND_DONE. */
enum command_result xwork_send(struct bus *bus, struct streams *streams, const struct stream *stream,
                               struct xwork *work);

/*
 * To be asked before each step: whether the turn is over. Then the work is kept, the command returns COMMAND_MORE and
 * goes on at next, not 0. Each turn has one step at least, even if looking at the arguments takes all of it.
 */
bool xwork_must_pause(struct bus *bus, struct session *s, struct xwork *work, size_t next);

/* After STREAM_COLD: keeps the work, to go on at next, not 0. Returns the result of the handler. */
enum command_result xwork_wait_cold(struct bus *bus, struct session *s, struct streams *streams, struct xwork *work,
                                    size_t next);

/* Whether argv[first .. argc) are ids; otherwise replies an error. */
bool xwork_require_ids(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, size_t first);

/* Returns 0 or -ENOMEM. */
int xwork_add_id(struct xwork *work, struct stream_id id);
