/* Moves new messages, as they come, into a spool. It says what goes wrong with that. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "doubt.h"
#include "timer.h"
#include "way.h"

struct lines;
struct loop;
struct send_options;
struct spool;

/* Zero-initialised before intake_init(). */
struct intake {
	const struct send_options *o;
	struct way *way; /* of new messages */
	struct lines *lines;
	struct spool *spool;
	struct doubt doubt; /* whether the first lines of the input are in it already */
	uint64_t known;     /* those that were */
	struct buf packed;  /* the way, as the spool has it */
	bool stuck;         /* something cannot be written to the spool */
	uint64_t stuck_at;  /* when that was last so */
	bool said_stuck, said_full;
	struct timer retry;
};

/* What is passed stays the caller's. */
void intake_init(struct intake *in, const struct send_options *o, struct way *way, struct lines *lines,
                 struct spool *spool);

/* cb: call intake_fill(), as what could not be written may be written now. */
void intake_start(struct intake *in, struct loop *loop, timer_cb *cb, void *arg);

void intake_deinit(struct intake *in);

/* Moves what has come in. */
void intake_fill(struct intake *in);
