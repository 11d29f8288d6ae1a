/*
 * The commands of a session between MULTI and EXEC: copies, with a limit in bytes. EXEC runs them in one go, so that
 * no message of another client comes in between.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "arena.h"
#include "job.h"
#include "stream-id.h"

/* Where the look at one command goes on; all zero: at its begin. */
struct exec_needs_place {
	size_t at;
	struct stream_id id;
	uint64_t n;
	bool has_begun;
};

/* What EXEC knows of the blocks of streams that its commands will look into, see exec-needs.h. */
struct exec_needs {
	/* What the commands before it may do, at most. */
	uint64_t removed;                    /* entries that are deleted or acknowledged */
	uint64_t added;                      /* entries */
	uint64_t taken;                      /* entries that a group gives, */
	uint64_t n_reads;                    /* in so many commands */
	bool has_renamed;                    /* a key */
	struct slice trimmed;                /* the key that is trimmed last, */
	struct stream_id trimmed_to;         /* which leaves what comes after this one; */
	size_t trimmed_blocks;               /* so many blocks go */
	struct slice moved_key, moved_group; /* the group that is made or moved last, */
	struct stream_id moved_to;           /* to this id */
	struct exec_needs_place place;       /* of the command that is looked at */
	bool has_any;                        /* blocks that they look into */
	bool is_too_much;                    /* they do not fit into the cache */
};

struct transaction {
	STAILQ_HEAD(, queued_command) commands;
	size_t n;     /* number of commands, also after a failure */
	size_t bytes; /* of the commands */
	struct arena memory_of_commands;
	bool has_failed; /* a command was refused, so EXEC will be too */
	/* While EXEC is under way: the command that it checks or runs next, what its messages will cost, and more. */
	struct queued_command *next;
	bool is_checked, is_running;
	uint32_t answer;       /* of output_begin_answer() */
	bool is_answered;      /* all have run, and only what its client receives itself is left */
	bool has_paused;       /* the check took several turns */
	bool closes;           /* the client asked to be closed itself */
	bool is_too_long;      /* there are too many replies: the client is disconnected at the end */
	uint64_t memory, work; /* what its messages take in queues, in bytes; what was done for it (work.h) */
	uint64_t generation;   /* of what it found, when the check began */
	struct exec_needs needs;
	struct place place; /* of `next`, if that is not done */
};

/* Begins a transaction. Returns 0 or -ENOMEM. */
int transaction_begin(struct session *s);

/* Adds a copy of a command and replies QUEUED. If it does not fit, the transaction fails and an error is replied. */
void transaction_add(struct bus *bus, struct session *s, const struct command *row, const struct slice *argv,
                     size_t argc);

/* Makes EXEC fail, and frees the commands. */
void transaction_fail(struct bus *bus, struct session *s);

/* Ends and frees the session's transaction, if there is one. */
void transaction_end(struct bus *bus, struct session *s);
