#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gone.h"

/* Steps to a row: 1; 0 at the end. */
static int
load_step(struct database *database, sqlite3_stmt *statement)
{
	int code = sqlite3_step(statement);

	if (code == SQLITE_ROW || code == SQLITE_DONE)
		return code == SQLITE_ROW;
	return database_fail(database, code);
}

static int
load_prepare(struct database *database, const char *sql, sqlite3_stmt **ret_statement)
{
	int code = sqlite3_prepare_v2(database->sqlite, sql, -1, ret_statement, NULL);

	return code == SQLITE_OK ? 0 : database_fail(database, code);
}

static void
load_finalize(sqlite3_stmt **statement)
{
	sqlite3_finalize(*statement);
}

#define _load_finalize_ __attribute__((cleanup(load_finalize)))

/* A row that the format does not allow. */
static int
load_misfit(struct database *database, const char *table)
{
	database_fail(database, SQLITE_CORRUPT);
	snprintf(database->failure.text, sizeof(database->failure.text), "the database is damaged: table %s", table);
	return -EBADMSG;
}

/*
 * Checks the pages of the records, which are few, and read anyway: without that, rows might be missing unnoticed. Those
 * of the blocks are too many; a block that is missing is found when it is asked for.
 */
static int
load_check(struct database *database)
{
	_load_finalize_ sqlite3_stmt *row = NULL;
	int r = load_prepare(database, "PRAGMA quick_check('record')", &row);

	if (r < 0 || (r = load_step(database, row)) < 0)
		return r;
	if (r == 0 || strcmp((const char *)sqlite3_column_text(row, 0), "ok") != 0)
		return load_misfit(database, "record");
	return 0;
}

static int
load_records(struct database *database, const struct storage_loader *loader)
{
	static const char sql[] = "SELECT kind, owner, key, crc, value FROM record ORDER BY kind, owner, key";
	_load_finalize_ sqlite3_stmt *rows = NULL;
	int r = load_check(database);

	if (r == 0)
		r = load_prepare(database, sql, &rows);
	if (r < 0)
		return r;
	while ((r = load_step(database, rows)) > 0) {
		uint32_t kind = (uint32_t)sqlite3_column_int64(rows, 0);
		uint64_t owner = (uint64_t)sqlite3_column_int64(rows, 1);
		struct slice key = database_column(rows, 2), value = database_column(rows, 4);

		if (kind >= STORAGE_TABLES)
			return load_misfit(database, "record");
		if (database_checksum(kind, owner, key, value) == (uint32_t)sqlite3_column_int64(rows, 3))
			r = loader->record(loader->arg, kind, owner, key, value);
		else if (loader->damaged)
			r = loader->damaged(loader->arg, kind, owner, key);
		else
			return load_misfit(database, "record");
		if (r < 0)
			return r;
	}
	return r;
}

/* A walk over the ranges of blocks that are gone, beside that over the blocks. */
struct load_gone {
	sqlite3_stmt *rows;
	bool is_over;
	uint64_t stream;
	uint8_t first[STORAGE_ID_SIZE], last[STORAGE_ID_SIZE];
};

static int
load_next_gone(struct database *database, struct load_gone *gone)
{
	struct slice first, last;
	int r = load_step(database, gone->rows);

	gone->is_over = r <= 0;
	if (r <= 0)
		return r;
	gone->stream = (uint64_t)sqlite3_column_int64(gone->rows, 0);
	first = database_column(gone->rows, 1);
	last = database_column(gone->rows, 2);
	if (first.len != STORAGE_ID_SIZE || last.len != STORAGE_ID_SIZE)
		return load_misfit(database, "gone");
	memcpy(gone->first, first.p, STORAGE_ID_SIZE);
	memcpy(gone->last, last.p, STORAGE_ID_SIZE);
	return 0;
}

/* Whether the block, which comes after those asked for before, is gone: 1 or 0. */
static int
load_is_gone(struct database *database, struct load_gone *gone, uint64_t stream, const uint8_t *id)
{
	while (!gone->is_over &&
	       (gone->stream < stream || (gone->stream == stream && memcmp(gone->last, id, STORAGE_ID_SIZE) < 0))) {
		int r = load_next_gone(database, gone);

		if (r < 0)
			return r;
	}
	return !gone->is_over && gone->stream == stream && memcmp(gone->first, id, STORAGE_ID_SIZE) <= 0;
}

static int
load_blocks(struct database *database, const struct storage_loader *loader)
{
	_load_finalize_ sqlite3_stmt *rows = NULL, *gone_rows = NULL;
	struct load_gone gone = { 0 };
	int r = load_prepare(database, "SELECT stream, id, n, bytes FROM block ORDER BY stream, id", &rows);

	if (r < 0 ||
	    (r = load_prepare(database, "SELECT stream, first, last FROM gone ORDER BY stream, first", &gone_rows)) < 0)
		return r;
	gone.rows = gone_rows;
	if ((r = load_next_gone(database, &gone)) < 0)
		return r;
	while ((r = load_step(database, rows)) > 0) {
		uint64_t stream = (uint64_t)sqlite3_column_int64(rows, 0);
		struct slice id = database_column(rows, 1);

		if (id.len != STORAGE_ID_SIZE)
			return load_misfit(database, "block");
		if ((r = load_is_gone(database, &gone, stream, id.p)) > 0)
			continue;
		if (r == 0)
			r = loader->block(loader->arg, stream, id.p, (uint32_t)sqlite3_column_int64(rows, 2),
			                  (uint32_t)sqlite3_column_int64(rows, 3));
		if (r < 0)
			return r;
	}
	return r;
}

int
load_all(struct database *database, const struct storage_loader *loader)
{
	int r = load_records(database, loader);

	if (r == 0)
		r = load_blocks(database, loader);
	return r < 0 ? r : gone_check(database);
}

int
load_block(struct database *database, uint64_t stream, const uint8_t id[STORAGE_ID_SIZE], uint8_t **ret_data,
           size_t *ret_len)
{
	sqlite3_stmt *row = database_get(database, DATABASE_GET_BLOCK);
	struct slice value;
	uint32_t crc;
	int r = gone_has(database, stream, id);

	if (r != 0)
		return r < 0 ? r : -ENOENT;
	sqlite3_bind_int64(row, 1, (sqlite3_int64)stream);
	database_bind_blob(row, 2, id, STORAGE_ID_SIZE);
	if ((r = database_row(database, DATABASE_GET_BLOCK)) <= 0)
		return r < 0 ? r : -ENOENT;
	r = 0;
	value = database_column(row, 2);
	crc = database_checksum(DATABASE_BLOCK + (uint32_t)sqlite3_column_int64(row, 0), stream,
	                        (struct slice){ id, STORAGE_ID_SIZE }, value);
	if (crc != (uint32_t)sqlite3_column_int64(row, 1)) {
		r = -EBADMSG;
	} else if (!(*ret_data = malloc(value.len > 0 ? value.len : 1))) {
		r = -ENOMEM;
	} else {
		memcpy(*ret_data, value.p, value.len);
		*ret_len = value.len;
	}
	database_reset(database, DATABASE_GET_BLOCK);
	return r;
}
