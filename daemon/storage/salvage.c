/*
 * A walk through a table ends where a page is damaged. It is begun again behind that place: at the next owner, or the
 * next row, and, each time that this fails as well, twice as far away. What is read twice by that is the same.
 */
#include "salvage.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "database.h"
#include "gone.h"
#include "storage.h"
#include "storefile.h"

/* A batch has about so many bytes. */
#define SALVAGE_BATCH ((size_t)4 * 1024 * 1024)
/* Beyond all owners and numbers of rows. */
#define SALVAGE_END (UINT64_C(1) << 62)

struct salvaging {
	struct storefile file;
	struct database from;
	struct storage *to;
	struct salvage result;
};

/* Makes durable what has been read, if it is enough, or all of it. */
static int
salvage_commit(struct salvaging *salvaging, bool is_last)
{
	struct storage *to = salvaging->to;

	if (!is_last && storage_batch_bytes(to) < SALVAGE_BATCH)
		return 0;
	storage_commit(to);
	while (storage_is_committing(to)) {
		struct storage_event event;

		poll(&(struct pollfd){ .fd = storage_fd(to), .events = POLLIN }, 1, 1000);
		storage_collect(to, &event);
		if (storage_state(to) >= STORAGE_FULL)
			return -EIO;
	}
	return 0;
}

/* Takes the current row: kind, owner, key, crc, value. Returns 0; or -errno if the new store fails. */
static int
salvage_record(struct salvaging *salvaging, sqlite3_stmt *row)
{
	uint32_t kind = (uint32_t)sqlite3_column_int64(row, 0);
	uint64_t owner = (uint64_t)sqlite3_column_int64(row, 1);
	struct slice key = database_column(row, 2), value = database_column(row, 4);
	int r;

	if (kind >= STORAGE_TABLES ||
	    database_checksum(kind, owner, key, value) != (uint32_t)sqlite3_column_int64(row, 3)) {
		salvaging->result.damages++;
		return 0;
	}
	r = storage_put(salvaging->to, kind, owner, key, value);
	return r < 0 ? r : salvage_commit(salvaging, false);
}

/* Takes the current row: no, stream, id, n, crc, v. */
static int
salvage_block(struct salvaging *salvaging, sqlite3_stmt *row)
{
	uint64_t stream = (uint64_t)sqlite3_column_int64(row, 1);
	uint32_t n = (uint32_t)sqlite3_column_int64(row, 3);
	struct slice id = database_column(row, 2), value = database_column(row, 5);
	int r;

	if (id.len != STORAGE_ID_SIZE ||
	    database_checksum(DATABASE_BLOCK + n, stream, id, value) != (uint32_t)sqlite3_column_int64(row, 4)) {
		salvaging->result.damages++;
		return 0;
	}
	if (gone_has(&salvaging->from, stream, id.p) > 0)
		return 0;
	r = storage_put_block(salvaging->to, stream, id.p, n, value);
	return r < 0 ? r : salvage_commit(salvaging, false);
}

/*
 * Reads the rows that the statement finds from *at on, its last parameter. Column `at_column` has where a row is.
 * Returns 0 at the end; 1 at a damage, with the place of the last row in *at if there was one; or -errno.
 */
static int
salvage_walk(struct salvaging *salvaging, sqlite3_stmt *rows, int at_column, uint64_t *at,
             int (*take)(struct salvaging *salvaging, sqlite3_stmt *row))
{
	int code, r = 0;

	sqlite3_bind_int64(rows, sqlite3_bind_parameter_count(rows), (sqlite3_int64)*at);
	while (r == 0 && (code = sqlite3_step(rows)) == SQLITE_ROW) {
		*at = (uint64_t)sqlite3_column_int64(rows, at_column);
		r = take(salvaging, rows);
	}
	sqlite3_reset(rows);
	if (r < 0 || code == SQLITE_DONE)
		return r;
	salvaging->result.damages++;
	return 1;
}

/* Reads a table, or a part of one, in spite of damages. backward: finds the same rows of one place, the last one first;
 * or NULL. */
static int
salvage_all(struct salvaging *salvaging, sqlite3_stmt *rows, sqlite3_stmt *backward, int at_column,
            int (*take)(struct salvaging *salvaging, sqlite3_stmt *row))
{
	uint64_t at = 0, leap = 1;

	while (at < SALVAGE_END) {
		uint64_t reached = at, same;
		int r = salvage_walk(salvaging, rows, at_column, &reached, take);

		if (r <= 0)
			return r;
		same = reached;
		if (backward && (r = salvage_walk(salvaging, backward, at_column, &same, take)) < 0)
			return r;
		leap = reached > at ? 1 : leap * 2;
		at = reached + leap;
	}
	return 0;
}

static int
salvage_prepare(struct salvaging *salvaging, const char *sql, sqlite3_stmt **ret_statement)
{
	int code = sqlite3_prepare_v2(salvaging->from.sqlite, sql, -1, ret_statement, NULL);

	return code == SQLITE_OK ? 0 : database_fail(&salvaging->from, code);
}

