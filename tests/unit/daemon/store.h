/* Stores of the tests: directories that go away, waiting for events, and what is stored as text. */
#pragma once

#include "storage.h"

#include "buf.h"

/* A new empty directory, below $TMPDIR if that is set; the caller frees its name. It is removed when the program ends.
 */
char *store_directory(void);

/* Opens the store, and loads it; *ret_content, which may be NULL, gets a line for each record and block. Fails the test
 * if that fails. */
struct storage *store_open(const char *directory, struct buf *ret_content);
/* Closes the store. */
void store_close(struct storage *storage);
/* What is in the store that is closed. */
void store_read(const char *directory, struct buf *ret_content);

/* Waits for the next event, with a deadline. */
struct storage_event store_wait(struct storage *storage);
/* Hands the batch over, and waits until it is durable. */
void store_commit(struct storage *storage);
/* Reads a block: 0 or -errno. */
int store_fetch(struct storage *storage, uint64_t stream, uint64_t id, struct storage_event *ret_event);

void store_put(struct storage *storage, enum storage_table table, uint64_t owner, const char *key, const char *value);
void store_put_block(struct storage *storage, uint64_t stream, uint64_t id, uint32_t n, const char *value);
void store_delete_blocks(struct storage *storage, uint64_t stream, uint64_t from, uint64_t to);

/* Fails the test unless this is the content. */
void store_assert_content(const struct buf *content, const char *expected);

/* Opens the store. Returns NULL after an error, which must come with a sentence. */
struct storage *store_try_open(const char *directory);

/* Commit n of a series puts record n, writes block n, and block 0 anew, and deletes block n - 3. A big series has one
 * commit of many blocks, which a later one deletes. */
void store_fill_batch(struct storage *storage, int n, bool is_big);
/* The number of the last commit of the series in the store. All of it must be there, and nothing else. */
int store_read_number(const char *directory, bool is_big);

/* Runs SQL on the database of a store that is closed. */
void store_run_sql(const char *directory, const char *sql);
