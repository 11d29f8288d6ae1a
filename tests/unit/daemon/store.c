#include "store.h"

#include <ftw.h>
#include <poll.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "cleanup.h"

#define DEADLINE_MS 60000

/* What commit BIG_BATCH puts into stream 8, and commit BIG_END deletes: a checkpoint follows, the deletion goes on
 * while the store is idle, and then pages are given back. */
#define BIG_BATCH 3
#define BIG_END 5
#define BIG_BLOCKS 1300

static char **directories;
static size_t n_directories;
static pid_t owner;

static int
remove_one(const char *path, const struct stat *st __attribute__((unused)), int type __attribute__((unused)),
           struct FTW *ftw __attribute__((unused)))
{
	return remove(path);
}

static void
remove_directories(void)
{
	for (size_t i = 0; i < n_directories; i++) {
		if (getpid() == owner)
			nftw(directories[i], remove_one, 8, FTW_DEPTH | FTW_PHYS);
		free(directories[i]);
	}
	free(directories);
}

char *
store_directory(void)
{
	const char *parent = getenv("TMPDIR");
	char *path;

	/* In memory nothing waits for a disk that others use as well. */
	if (!parent)
		parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	assert_true(asprintf(&path, "%s/udsd-store-XXXXXX", parent) > 0);
	assert_non_null(mkdtemp(path));
	if (n_directories == 0) {
		owner = getpid();
		atexit(remove_directories);
	}
	directories = realloc(directories, (n_directories + 1) * sizeof(*directories));
	assert_non_null(directories);
	directories[n_directories++] = strdup(path);
	return path;
}

static void
add_bytes(struct buf *content, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf_printf(content, p[i] > ' ' && p[i] < 127 ? "%c" : "\\%02x", p[i]);
}

static int
add_record(void *arg, enum storage_table table, uint64_t key_owner, struct slice key, struct slice value)
{
	buf_printf(arg, "%d %llu ", table, (unsigned long long)key_owner);
	add_bytes(arg, key.p, key.len);
	buf_printf(arg, "=");
	add_bytes(arg, value.p, value.len);
	buf_printf(arg, "\n");
	return 0;
}

static uint64_t
get_id(const uint8_t id[STORAGE_ID_SIZE])
{
	uint64_t n = 0;

	for (int i = 8; i < STORAGE_ID_SIZE; i++)
		n = n << 8 | id[i];
	return n;
}

static void
put_id(uint8_t to[STORAGE_ID_SIZE], uint64_t id)
{
	memset(to, 0, STORAGE_ID_SIZE);
	for (int i = STORAGE_ID_SIZE - 1; id > 0; i--, id >>= 8)
		to[i] = (uint8_t)id;
}

static int
add_block(void *arg, uint64_t stream, const uint8_t id[STORAGE_ID_SIZE], uint32_t n, uint32_t bytes)
{
	buf_printf(arg, "block %llu %llu n %u bytes %u\n", (unsigned long long)stream, (unsigned long long)get_id(id),
	           n, bytes);
	return 0;
}

struct storage *
store_open(const char *directory, struct buf *ret_content)
{
	struct buf unwanted = { 0 };
	struct storage_loader loader = { .arg = ret_content ? ret_content : &unwanted,
		                         .record = add_record,
		                         .block = add_block };
	struct storage_limits limits = { 0 };
	struct storage *storage = NULL;
	char error[400] = "";

	if (storage_open(directory, &limits, &storage, error, sizeof(error)) != 0 ||
	    storage_load(storage, &loader, error, sizeof(error)) != 0)
		fail_msg("%s", error);
	buf_deinit(&unwanted);
	return storage;
}

void
store_close(struct storage *storage)
{
	assert_int_equal(storage_close(storage), 0);
}

void
store_read(const char *directory, struct buf *ret_content)
{
	store_close(store_open(directory, ret_content));
}

struct storage_event
store_wait(struct storage *storage)
{
	struct storage_event event = { .kind = STORAGE_NOTHING };

	while (storage_collect(storage, &event) == STORAGE_NOTHING)
		assert_int_equal(poll(&(struct pollfd){ .fd = storage_fd(storage), .events = POLLIN }, 1, DEADLINE_MS),
		                 1);
	return event;
}

void
store_commit(struct storage *storage)
{
	storage_commit(storage);
	assert_true(storage_is_committing(storage));
	assert_int_equal(store_wait(storage).kind, STORAGE_COMMITTED);
	assert_false(storage_is_committing(storage));
}

