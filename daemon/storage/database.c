/*
 * SQLite must not make checkpoints by itself: it would ignore their errors, and so forget that a flush of the database
 * has failed, and drop the log that still has the pages. database_committed() takes the place of the function that
 * would make them; database_checkpoint() reports errors.
 */
#include "database.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "crc32c.h"

static const char *const database_sql[DATABASE_STATEMENTS] = {
	[DATABASE_BEGIN] = "BEGIN IMMEDIATE",
	[DATABASE_COMMIT] = "COMMIT",
	[DATABASE_ROLLBACK] = "ROLLBACK",
	[DATABASE_PUT] = "INSERT INTO record (kind, owner, key, crc, value) VALUES (?1, ?2, ?3, ?4, ?5)"
			 " ON CONFLICT DO UPDATE SET crc = excluded.crc, value = excluded.value",
	[DATABASE_DELETE] = "DELETE FROM record WHERE kind = ?1 AND owner = ?2 AND key = ?3",
	[DATABASE_DELETE_RANGE] = "DELETE FROM record WHERE kind = ?1 AND owner = ?2 AND key BETWEEN ?3 AND ?4",
	[DATABASE_DELETE_OWNER] = "DELETE FROM record WHERE kind = ?1 AND owner = ?2",
	[DATABASE_FIND_BLOCK] = "SELECT no FROM block WHERE stream = ?1 AND id = ?2",
	[DATABASE_UPDATE_BLOCK] = "UPDATE block SET n = ?3, bytes = ?4, crc = ?5, v = ?6 WHERE no = ?7",
	[DATABASE_INSERT_BLOCK] = "INSERT INTO block (stream, id, n, bytes, crc, v) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	[DATABASE_GET_BLOCK] = "SELECT n, crc, v FROM block WHERE stream = ?1 AND id = ?2",
	[DATABASE_FIRST_BLOCK] = "SELECT id FROM block WHERE stream = ?1 AND id BETWEEN ?2 AND ?3 ORDER BY id LIMIT 1",
	[DATABASE_DELETE_BLOCKS] = "DELETE FROM block WHERE no IN (SELECT no FROM block"
				   " WHERE stream = ?1 AND id BETWEEN ?2 AND ?3 ORDER BY id LIMIT ?4)",
	[DATABASE_FIND_GONE] =
	    "SELECT first, last FROM gone WHERE stream = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1",
	[DATABASE_ANY_GONE] = "SELECT stream, first, last FROM gone LIMIT 1",
	[DATABASE_ADD_GONE] = "INSERT INTO gone (stream, first, last) VALUES (?1, ?2, ?3)",
	[DATABASE_REMOVE_GONE] = "DELETE FROM gone WHERE stream = ?1 AND first = ?2",
	[DATABASE_PAGES] = "PRAGMA page_count",
	[DATABASE_FREE_PAGES] = "PRAGMA freelist_count",
	[DATABASE_VACUUM] = "PRAGMA incremental_vacuum(100)",
	[DATABASE_VACUUM_SOME] = "PRAGMA incremental_vacuum(8)",
};

static int
database_committed(void *arg, sqlite3 *sqlite __attribute__((unused)), const char *name __attribute__((unused)),
                   int log_pages)
{
	struct database *database = arg;

	database->log_pages = log_pages;
	return SQLITE_OK;
}

int
database_init(struct database *database, sqlite3 *sqlite)
{
	*database = (struct database){ .sqlite = sqlite };
	sqlite3_wal_hook(sqlite, database_committed, database);
	for (size_t i = 0; i < DATABASE_STATEMENTS; i++) {
		int code = sqlite3_prepare_v3(sqlite, database_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
		                              &database->statements[i], NULL);

		if (code != SQLITE_OK)
			return database_fail(database, code);
	}
	return 0;
}

void
database_deinit(struct database *database, bool is_damaged)
{
	if (!database->sqlite)
		return;
	for (size_t i = 0; i < DATABASE_STATEMENTS; i++)
		sqlite3_finalize(database->statements[i]);
	if (is_damaged)
		sqlite3_db_config(database->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_close(database->sqlite);
	*database = (struct database){ 0 };
}

/*
 * The errno of the call that has just failed. Statements write only the log, and for a COMMIT only the log's file knows
 * the error: SQLite does not note it.
 */
static int
database_system_error(struct database *database, bool is_statement)
{
	sqlite3_file *log = NULL;
	int error = 0;

	if (!database->sqlite)
		return 0;
	if (is_statement)
		sqlite3_file_control(database->sqlite, NULL, SQLITE_FCNTL_JOURNAL_POINTER, &log);
	if (log && log->pMethods)
		log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &error);
	return error ? error : sqlite3_system_errno(database->sqlite);
}

