/* The thread of the store: who waits for whom, and which signals it takes. */
#include "storage.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include <cmocka.h>

#include "cleanup.h"
#include "failing-system.h"
#include "store.h"

#define UNUSED __attribute__((unused))

/* A commit that must wait for its time is handed over; reads see it all the same, and closing does not wait. */
static void
commit_delay_delays_commits_alone(void **state UNUSED)
{
	_cleanup_free_ char *dir = store_directory();
	struct storage *storage = store_open(dir, NULL);
	struct storage_limits limits = { .commit_delay_ms = 3600000 };
	struct storage_event event;
	struct buf content = { 0 };

	storage_set_limits(storage, &limits);
	store_put_block(storage, 1, 1, 1, "first");
	store_put_block(storage, 1, 2, 1, "second");
	store_commit(storage);
	store_put_block(storage, 1, 1, 1, "changed");
	store_put_block(storage, 1, 3, 1, "third");
	store_delete_blocks(storage, 1, 2, 2);
	storage_commit(storage);
	assert_int_equal(store_fetch(storage, 1, 1, &event), 0);
	assert_int_equal(event.len, 7);
	assert_memory_equal(event.data, "changed", 7);
	free(event.data);
	assert_int_equal(store_fetch(storage, 1, 2, &event), -ENOENT);
	assert_int_equal(store_fetch(storage, 1, 3, &event), 0);
	free(event.data);
	assert_true(storage_is_committing(storage));
	limits.commit_delay_ms = 3600001;
	storage_set_limits(storage, &limits);
	assert_int_equal(store_wait(storage).kind, STORAGE_COMMITTED);
	store_put_block(storage, 1, 4, 1, "fourth");
	storage_commit(storage);
	store_put_block(storage, 1, 5, 1, "fifth");
	store_close(storage);
	store_read(dir, &content);
	store_assert_content(&content, "block 1 1 n 1 bytes 7\nblock 1 3 n 1 bytes 5\nblock 1 4 n 1 bytes 6\n"
	                               "block 1 5 n 1 bytes 5\n");
	buf_deinit(&content);
}

#define FETCHES 20000

/* Commits do not wait for all fetches that were asked for before. */
static void
fetches_do_not_hold_up_commits(void **state UNUSED)
{
	_cleanup_free_ char *dir = store_directory();
	struct storage *storage = store_open(dir, NULL);
	uint8_t id[STORAGE_ID_SIZE] = { [STORAGE_ID_SIZE - 1] = 1 };
	struct storage_figures figures;
	bool was_early = false;

	store_put_block(storage, 1, 1, 1, "x");
	store_commit(storage);
	/* On a busy machine this thread may come too late to see it. */
	for (int attempt = 0; attempt < 20 && !was_early; attempt++) {
		size_t n = 0;

		for (size_t i = 0; i < FETCHES; i++)
			assert_int_equal(storage_fetch(storage, 1, id, (void *)i), 0);
		store_put_block(storage, 1, 2, 1, "x");
		storage_commit(storage);
		while (n < FETCHES || storage_is_committing(storage)) {
			struct storage_event event = store_wait(storage);

			if (event.kind == STORAGE_COMMITTED) {
				storage_get_figures(storage, &figures);
				was_early = figures.fetches < (uint64_t)(attempt + 1) * FETCHES;
				continue;
			}
			assert_int_equal(event.kind, STORAGE_FETCHED);
			assert_int_equal((size_t)event.arg, n++);
			free(event.data);
		}
	}
	assert_true(was_early);
	store_close(storage);
}

/* What a measurement of the file system meets: a fetch that comes meanwhile, and room. */
static _Atomic(struct storage *) measured;

int
fstatvfs(int fd UNUSED, struct statvfs *ret)
{
	struct storage *storage = atomic_exchange(&measured, NULL);
	const uint8_t id[STORAGE_ID_SIZE] = { 0 };

	*ret = (struct statvfs){ .f_frsize = 4096, .f_bavail = storage ? 1 << 30 : 0 };
	if (storage)
		assert_int_equal(storage_fetch(storage, 1, id, NULL), 0);
	return 0;
}

