/* The table is nearly always empty, which database.has_gone says without a look at it. */
#include "gone.h"

#include <string.h>

struct range {
	uint8_t first[STORAGE_ID_SIZE], last[STORAGE_ID_SIZE];
};

static void
gone_bind(struct database *database, enum database_statement which, uint64_t stream, const struct range *range)
{
	sqlite3_stmt *statement = database_get(database, which);

	sqlite3_bind_int64(statement, 1, (sqlite3_int64)stream);
	database_bind_blob(statement, 2, range->first, sizeof(range->first));
	database_bind_blob(statement, 3, range->last, sizeof(range->last));
}

static int
gone_add(struct database *database, uint64_t stream, const struct range *range)
{
	database->has_gone = true;
	gone_bind(database, DATABASE_ADD_GONE, stream, range);
	return database_run(database, DATABASE_ADD_GONE);
}

static int
gone_remove(struct database *database, uint64_t stream, const struct range *range)
{
	sqlite3_stmt *statement = database_get(database, DATABASE_REMOVE_GONE);

	sqlite3_bind_int64(statement, 1, (sqlite3_int64)stream);
	database_bind_blob(statement, 2, range->first, sizeof(range->first));
	return database_run(database, DATABASE_REMOVE_GONE);
}

static bool
gone_get_id(sqlite3_stmt *statement, int column, uint8_t *ret_id)
{
	const void *id = sqlite3_column_blob(statement, column);

	if (!id || sqlite3_column_bytes(statement, column) != STORAGE_ID_SIZE)
		return false;
	memcpy(ret_id, id, STORAGE_ID_SIZE);
	return true;
}

/* Finds a range that has something in common with this one: 1 or 0. */
static int
gone_find(struct database *database, uint64_t stream, const struct range *range, struct range *ret_range)
{
	sqlite3_stmt *statement = database_get(database, DATABASE_FIND_GONE);
	bool is_whole;
	int r;

	if (!database->has_gone)
		return 0;
	/* The last one that begins before the end of this range; those before it end earlier, too. */
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)stream);
	database_bind_blob(statement, 2, range->last, sizeof(range->last));
	if ((r = database_row(database, DATABASE_FIND_GONE)) <= 0)
		return r;
	is_whole = gone_get_id(statement, 0, ret_range->first) && gone_get_id(statement, 1, ret_range->last);
	database_reset(database, DATABASE_FIND_GONE);
	if (!is_whole)
		return database_fail(database, SQLITE_CORRUPT);
	return memcmp(ret_range->last, range->first, sizeof(range->first)) >= 0;
}

/* Deletes at most `most` blocks of the range, the first ones. Returns how many. */
static int
gone_delete_some(struct database *database, uint64_t stream, const struct range *range, unsigned int most)
{
	int r;

	gone_bind(database, DATABASE_DELETE_BLOCKS, stream, range);
	sqlite3_bind_int64(database_get(database, DATABASE_DELETE_BLOCKS), 4, most);
	r = database_run(database, DATABASE_DELETE_BLOCKS);
	return r < 0 ? r : sqlite3_changes(database->sqlite);
}

int
gone_delete(struct database *database, uint64_t stream, const uint8_t first[STORAGE_ID_SIZE],
            const uint8_t last[STORAGE_ID_SIZE], unsigned int *budget)
{
	struct range range, other;
	int r;

	memcpy(range.first, first, sizeof(range.first));
	memcpy(range.last, last, sizeof(range.last));
	if (*budget > 0) {
		if ((r = gone_delete_some(database, stream, &range, *budget)) < 0)
			return r;
		*budget -= (unsigned int)r;
		if (*budget > 0)
			return 0;
	}
	gone_bind(database, DATABASE_FIRST_BLOCK, stream, &range);
	if ((r = database_row(database, DATABASE_FIRST_BLOCK)) <= 0)
		return r;
	database_reset(database, DATABASE_FIRST_BLOCK);
	/* Ranges that overlap become one: all that is in either is deleted. */
	while ((r = gone_find(database, stream, &range, &other)) > 0) {
		if ((r = gone_remove(database, stream, &other)) < 0)
			return r;
		if (memcmp(other.first, range.first, sizeof(other.first)) < 0)
			memcpy(range.first, other.first, sizeof(other.first));
		if (memcmp(other.last, range.last, sizeof(other.last)) > 0)
			memcpy(range.last, other.last, sizeof(other.last));
	}
	return r < 0 ? r : gone_add(database, stream, &range);
}

/* The next larger id, or smaller one. There must be one. */
static void
gone_step_id(uint8_t id[STORAGE_ID_SIZE], bool is_up)
{
	for (int i = STORAGE_ID_SIZE - 1; i >= 0; i--) {
		if (is_up ? ++id[i] != 0 : id[i]-- != 0)
			return;
	}
}

int
gone_except(struct database *database, uint64_t stream, const uint8_t id[STORAGE_ID_SIZE])
{
	struct range here, found, before, after;
	int r;

	memcpy(here.first, id, sizeof(here.first));
	memcpy(here.last, id, sizeof(here.last));
	if ((r = gone_find(database, stream, &here, &found)) <= 0)
		return r;
	if ((r = gone_remove(database, stream, &found)) < 0)
		return r;
	before = after = found;
	if (memcmp(found.first, id, STORAGE_ID_SIZE) < 0) {
		memcpy(before.last, id, sizeof(before.last));
		gone_step_id(before.last, false);
		if ((r = gone_add(database, stream, &before)) < 0)
			return r;
	}
	if (memcmp(id, found.last, STORAGE_ID_SIZE) < 0) {
		memcpy(after.first, id, sizeof(after.first));
		gone_step_id(after.first, true);
		r = gone_add(database, stream, &after);
	}
	return r;
}

int
gone_has(struct database *database, uint64_t stream, const uint8_t id[STORAGE_ID_SIZE])
{
	struct range here, found;

	memcpy(here.first, id, sizeof(here.first));
	memcpy(here.last, id, sizeof(here.last));
	return gone_find(database, stream, &here, &found);
}

int
gone_sweep(struct database *database, unsigned int budget)
{
	sqlite3_stmt *any = database_get(database, DATABASE_ANY_GONE);

	while (database->has_gone && budget > 0) {
		struct range range;
		uint64_t stream;
		bool is_whole;
		int r = database_row(database, DATABASE_ANY_GONE);

		if (r < 0)
			return r;
		if (r == 0) {
			database->has_gone = false;
			break;
		}
		stream = (uint64_t)sqlite3_column_int64(any, 0);
		is_whole = gone_get_id(any, 1, range.first) && gone_get_id(any, 2, range.last);
		database_reset(database, DATABASE_ANY_GONE);
		if (!is_whole)
			return database_fail(database, SQLITE_CORRUPT);
		if ((r = gone_delete_some(database, stream, &range, budget)) < 0)
			return r;
		budget -= (unsigned int)r;
		if (budget > 0 && (r = gone_remove(database, stream, &range)) < 0)
			return r;
	}
	return 0;
}

int
gone_check(struct database *database)
{
	int r = database_row(database, DATABASE_ANY_GONE);

	if (r > 0)
		database_reset(database, DATABASE_ANY_GONE);
	/* If that cannot be known now, it is looked up each time. */
	database->has_gone = r != 0;
	return r < 0 ? r : 0;
}
