/*
 * The position file of a log that is followed: its files that are not answered to their end, the older first, each with
 * the mark of what is; marks of the last ones that were; and a random number, by which the daemon knows what comes from
 * there.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "follow-file.h"

#define POSITION_FILES_MAX 16

struct state_file;

struct position {
	const char *path;
	struct state_file *file;
	bool said; /* that it cannot be written */

	uint64_t identity;
	uint64_t saved_s;                             /* Unix time, of what was loaded */
	struct follow_mark marks[POSITION_FILES_MAX]; /* n of them */
	struct follow_mark gone[POSITION_FILES_MAX];  /* n_gone of them */
	size_t n, n_gone;
};

/* Returns EX_OK, or an exit status after saying what went wrong. A new file has no marks. The path stays the caller's.
 */
int position_open(struct position *p, const char *path);
void position_close(struct position *p);

/* The file of the mark is answered to its end. */
void position_add_gone(struct position *p, const struct follow_mark *mark);

/* Writes the marks. Returns whether they are on the disk; says once why not. */
bool position_save(struct position *p);
