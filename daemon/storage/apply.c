#include "apply.h"

#include <errno.h>

#include "gone.h"

/* Blocks that one transaction deletes at once; so many take some milliseconds. More are gone (gone.h). */
#define APPLY_DELETE_MAX 250
/* Blocks that are gone, and deleted by each transaction beside its own changes. */
#define APPLY_SWEEP 50

static sqlite3_stmt *
apply_bind_key(struct database *database, enum database_statement which, const struct change *change)
{
	sqlite3_stmt *statement = database_get(database, which);

	sqlite3_bind_int(statement, 1, (int)change->table);
	sqlite3_bind_int64(statement, 2, (sqlite3_int64)change->owner);
	if (which != DATABASE_DELETE_OWNER)
		database_bind_blob(statement, 3, change->key.p, change->key.len);
	return statement;
}

static int
apply_put(struct database *database, const struct change *change)
{
	sqlite3_stmt *statement = apply_bind_key(database, DATABASE_PUT, change);

	sqlite3_bind_int64(statement, 4, database_checksum(change->table, change->owner, change->key, change->value));
	database_bind_blob(statement, 5, change->value.p, change->value.len);
	return database_run(database, DATABASE_PUT);
}

/* There is at most one block with an id, which is updated. An upsert would need an index of its own for that. */
static int
apply_put_block(struct database *database, const struct change *change)
{
	sqlite3_stmt *find = database_get(database, DATABASE_FIND_BLOCK), *put;
	enum database_statement which = DATABASE_INSERT_BLOCK;
	int r = gone_except(database, change->owner, change->key.p);

	if (r < 0)
		return r;
	sqlite3_bind_int64(find, 1, (sqlite3_int64)change->owner);
	database_bind_blob(find, 2, change->key.p, change->key.len);
	if ((r = database_row(database, DATABASE_FIND_BLOCK)) < 0)
		return r;
	if (r > 0) {
		which = DATABASE_UPDATE_BLOCK;
		sqlite3_bind_int64(database_get(database, which), 7, sqlite3_column_int64(find, 0));
		database_reset(database, DATABASE_FIND_BLOCK);
	}
	put = database_get(database, which);
	if (which == DATABASE_INSERT_BLOCK) {
		sqlite3_bind_int64(put, 1, (sqlite3_int64)change->owner);
		database_bind_blob(put, 2, change->key.p, change->key.len);
	}
	sqlite3_bind_int64(put, 3, change->n);
	sqlite3_bind_int64(put, 4, (sqlite3_int64)change->value.len);
	sqlite3_bind_int64(put, 5,
	                   database_checksum(DATABASE_BLOCK + change->n, change->owner, change->key, change->value));
	database_bind_blob(put, 6, change->value.p, change->value.len);
	return database_run(database, which);
}

static int
apply_all(struct database *database, const struct changes *changes)
{
	unsigned int budget = APPLY_DELETE_MAX;
	struct change change;
	size_t at = 0;
	int r = 0;

	while (r == 0 && changes_next(changes, &at, &change)) {
		switch (change.kind) {
		case CHANGE_PUT:
			r = apply_put(database, &change);
			break;
		case CHANGE_DELETE:
			apply_bind_key(database, DATABASE_DELETE, &change);
			r = database_run(database, DATABASE_DELETE);
			break;
		case CHANGE_DELETE_RANGE:
			database_bind_blob(apply_bind_key(database, DATABASE_DELETE_RANGE, &change), 4, change.value.p,
			                   change.value.len);
			r = database_run(database, DATABASE_DELETE_RANGE);
			break;
		case CHANGE_DELETE_OWNER:
			apply_bind_key(database, DATABASE_DELETE_OWNER, &change);
			r = database_run(database, DATABASE_DELETE_OWNER);
			break;
		case CHANGE_PUT_BLOCK:
			r = apply_put_block(database, &change);
			break;
		case CHANGE_DELETE_BLOCKS:
			r = gone_delete(database, change.owner, change.key.p, change.value.p, &budget);
			break;
		}
	}
	return r;
}

/* What a transaction does beside its own changes, if it has some. */
static int
apply_tidy(struct database *database, bool has_changes)
{
	int r;

	if (database->is_untidy)
		return 0;
	if (database->has_gone || !database->has_spare) {
		r = gone_sweep(database, has_changes ? APPLY_SWEEP : APPLY_DELETE_MAX);
	} else {
		r = database_run(database, has_changes ? DATABASE_VACUUM_SOME : DATABASE_VACUUM);
		database->wants_checkpoint = true;
	}
	if (r == -EBADMSG)
		database->is_untidy = true;
	return r;
}

/* One transaction, which is rolled back if it fails. */
static int
apply_once(struct database *database, const struct changes *changes)
{
	struct database_failure failure;
	int r = database_begin(database);

	if (r == 0 && changes)
		r = apply_all(database, changes);
	if (r == 0)
		r = apply_tidy(database, changes != NULL);
	if (r == 0)
		r = database_commit(database);
	if (r < 0) {
		failure = database->failure;
		database_rollback(database);
		gone_check(database);
		database->failure = failure;
	}
	return r;
}

int
apply_changes(struct database *database, const struct changes *changes)
{
	bool was_untidy = database->is_untidy;
	int r = apply_once(database, changes);

	/* Damage where nothing has to be changed is no reason to fail. */
	if (database->is_untidy && !was_untidy)
		r = changes ? apply_once(database, changes) : 0;
	return r;
}
