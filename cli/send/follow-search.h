/*
 * Finds what a log has become that was rotated: files beside it whose names begin like its own, such as app.log.1,
 * app.log-20261201 or app-20261201.log.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "follow-file.h"

/*
 * Opens the file that the mark is of, or a copy of it: the log itself, or one beside it. Returns a descriptor, or -1 if
 * there is none.
 */
int follow_search(const char *path, const struct follow_mark *mark);

struct follow_found {
	int fd;
	uint64_t size; /* bytes */
	struct timespec modified;
};

#define FOLLOW_FOUND_MAX 64

/*
 * Opens logs that may have come after a file that was last written to at `since`, before the log itself; the older
 * first. Returns how many. *ret_log: the log itself, at the same moment, or -1; NULL: it is not needed.
 */
size_t follow_search_later(const char *path, struct timespec since, struct follow_found ret_found[FOLLOW_FOUND_MAX],
                           int *ret_log);

/* Whether the directory of the log has changed later than at *at, which then is set to when. */
bool follow_search_has_changed(const char *path, struct timespec *at);
