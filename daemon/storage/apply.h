/* Makes changes in the database, all or none. */
#pragma once

#include "changes.h"
#include "database.h"

/* Blocks deleted by one transaction; so many take some milliseconds. More are gone (gone.h). */
#define APPLY_DELETE_MAX 1000

/*
 * Makes the changes durable, in one transaction, which also deletes some blocks that are gone; NULL: only that. Returns
 * 0; or a negative errno with the reason in database.failure, and then nothing has changed.
 */
int apply_changes(struct database *database, const struct changes *changes);
