/* A copy of the whole database into a new file, made in steps, between which the database may be written. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "database.h"

struct copy {
	sqlite3 *to;
	sqlite3_backup *backup;
	char *path, *part; /* what it is called in the end, and until then */
	int fd;            /* of the same file, for flushes */
	unsigned int unflushed;
};

/* Begins to copy to path, which the copy frees in the end. Returns 0 or -errno. */
int copy_begin(struct copy *copy, struct database *database, char *path);

/* Copies some pages. Returns 1 while there are more, 0 when the copy is complete and durable; or -errno. Then it has
 * ended. */
int copy_step(struct copy *copy);

/* Gives up a copy that has begun. */
void copy_abort(struct copy *copy);