static void
nothing_is_overlooked_while_room_is_measured(void **state UNUSED)
{
	_cleanup_free_ char *dir = store_directory();
	struct storage *storage = store_open(dir, NULL);
	struct storage_limits limits = { .min_free = 1 << 20 };

	storage_set_limits(storage, &limits);
	assert_int_equal(storage_state(storage), STORAGE_SCARCE);
	atomic_store(&measured, storage);
	assert_int_equal(store_wait(storage).kind, STORAGE_FETCHED);
	assert_int_equal(storage_state(storage), STORAGE_OK);
	store_close(storage);
}

/* While a flush takes its time, the loop goes on, and fills the next batch; what it asks for comes afterwards. */
static void
flush_holds_up_nothing_else(void **state UNUSED)
{
	_cleanup_free_ char *dir = store_directory();
	struct storage *storage = store_open(dir, NULL);
	struct storage_limits limits = { .max_bytes = 1 };
	const uint8_t id[STORAGE_ID_SIZE] = { 0 };
	struct storage_figures figures;
	struct storage_event event;
	struct buf content = { 0 };

	failing_system_hold_flushes(true);
	store_put(storage, STORAGE_META, 0, "n", "1");
	storage_commit(storage);
	store_put(storage, STORAGE_META, 0, "n", "2");
	assert_int_equal(storage_fetch(storage, 1, id, NULL), 0);
	storage_set_limits(storage, &limits);
	storage_get_figures(storage, &figures);
	assert_int_equal(figures.commits, 0);
	assert_string_equal(storage_reason(storage), "max_bytes = 1");
	/* The fetch may have been first. */
	while (storage_collect(storage, &event) != STORAGE_NOTHING)
		assert_int_equal(event.kind, STORAGE_FETCHED);
	assert_true(storage_is_committing(storage));
	failing_system_hold_flushes(false);
	while (storage_is_committing(storage))
		store_wait(storage);
	store_close(storage);
	store_read(dir, &content);
	store_assert_content(&content, "0 0 n=2\n");
	buf_deinit(&content);
}

/* Reads "NAME: VALUE" from the file of a thread. */
static void
read_status(const char *thread, const char *name, char value[64])
{
	_cleanup_free_ char *path = NULL;
	_cleanup_fclose_ FILE *file = NULL;
	char line[200];
	size_t len = strlen(name);

	assert_true(asprintf(&path, "/proc/self/task/%s/status", thread) > 0);
	assert_non_null(file = fopen(path, "r"));
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, len) == 0 && line[len] == ':' && sscanf(line + len + 1, "%63s", value) == 1)
			return;
	}
	fail_msg("no %s", name);
}

static void
signals_go_to_other_threads(void **state UNUSED)
{
	_cleanup_free_ char *dir = store_directory();
	struct storage *storage = store_open(dir, NULL);
	DIR *threads = opendir("/proc/self/task");
	struct dirent *thread;
	char value[64];
	int n = 0;

	assert_non_null(threads);
	while ((thread = readdir(threads))) {
		if (thread->d_name[0] == '.')
			continue;
		read_status(thread->d_name, "Name", value);
		if (strcmp(value, "store") != 0)
			continue;
		n++;
		read_status(thread->d_name, "SigBlk", value);
		/* All but SIGKILL and SIGSTOP, and maybe those that the C library keeps for itself. */
		assert_int_equal(strtoull(value, NULL, 16) | 3ULL << 31, 0xfffffffffffbfeff);
	}
	closedir(threads);
	assert_int_equal(n, 1);
	store_close(storage);
}

static int
set_up(void **state UNUSED)
{
	failing_system_install();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commit_delay_delays_commits_alone),
		cmocka_unit_test(fetches_do_not_hold_up_commits),
		cmocka_unit_test(nothing_is_overlooked_while_room_is_measured),
		cmocka_unit_test(flush_holds_up_nothing_else),
		cmocka_unit_test(signals_go_to_other_threads),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
