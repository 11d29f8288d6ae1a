/* The store without memory of its own: each allocation fails once, and what failed works when it is tried again. */
#include "storage.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cleanup.h"
#include "failing.h"
#include "store.h"

#define UNUSED __attribute__((unused))

static int
no_record(void *arg UNUSED, enum storage_table table UNUSED, uint64_t owner UNUSED, struct slice key UNUSED,
          struct slice value UNUSED)
{
	return 0;
}

static int
no_block(void *arg UNUSED, uint64_t stream UNUSED, const uint8_t id[STORAGE_ID_SIZE] UNUSED, uint32_t n UNUSED,
         uint32_t bytes UNUSED)
{
	return 0;
}

static struct storage *
open_at_last(const char *directory)
{
	const struct storage_loader loader = { .record = no_record, .block = no_block };
	struct storage_limits limits = { 0 };
	struct storage *storage = NULL;
	char error[400] = "";
	int r = storage_open(directory, &limits, &storage, error, sizeof(error));

	if (r < 0) {
		assert_int_equal(r, -ENOMEM);
		assert_non_null(strstr(error, strerror(ENOMEM)));
		assert_null(storage);
		assert_int_equal(storage_open(directory, &limits, &storage, error, sizeof(error)), 0);
	}
	assert_int_equal(storage_load(storage, &loader, error, sizeof(error)), 0);
	return storage;
}

/* A life of a store; whatever fails is done again. */
static void
live(const char *directory, const char *copy)
{
	struct storage *storage = open_at_last(directory);
	const struct slice value = { (const uint8_t *)"value", 5 };
	const uint8_t id[STORAGE_ID_SIZE] = { 1 };
	struct storage_event event;
	int r;

	for (int i = 0; i < 3; i++) {
		uint8_t large[70000] = { 1 };

		if ((r = storage_put(storage, STORAGE_META, 0, value, value)) < 0) {
			assert_int_equal(r, -ENOMEM);
			assert_int_equal(storage_put(storage, STORAGE_META, 0, value, value), 0);
		}
		/* More than a batch keeps. */
		if ((r = storage_put_block(storage, 1, id, 1, (struct slice){ large, sizeof(large) })) < 0) {
			assert_int_equal(r, -ENOMEM);
			assert_int_equal(storage_put_block(storage, 1, id, 1, (struct slice){ large, sizeof(large) }),
			                 0);
		}
		store_commit(storage);
		do {
			if ((r = storage_fetch(storage, 1, id, NULL)) < 0) {
				assert_int_equal(r, -ENOMEM);
				assert_int_equal(storage_fetch(storage, 1, id, NULL), 0);
			}
			event = store_wait(storage);
			assert_int_equal(event.kind, STORAGE_FETCHED);
			assert_true(event.error == 0 || event.error == -ENOMEM);
		} while (event.error < 0);
		assert_int_equal(event.len, sizeof(large));
		free(event.data);
	}
	do {
		if ((r = storage_backup(storage, copy, "/nowhere")) < 0) {
			assert_int_equal(r, -ENOMEM);
			assert_int_equal(storage_backup(storage, copy, "/nowhere"), 0);
		}
		event = store_wait(storage);
		assert_int_equal(event.kind, STORAGE_BACKED_UP);
		assert_true(event.error == 0 || event.error == -ENOMEM);
	} while (event.error < 0);
	assert_int_equal(storage_state(storage), STORAGE_OK);
	assert_int_equal(storage_close(storage), 0);
}

static void
each_allocation_fails(void **state UNUSED)
{
	uint64_t n = 0, failed;

	do {
		_cleanup_free_ char *dir = store_directory(), *to = store_directory(), *copy = NULL;
		struct buf content = { 0 };

		assert_true(asprintf(&copy, "%s/store.db", to) > 0);
		failing_begin(++n, 1);
		failing_set_on(true);
		live(dir, copy);
		failed = failing_end();
		store_read(dir, &content);
		store_assert_content(&content, "0 0 value=value\nblock 1 0 n 1 bytes 70000\n");
		buf_deinit(&content);
		store_read(to, &content);
		store_assert_content(&content, "0 0 value=value\nblock 1 0 n 1 bytes 70000\n");
		buf_deinit(&content);
	} while (failed > 0);
	assert_true(n > 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_allocation_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
