/*
 * The SQLite database of a store: its connection, which one thread uses at a time, its statements, transactions, and
 * what a failure means. Functions that return int return 0, or a negative errno with the reason in database.failure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "protocol.h"

enum database_statement {
	DATABASE_BEGIN,
	DATABASE_COMMIT,
	DATABASE_ROLLBACK,
	DATABASE_PUT,
	DATABASE_DELETE,
	DATABASE_DELETE_RANGE,
	DATABASE_DELETE_OWNER,
	DATABASE_FIND_BLOCK,
	DATABASE_UPDATE_BLOCK,
	DATABASE_INSERT_BLOCK,
	DATABASE_GET_BLOCK,
	DATABASE_FIRST_BLOCK,
	DATABASE_DELETE_BLOCKS,
	DATABASE_FIND_GONE,
	DATABASE_ANY_GONE,
	DATABASE_ADD_GONE,
	DATABASE_REMOVE_GONE,
	DATABASE_PAGES,
	DATABASE_FREE_PAGES,
	DATABASE_VACUUM,
	DATABASE_VACUUM_SOME,
	DATABASE_STATEMENTS,
};

struct database_failure {
	int error;     /* errno */
	bool may_pass; /* without harm to what is stored: no space, no memory */
	char text[160];
};

struct database {
	sqlite3 *sqlite;
	sqlite3_stmt *statements[DATABASE_STATEMENTS];
	int log_pages;                   /* in the log, as of the last commit */
	bool has_gone;                   /* see gone.h */
	bool has_spare;                  /* more pages are free than should be, see room.h */
	bool is_untidy;                  /* tidying met damage: it is left alone */
	bool wants_checkpoint;           /* pages were given back, which makes the file smaller only then */
	struct database_failure failure; /* the last one */
};

/* The size of a page, in bytes. */
#define DATABASE_PAGE UINT64_C(4096)

/* Prepares all statements; sqlite is taken over, also if it fails. */
int database_init(struct database *database, sqlite3 *sqlite);

/* Closes it. Takes a zero-initialised one. is_damaged: a write or flush has failed, so the log stays as it is for the
 * next start. */
void database_deinit(struct database *database, bool is_damaged);

/* Remembers why a call of SQLite failed. Returns the negative errno. */
int database_fail(struct database *database, int code);

/* The statement, for binding. */
static inline sqlite3_stmt *
database_get(struct database *database, enum database_statement which)
{
	return database->statements[which];
}

static inline void
database_bind_blob(sqlite3_stmt *statement, int column, const uint8_t *p, size_t len)
{
	/* The bytes must stay until the statement is reset. */
	sqlite3_bind_blob64(statement, column, p, len, SQLITE_STATIC);
}

/* Runs a statement that returns no rows. */
int database_run(struct database *database, enum database_statement which);
/* Gets the next row: 1; 0 if there is none. database_reset() ends the statement before that. */
int database_row(struct database *database, enum database_statement which);
void database_reset(struct database *database, enum database_statement which);
/* The number in the one row that the statement returns. */
int database_number(struct database *database, enum database_statement which, uint64_t *ret_number);

int database_begin(struct database *database);
int database_commit(struct database *database);
/* Ends a transaction that has failed, if it is still open. */
void database_rollback(struct database *database);

/* Moves what is in the log to the database, and flushes that. is_last: and empties the log. */
int database_checkpoint(struct database *database, bool is_last);

/* Bytes in the current row, valid until the statement goes on or is reset. */
struct slice database_column(sqlite3_stmt *statement, int column);

/* What column crc has. kind: the table of a record; for a block, DATABASE_BLOCK plus its n. */
#define DATABASE_BLOCK ((uint32_t)1 << 31)
uint32_t database_checksum(uint32_t kind, uint64_t owner, struct slice key, struct slice value);
