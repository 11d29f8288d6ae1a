#include "tidy.h"

#include "apply.h"

/* Pages of the log that lead to a checkpoint: 4 MiB. */
#define TIDY_LOG_PAGES 1000

bool
tidy_has_work(const struct database *database)
{
	return ((database->has_gone || database->has_spare) && !database->is_untidy) || database->wants_checkpoint;
}

int
tidy_step(struct database *database)
{
	int r;

	if (database->is_untidy || (!database->has_gone && !database->has_spare))
		return database_checkpoint(database, false);
	r = apply_changes(database, NULL);
	return r < 0 ? r : tidy_log(database);
}

int
tidy_log(struct database *database)
{
	return database->log_pages < TIDY_LOG_PAGES ? 0 : database_checkpoint(database, false);
}
