/* The options of udsctl send. */
#pragma once

#include "options.h"

struct send_options {
	struct options common;
	struct option_list files;
	bool null;  /* messages end with NUL */
	bool whole; /* all of an input is one message */
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
};
