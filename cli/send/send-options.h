/* The options of udsctl send. */
#pragma once

#include "buf.h"
#include "options.h"
#include "way.h"

struct send_options {
	struct options common;
	struct option_list files;
	const char *follow, *position; /* files; or NULL */
	bool null;                     /* messages end with NUL */
	bool whole;                    /* all of an input is one message */
	struct option_rate rate;
	uint64_t wait_receivers; /* 0: not given */
	struct option_limit rejoin;
	bool require_receiver;
	uint64_t queue_bytes; /* 0: not given */
	const char *spool;    /* file; or NULL */
	uint64_t spool_bytes; /* 0: not given */
	bool spool_sync;
	bool progress, no_progress;
	bool summary;

	bool store;
	uint64_t delay_ms; /* 0: not given */
	const char *at;    /* or NULL */
	const char *id;    /* or NULL */
	struct option_list fields;
	bool print_id;

	/* Set by send_options_complete(). */
	struct way way;
	struct buf more; /* of way.fields */
};

extern const struct option_row send_rows[];

/* Sets what follows from the options. Returns EX_OK, or an exit status after saying what is wrong with them. */
int send_options_complete(struct send_options *o);
