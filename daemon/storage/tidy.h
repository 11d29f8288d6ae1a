/* What is done for the database while there is nothing else to do, in small steps: deleting what is gone, giving free
 * pages back to the file system, and checkpoints. */
#pragma once

#include <stdbool.h>

#include "database.h"
#include "room.h"

struct tidy {
	bool wants_checkpoint; /* only that makes the file smaller */
};

bool tidy_has_work(const struct tidy *tidy, const struct database *database, const struct room *room);

/* Does one step. Returns 0; or a negative errno with the reason in database.failure. */
int tidy_step(struct tidy *tidy, struct database *database, const struct room *room);

/* Makes a checkpoint if the log has grown long. Returns likewise. */
int tidy_log(struct tidy *tidy, struct database *database);