int
store_fetch(struct storage *storage, uint64_t stream, uint64_t id, struct storage_event *ret_event)
{
	uint8_t key[STORAGE_ID_SIZE];
	int r;

	put_id(key, id);
	r = storage_fetch(storage, stream, key, &key);
	if (r < 0)
		return r;
	*ret_event = store_wait(storage);
	assert_int_equal(ret_event->kind, STORAGE_FETCHED);
	assert_ptr_equal(ret_event->arg, &key);
	return ret_event->error;
}

void
store_put(struct storage *storage, enum storage_table table, uint64_t key_owner, const char *key, const char *value)
{
	assert_int_equal(storage_put(storage, table, key_owner, slice_of(key), slice_of(value)), 0);
}

void
store_put_block(struct storage *storage, uint64_t stream, uint64_t id, uint32_t n, const char *value)
{
	uint8_t key[STORAGE_ID_SIZE];

	put_id(key, id);
	assert_int_equal(storage_put_block(storage, stream, key, n, slice_of(value)), 0);
}

void
store_delete_blocks(struct storage *storage, uint64_t stream, uint64_t from, uint64_t to)
{
	uint8_t first[STORAGE_ID_SIZE], last[STORAGE_ID_SIZE];

	put_id(first, from);
	put_id(last, to);
	assert_int_equal(storage_delete_blocks(storage, stream, first, last), 0);
}

void
store_assert_content(const struct buf *content, const char *expected)
{
	_cleanup_free_ char *text = strndup((const char *)content->data, content->len);

	assert_string_equal(text ? text : "", expected);
}

struct storage *
store_try_open(const char *directory)
{
	struct buf unwanted = { 0 };
	struct storage_loader loader = { .arg = &unwanted, .record = add_record, .block = add_block };
	struct storage_limits limits = { 0 };
	struct storage *storage;
	char error[400] = "";

	if (storage_open(directory, &limits, &storage, error, sizeof(error)) < 0) {
		assert_true(error[0] != '\0');
		return NULL;
	}
	if (storage_load(storage, &loader, error, sizeof(error)) < 0) {
		assert_true(error[0] != '\0');
		storage_close(storage);
		storage = NULL;
	}
	buf_deinit(&unwanted);
	return storage;
}

void
store_fill_batch(struct storage *storage, int n, bool is_big)
{
	char value[3000];

	snprintf(value, sizeof(value), "%d", n);
	store_put(storage, STORAGE_META, 0, "n", value);
	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	store_put_block(storage, 9, 0, (uint32_t)n, value);
	store_put_block(storage, 9, (uint64_t)n, 1, value);
	if (n > 3)
		store_delete_blocks(storage, 9, 1, (uint64_t)n - 3);
	for (uint64_t i = 0; is_big && n == BIG_BATCH && i < BIG_BLOCKS; i++)
		store_put_block(storage, 8, i, 1, value);
	if (is_big && n == BIG_END)
		store_delete_blocks(storage, 8, 0, UINT64_MAX);
}

int
store_read_number(const char *directory, bool is_big)
{
	struct buf content = { 0 }, expected = { 0 };
	int n = 0;

	store_read(directory, &content);
	if (content.len > 0) {
		buf_append(&content, "", 1);
		assert_int_equal(sscanf((const char *)content.data, "0 0 n=%d", &n), 1);
		buf_printf(&expected, "0 0 n=%d\n", n);
		for (int i = 0; is_big && n >= BIG_BATCH && n < BIG_END && i < BIG_BLOCKS; i++)
			buf_printf(&expected, "block 8 %d n 1 bytes 2999\n", i);
		buf_printf(&expected, "block 9 0 n %d bytes 2999\n", n);
		for (int i = n > 3 ? n - 2 : 1; i <= n; i++)
			buf_printf(&expected, "block 9 %d n 1 bytes 2999\n", i);
		buf_append(&expected, "", 1);
		assert_string_equal((const char *)content.data, (const char *)expected.data);
	}
	buf_deinit(&content);
	buf_deinit(&expected);
	return n;
}

void
store_run_sql(const char *directory, const char *sql)
{
	_cleanup_free_ char *path = NULL;
	sqlite3 *shell;

	assert_true(asprintf(&path, "%s/store.db", directory) > 0);
	assert_int_equal(sqlite3_open(path, &shell), SQLITE_OK);
	/* Then no memory is shared, of which a test's own system knows nothing. */
	assert_int_equal(sqlite3_exec(shell, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(shell, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(shell);
}
