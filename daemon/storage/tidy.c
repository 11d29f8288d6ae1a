#include "tidy.h"

#include "apply.h"

/* Free pages that are kept, so that the file does not shrink and grow all the time: so many, and a share of all. */
#define TIDY_SPARE_PAGES 256
#define TIDY_SPARE_SHARE 8
/* Pages of the log that lead to a checkpoint: 4 MiB. */
#define TIDY_LOG_PAGES 1000

static bool
tidy_has_spare_pages(const struct room *room)
{
	return room->free_pages > TIDY_SPARE_PAGES + (room->pages - room->free_pages) / TIDY_SPARE_SHARE;
}

bool
tidy_has_work(const struct tidy *tidy, const struct database *database, const struct room *room)
{
	return database->has_gone || tidy_has_spare_pages(room) || tidy->wants_checkpoint;
}

int
tidy_step(struct tidy *tidy, struct database *database, const struct room *room)
{
	int r;

	if (!database->has_gone && !tidy_has_spare_pages(room)) {
		r = database_checkpoint(database, false);
		tidy->wants_checkpoint = r < 0;
		return r;
	}
	r = database->has_gone ? apply_changes(database, NULL) : database_run(database, DATABASE_VACUUM);
	if (r < 0)
		return r;
	tidy->wants_checkpoint = true;
	return tidy_log(tidy, database);
}

int
tidy_log(struct tidy *tidy, struct database *database)
{
	int r;

	if (database->log_pages < TIDY_LOG_PAGES)
		return 0;
	if ((r = database_checkpoint(database, false)) == 0)
		tidy->wants_checkpoint = false;
	return r;
}
