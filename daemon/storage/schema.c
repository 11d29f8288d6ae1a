/*
 * table   what
 * record  small records by kind (enum storage_table), owner and key
 * block   blocks of streams; their index has all but the bytes, so that it can be loaded without reading these
 * gone    ranges of blocks that are deleted, but still there
 *
 * crc: see database_checksum(). SQLite itself checks the log, but not the pages of the database.
 */
#include "schema.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* For a database that is made. In one that exists, the second would be written again, for which a full disk may have no
 * room. */
static const char schema_layout[] = "PRAGMA page_size = 4096;"
				    "PRAGMA auto_vacuum = INCREMENTAL;";

static const char schema_pragmas[] = "PRAGMA journal_mode = WAL;"
				     "PRAGMA synchronous = FULL;"
				     "PRAGMA journal_size_limit = 8388608;"
				     "PRAGMA cache_size = -8192;"
				     /* Zeros only what is written anyway. */
				     "PRAGMA secure_delete = FAST;"
				     "PRAGMA temp_store = MEMORY;"
				     "PRAGMA cell_size_check = ON;"
				     "PRAGMA trusted_schema = OFF;";

static const char schema_tables[] =
    "CREATE TABLE record (kind INTEGER NOT NULL, owner INTEGER NOT NULL, key BLOB NOT NULL, crc INTEGER NOT NULL,"
    " value BLOB NOT NULL, PRIMARY KEY (kind, owner, key)) WITHOUT ROWID;"
    "CREATE TABLE block (no INTEGER PRIMARY KEY, stream INTEGER NOT NULL, id BLOB NOT NULL, n INTEGER NOT NULL,"
    " bytes INTEGER NOT NULL, crc INTEGER NOT NULL, v BLOB NOT NULL);"
    "CREATE INDEX block_index ON block (stream, id, n, bytes);"
    "CREATE TABLE gone (stream INTEGER NOT NULL, first BLOB NOT NULL, last BLOB NOT NULL,"
    " PRIMARY KEY (stream, first)) WITHOUT ROWID;";

static int
schema_run(struct database *database, const char *sql)
{
	int code = sqlite3_exec(database->sqlite, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : database_fail(database, code);
}

static int
schema_number(struct database *database, const char *sql, long long *ret_number)
{
	sqlite3_stmt *statement;
	int code = sqlite3_prepare_v2(database->sqlite, sql, -1, &statement, NULL);

	if (code == SQLITE_OK) {
		if ((code = sqlite3_step(statement)) == SQLITE_ROW)
			*ret_number = sqlite3_column_int64(statement, 0);
		sqlite3_finalize(statement);
	}
	return code == SQLITE_ROW ? 0 : database_fail(database, code);
}

/* Where WAL cannot be, SQLite keeps the old mode without an error. */
static int
schema_check_log(struct database *database)
{
	sqlite3_stmt *statement;
	int code = sqlite3_prepare_v2(database->sqlite, "PRAGMA journal_mode", -1, &statement, NULL);

	if (code != SQLITE_OK)
		return database_fail(database, code);
	if ((code = sqlite3_step(statement)) == SQLITE_ROW &&
	    strcmp((const char *)sqlite3_column_text(statement, 0), "wal") != 0)
		code = SQLITE_CANTOPEN;
	sqlite3_finalize(statement);
	return code == SQLITE_ROW ? 0 : database_fail(database, code);
}

static int __attribute__((format(printf, 2, 3))) schema_refuse(struct database *database, const char *format, ...)
{
	va_list ap;

	database->failure = (struct database_failure){ .error = EPROTO };
	va_start(ap, format);
	vsnprintf(database->failure.text, sizeof(database->failure.text), format, ap);
	va_end(ap);
	return -EPROTO;
}

/* Makes the tables, all or none, and marks the database. */
static int
schema_make(struct database *database)
{
	char sql[sizeof(schema_tables) + 128];
	struct database_failure failure;

	snprintf(sql, sizeof(sql), "BEGIN IMMEDIATE;%sPRAGMA application_id = %d;PRAGMA user_version = %d;COMMIT",
	         schema_tables, SCHEMA_APPLICATION, SCHEMA_VERSION);
	if (schema_run(database, sql) == 0)
		return 0;
	failure = database->failure;
	if (!sqlite3_get_autocommit(database->sqlite))
		sqlite3_exec(database->sqlite, "ROLLBACK", NULL, NULL, NULL);
	database->failure = failure;
	return -failure.error;
}

int
schema_prepare(struct database *database, bool is_damaged)
{
	long long application = 0, version = 0, tables = 0;
	int r;

	/* The lock comes first: what is another program's is not changed, nor read while it writes. */
	if ((r = schema_run(database, "PRAGMA locking_mode = EXCLUSIVE")) < 0 ||
	    (r = schema_number(database, "PRAGMA application_id", &application)) < 0 ||
	    (r = schema_number(database, "PRAGMA user_version", &version)) < 0 ||
	    (r = schema_number(database, "SELECT count(*) FROM sqlite_schema", &tables)) < 0)
		return r;
	if (application != SCHEMA_APPLICATION && (application != 0 || version != 0 || tables != 0))
		return schema_refuse(database, "not a store of udsd, but another program's database");
	if (version > SCHEMA_VERSION)
		return schema_refuse(database, "made by a newer udsd (format %lld; this one knows those up to %d)",
		                     version, SCHEMA_VERSION);
	if (version < SCHEMA_VERSION && tables > 0)
		return schema_refuse(
		    database, "made by an older udsd, from before the first release (format %lld; this one knows %d)",
		    version, SCHEMA_VERSION);
	if (tables == 0 && is_damaged)
		return database_fail(database, SQLITE_CORRUPT);
	if ((tables == 0 && (r = schema_run(database, schema_layout)) < 0) ||
	    (r = schema_run(database, schema_pragmas)) < 0 || (r = schema_check_log(database)) < 0)
		return r;
	return tables == 0 ? schema_make(database) : 0;
}
