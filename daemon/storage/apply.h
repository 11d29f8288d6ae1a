/* Makes changes in the database, all or none. */
#pragma once

#include "changes.h"
#include "database.h"

/*
 * Makes the changes durable, in one transaction, which also deletes some blocks that are gone and gives back some spare
 * pages. NULL: does only that, and more of it. Returns 0; or a negative errno with the reason in database.failure, and
 * then nothing has changed.
 */
int apply_changes(struct database *database, const struct changes *changes);