static int
database_fail_with(struct database *database, int code, int system_error)
{
	struct database_failure *failure = &database->failure;
	const char *what = "";

	*failure = (struct database_failure){ .error = EIO };
	switch (code & 0xff) {
	case SQLITE_FULL:
		*failure = (struct database_failure){ .error = ENOSPC, .may_pass = true };
		break;
	case SQLITE_NOMEM:
		*failure = (struct database_failure){ .error = ENOMEM, .may_pass = true };
		break;
	case SQLITE_ERROR: /* a table is missing */
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		failure->error = EBADMSG;
		snprintf(failure->text, sizeof(failure->text), "the database is damaged");
		return -failure->error;
	case SQLITE_BUSY:
		failure->error = EBUSY;
		break;
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		failure->error = system_error ? system_error : EACCES;
		break;
	case SQLITE_IOERR:
		failure->error = system_error ? system_error : EIO;
		if (code == SQLITE_IOERR_NOMEM)
			*failure = (struct database_failure){ .error = ENOMEM, .may_pass = true };
		else if (code == SQLITE_IOERR_WRITE)
			failure->may_pass = system_error == ENOSPC || system_error == EDQUOT || system_error == EFBIG;
		else if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC)
			what = "a flush has failed: ";
		break;
	default:
		snprintf(failure->text, sizeof(failure->text), "SQLite: %s", sqlite3_errstr(code));
		return -failure->error;
	}
	snprintf(failure->text, sizeof(failure->text), "%s%s", what, strerror(failure->error));
	return -failure->error;
}

int
database_fail(struct database *database, int code)
{
	return database_fail_with(database, code, database_system_error(database, false));
}

static int
database_fail_statement(struct database *database, int code)
{
	return database_fail_with(database, code, database_system_error(database, true));
}

int
database_run(struct database *database, enum database_statement which)
{
	sqlite3_stmt *statement = database->statements[which];
	int code;

	do
		code = sqlite3_step(statement);
	while (code == SQLITE_ROW);
	if (code != SQLITE_DONE)
		database_fail_statement(database, code);
	sqlite3_reset(statement);
	return code == SQLITE_DONE ? 0 : -database->failure.error;
}

int
database_row(struct database *database, enum database_statement which)
{
	sqlite3_stmt *statement = database->statements[which];
	int code = sqlite3_step(statement);

	if (code == SQLITE_ROW)
		return 1;
	if (code != SQLITE_DONE)
		database_fail_statement(database, code);
	sqlite3_reset(statement);
	return code == SQLITE_DONE ? 0 : -database->failure.error;
}

void
database_reset(struct database *database, enum database_statement which)
{
	sqlite3_reset(database->statements[which]);
}

int
database_number(struct database *database, enum database_statement which, uint64_t *ret_number)
{
	int r = database_row(database, which);

	if (r <= 0)
		return r;
	*ret_number = (uint64_t)sqlite3_column_int64(database->statements[which], 0);
	database_reset(database, which);
	return 0;
}

int
database_begin(struct database *database)
{
	return database_run(database, DATABASE_BEGIN);
}

int
database_commit(struct database *database)
{
	return database_run(database, DATABASE_COMMIT);
}

void
database_rollback(struct database *database)
{
	/* After some errors SQLite has ended the transaction by itself. */
	if (!sqlite3_get_autocommit(database->sqlite))
		database_run(database, DATABASE_ROLLBACK);
}

int
database_checkpoint(struct database *database, bool is_last)
{
	int code = sqlite3_wal_checkpoint_v2(
	    database->sqlite, NULL, is_last ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);

	if (code != SQLITE_OK)
		return database_fail(database, code);
	database->log_pages = 0;
	database->wants_checkpoint = false;
	return 0;
}

uint32_t
database_checksum(uint32_t kind, uint64_t owner, struct slice key, struct slice value)
{
	/* Little-endian on all machines; what has no fixed length comes last. */
	uint64_t head[2] = { htole64(owner), htole64((uint64_t)key.len << 32 | kind) };
	uint32_t crc = crc32c_add(0, head, sizeof(head));

	return crc32c_add(crc32c_add(crc, key.p, key.len), value.p, value.len);
}

struct slice
database_column(sqlite3_stmt *statement, int column)
{
	const void *p = sqlite3_column_blob(statement, column);

	/* SQLite's pointer to no bytes is NULL. */
	return (struct slice){ p ? p : (const void *)"", p ? (size_t)sqlite3_column_bytes(statement, column) : 0 };
}