static int
salvage_tables(struct salvaging *salvaging)
{
	sqlite3_stmt *records = NULL, *backward = NULL, *blocks = NULL;
	int r;

	gone_check(&salvaging->from);
	if ((r = salvage_prepare(salvaging,
	                         "SELECT kind, owner, key, crc, value FROM record WHERE kind = ?1 AND owner >= ?2"
	                         " ORDER BY owner, key",
	                         &records)) == 0 &&
	    (r = salvage_prepare(salvaging,
	                         "SELECT kind, owner, key, crc, value FROM record WHERE kind = ?1 AND owner = ?2"
	                         " ORDER BY key DESC",
	                         &backward)) == 0)
		r = salvage_prepare(
		    salvaging, "SELECT no, stream, id, n, crc, v FROM block NOT INDEXED WHERE no >= ?1 ORDER BY no",
		    &blocks);
	for (int kind = 0; r == 0 && kind < STORAGE_TABLES; kind++) {
		sqlite3_bind_int(records, 1, kind);
		sqlite3_bind_int(backward, 1, kind);
		r = salvage_all(salvaging, records, backward, 1, salvage_record);
	}
	if (r == 0)
		r = salvage_all(salvaging, blocks, NULL, 0, salvage_block);
	sqlite3_finalize(records);
	sqlite3_finalize(backward);
	sqlite3_finalize(blocks);
	return r < 0 ? r : salvage_commit(salvaging, true);
}

static int
salvage_count_record(void *arg, enum storage_table table __attribute__((unused)),
                     uint64_t owner __attribute__((unused)), struct slice key __attribute__((unused)),
                     struct slice value __attribute__((unused)))
{
	((struct salvage *)arg)->records++;
	return 0;
}

static int
salvage_count_block(void *arg, uint64_t stream __attribute__((unused)), const uint8_t *id __attribute__((unused)),
                    uint32_t n __attribute__((unused)), uint32_t bytes __attribute__((unused)))
{
	((struct salvage *)arg)->blocks++;
	return 0;
}

/* Opens the new store, and counts what it has. */
static int
salvage_open(const char *directory, struct salvage *count, struct storage **ret, char *error, size_t error_size)
{
	const struct storage_loader loader = { .arg = count,
		                               .record = salvage_count_record,
		                               .block = salvage_count_block };
	struct storage_limits limits = { 0 };
	struct storage *storage;
	int r = storage_open(directory, &limits, &storage, error, error_size);

	if (r < 0)
		return r;
	if ((r = storage_load(storage, &loader, error, error_size)) < 0)
		storage_close(storage);
	else
		*ret = storage;
	return r;
}

/* Opening a store that is missing would make it, and one that is open already would look like another server's. */
static int
salvage_check(const char *from, const char *to, char *error, size_t error_size)
{
	char path[4096];
	struct stat x, y;

	errno = ENAMETOOLONG;
	if (snprintf(path, sizeof(path), "%s/" STOREFILE_DATABASE, from) >= (int)sizeof(path) || stat(path, &x) < 0) {
		snprintf(error, error_size, "%s: there is no store: %s", from, strerror(errno));
		return -ENOENT;
	}
	if (stat(from, &x) == 0 && stat(to, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino) {
		snprintf(error, error_size, "%s: is the damaged store itself", to);
		return -EEXIST;
	}
	return 0;
}

int
salvage_store(const char *from, const char *to, struct salvage *ret_salvage, char *error, size_t error_size)
{
	struct salvaging salvaging = { 0 };
	struct salvage count = { 0 };
	int r = salvage_check(from, to, error, error_size);

	if (r == 0)
		r = storefile_open(from, true, &salvaging.file, &salvaging.from, error, error_size);
	if (r == -EBADMSG)
		snprintf(error, error_size,
		         "%s/" STOREFILE_DATABASE ": nothing can be read from it; only a backup helps, see udsd(1)",
		         from);
	if (r < 0)
		return r;
	r = salvage_open(to, &count, &salvaging.to, error, error_size);
	if (r == 0 && (count.records > 0 || count.blocks > 0)) {
		snprintf(error, error_size, "%s: there is a store already", to);
		r = -EEXIST;
	} else if (r == 0 && (r = salvage_tables(&salvaging)) < 0) {
		snprintf(error, error_size, "%s: %s", to,
		         storage_state(salvaging.to) > STORAGE_SCARCE ? storage_reason(salvaging.to) : strerror(-r));
	}
	storage_close(salvaging.to);
	database_deinit(&salvaging.from, true);
	storefile_close(&salvaging.file);
	if (r == 0 && (r = salvage_open(to, &count, &salvaging.to, error, error_size)) == 0)
		storage_close(salvaging.to);
	if (r < 0)
		return r;
	count.damages = salvaging.result.damages;
	*ret_salvage = count;
	return 0;
}
