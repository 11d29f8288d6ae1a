/* The options of udsctl recv. */
#pragma once

#include "options.h"

struct recv_options {
	struct options common;
	struct option_list patterns;
	bool null;             /* messages end with NUL */
	bool raw;              /* bytes as they are: nothing is replaced or appended */
	uint64_t count;        /* 0: not given */
	const char *format;    /* or NULL */
	const char *exec;      /* or NULL */
	uint64_t jobs;         /* 0: not given */
	uint64_t queue_bytes;  /* of messages that wait for their command; 0: not given */
	uint64_t stop_timeout; /* ms; 0: not given */
	bool stop_on_error;
	bool summary;
	const char *from;     /* where to begin in streams; or NULL */
	const char *position; /* the file of positions; or NULL */
	const char *into;     /* the file that messages go to; or NULL */
	bool no_wait;         /* end when there is nothing more in the streams */
};
