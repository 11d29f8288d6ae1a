/*
 * The ledger of work. One thread serves all, so whoever works makes the others wait. What walks, matches, hashes,
 * copies, encodes, delivers or writes adds to `done` what it costs, where it does it. One unit is about a nanosecond of
 * a present-day machine (tests/bench/work measures it).
 *
 * A client's turn ends after WORK_TURN units, and in one pass the clients of one user get WORK_USER units together
 * (user.h); what is not done then goes on in a later pass. Reading ends after WORK_PASS units, writing and closing
 * after WORK_OUTPUT more. Matching a name with very many patterns, and delivering a message to very many receivers, is
 * done in portions (pass.c). A step that cannot be cut, such as the delivery of one message to fewer receivers, may
 * exceed its turn once; WORK_LIMIT is what no pass exceeds then, which tests/bats/work.bats proves.
 *
 * What is left that no limit for one user bounds is a look at all receivers of a channel when some have changed or are
 * clogged: about 25 units for each. It exceeds WORK_LIMIT where a channel has some 300,000.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define WORK_TURN ((uint64_t)500 * 1000)
#define WORK_USER ((uint64_t)2000 * 1000)
#define WORK_PASS ((uint64_t)4000 * 1000)
#define WORK_OUTPUT ((uint64_t)2000 * 1000)
#define WORK_LIMIT ((uint64_t)16 * 1000 * 1000)

/* A message whose delivery costs more than this is wide: it is delivered in portions. */
#define WORK_WIDE ((uint64_t)1000 * 1000)

/* What common steps cost. */
#define WORK_COMMAND 30   /* parsing one command with few arguments, and its reply */
#define WORK_ARGUMENT 15  /* parsing one argument of a command with many */
#define WORK_SYSCALL 1000 /* a read or a close of a socket, and the like */
#define WORK_WRITE 2000   /* a write to a socket, which may wake its reader */
#define WORK_VISIT 10     /* looking at one client, channel or other piece of memory in a walk */
#define WORK_QUEUE 60     /* queueing output for one client */
#define WORK_LOOKUP 100   /* finding, making or freeing something in a table */
#define WORK_LINE 1500    /* formatting a line of several figures */
#define WORK_ERROR 150    /* formatting an error reply */

/* What copying or hashing so many bytes costs. Writing them to a socket costs twice as much, reading four times. */
#define WORK_BYTES(n) ((uint64_t)(n) / 8)
#define WORK_FRESH 4 /* so many times as much if that is the first use of the memory */

struct work {
	uint64_t done;     /* since the start */
	uint64_t turn_end; /* the value of `done` with which the turn of the client ends that runs */
	uint64_t pass_end; /* likewise for reading in this pass */
	uint64_t pass_begin;
	uint64_t max;   /* units of the costliest pass */
	uint64_t share; /* the number of the share that users have now: is counted up with each new one */
	/* Constant, but for tests: WORK_WIDE; and what a search for matches may cost in a turn, in a pass four times
	 * that. */
	uint64_t wide, step;
};

/* Whether the client that runs has to stop, and go on in a later pass. */
static inline bool
work_is_turn_over(const struct work *work)
{
	return work->done >= work->turn_end;
}

/* Whether this pass should handle no more input. */
static inline bool
work_is_pass_over(const struct work *work)
{
	return work->done >= work->pass_end;
}

/* Ends the account of one pass and begins the next. */
static inline void
work_end_pass(struct work *work)
{
	uint64_t units = work->done - work->pass_begin;

	if (units > work->max)
		work->max = units;
	work->pass_begin = work->done;
	work->pass_end = work->done + WORK_PASS;
}
