/*
 * What is done for the database while there is nothing else to do, in small steps: deleting what is gone, giving spare
 * pages back to the file system, and checkpoints. Functions return 0; or a negative errno with the reason in
 * database.failure.
 */
#pragma once

#include <stdbool.h>

#include "database.h"

bool tidy_has_work(const struct database *database);

/* Does one step. */
int tidy_step(struct database *database);

/* Makes a checkpoint if the log has grown long. */
int tidy_log(struct database *database);
