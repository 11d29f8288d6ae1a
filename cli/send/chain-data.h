/* The struct that chain.c and chain-files.c share. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "follow-file.h"
#include "position.h"

TAILQ_HEAD(follow_files, follow_file);

struct chain {
	const char *path; /* of the log */
	char delimiter;
	struct follow_files files;
	size_t n;
	struct follow_file *log; /* the file that has the name, while it is not one of them; else NULL */
	uint64_t generation;     /* of the newest file, or of the last one there was */
	int said;                /* errno of the last complaint about the log */
	uint64_t searched_at;    /* loop_now() */
	int inotify;             /* tells of changes of the files; or -1 */

	struct position position; /* file: NULL without one */
	bool is_loaded;           /* the marks of the position have become files */
	bool is_last_lost;        /* of those, the last was not found */
	bool is_saved;
	uint64_t saved_at; /* loop_now() */
};
