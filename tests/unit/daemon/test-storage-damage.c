/* A store whose file has been damaged: what it still gives is right, and the rest is an error. */
#include "storage.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cleanup.h"
#include "prng.h"
#include "salvage.h"
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

static int
count_damaged(void *arg, enum storage_table table, uint64_t owner, struct slice key)
{
	assert_int_equal(table, STORAGE_GROUPS);
	assert_int_equal(owner, 7);
	assert_true(key.len == 1 && *key.p == 'b');
	++*(int *)arg;
	return 0;
}

static void
damaged_values_are_named(void **state UNUSED)
{
	_cleanup_free_ char *dir = store_directory();
	struct storage *storage = store_open(dir, NULL);
	struct storage_limits limits = { 0 };
	struct storage_event event;
	int n = 0;
	struct storage_loader loader = { .arg = &n, .record = no_record, .block = no_block };
	char error[400];

	store_put(storage, STORAGE_GROUPS, 7, "a", "whole");
	store_put(storage, STORAGE_GROUPS, 7, "b", "damaged");
	store_put_block(storage, 1, 1, 1, "whole");
	store_put_block(storage, 1, 2, 1, "damaged");
	store_close(storage);
	store_run_sql(dir, "UPDATE record SET value = CAST('damageD' AS BLOB) WHERE key = CAST('b' AS BLOB);"
	                   "UPDATE block SET v = CAST('damageD' AS BLOB) WHERE bytes = 7");
	assert_int_equal(storage_open(dir, &limits, &storage, error, sizeof(error)), 0);
	assert_int_equal(storage_load(storage, &loader, error, sizeof(error)), -EBADMSG);
	assert_non_null(strstr(error, "the database is damaged"));
	assert_int_equal(storage_close(storage), 0);
	loader.damaged = count_damaged;
	assert_int_equal(storage_open(dir, &limits, &storage, error, sizeof(error)), 0);
	assert_int_equal(storage_load(storage, &loader, error, sizeof(error)), 0);
	assert_int_equal(n, 1);
	assert_int_equal(store_fetch(storage, 1, 2, &event), -EBADMSG);
	assert_int_equal(store_fetch(storage, 1, 1, &event), 0);
	free(event.data);
	assert_int_equal(storage_state(storage), STORAGE_OK);
	store_close(storage);
}

#define RECORDS 300
#define BLOCKS 100

/* The value of record or block n. Some records take more than a page. */
static struct slice
value_of(uint64_t n)
{
	static uint8_t bytes[6000];
	struct prng prng;
	size_t len;

	prng_init(&prng, n);
	len = prng_below(&prng, prng_below(&prng, 20) == 0 ? sizeof(bytes) : 300);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)prng_next(&prng);
	return (struct slice){ bytes, len };
}

static void
put_id(uint8_t to[STORAGE_ID_SIZE], uint64_t id)
{
	memset(to, 0, STORAGE_ID_SIZE);
	to[STORAGE_ID_SIZE - 1] = (uint8_t)id;
}

static void
fill(const char *directory)
{
	struct storage *storage = store_open(directory, NULL);

	for (uint64_t i = 0; i < RECORDS; i++)
		assert_int_equal(storage_put(storage, STORAGE_PENDING, i % 7,
		                             (struct slice){ (const uint8_t *)&i, sizeof(i) }, value_of(i)),
		                 0);
	for (uint64_t i = 0; i < BLOCKS; i++) {
		uint8_t id[STORAGE_ID_SIZE];

		put_id(id, i);
		assert_int_equal(storage_put_block(storage, i % 3, id, 1, value_of(i)), 0);
	}
	store_close(storage);
}

struct found {
	int records, damaged;
};

static int
find_record(void *arg, enum storage_table table, uint64_t owner, struct slice key, struct slice value)
{
	struct found *found = arg;
	struct slice expected;
	uint64_t n;

	assert_int_equal(table, STORAGE_PENDING);
	assert_int_equal(key.len, sizeof(n));
	memcpy(&n, key.p, sizeof(n));
	assert_true(n < RECORDS && owner == n % 7);
	expected = value_of(n);
	assert_int_equal(value.len, expected.len);
	if (value.len > 0)
		assert_memory_equal(value.p, expected.p, value.len);
	found->records++;
	return 0;
}

static int
find_damaged(void *arg, enum storage_table table UNUSED, uint64_t owner UNUSED, struct slice key UNUSED)
{
	((struct found *)arg)->damaged++;
	return 0;
}

/* Opens the store, which gives what is right, or says that it is damaged. Returns whether it could be opened. */
static bool
read_damaged(const char *directory, int *errors)
{
	struct storage_limits limits = { 0 };
	struct found found = { 0 };
	struct storage_loader loader = {
		.arg = &found, .record = find_record, .block = no_block, .damaged = find_damaged
	};
	struct storage *storage;
	char error[600] = "";
	int r;

	if ((r = storage_open(directory, &limits, &storage, error, sizeof(error))) < 0) {
		assert_true(r == -EBADMSG || r == -EPROTO || r == -EIO);
		assert_true(error[0] != '\0');
		return false;
	}
	if ((r = storage_load(storage, &loader, error, sizeof(error))) < 0) {
		assert_true(r == -EBADMSG || r == -EIO);
		assert_true(error[0] != '\0');
		storage_close(storage);
		return false;
	}
	assert_int_equal(found.records + found.damaged, RECORDS);
	*errors += found.damaged;
	for (uint64_t i = 0; i < BLOCKS && storage_state(storage) != STORAGE_DEAD; i++) {
		struct storage_event event = { 0 };
		struct slice expected = value_of(i);

		if (store_fetch(storage, i % 3, i, &event) < 0) {
			++*errors;
			continue;
		}
		assert_int_equal(event.len, expected.len);
		if (event.len > 0)
			assert_memory_equal(event.data, expected.p, event.len);
		free(event.data);
	}
	storage_close(storage);
	return true;
}

/* Damages a file somehow. */
static void
damage(uint8_t *bytes, size_t *len, struct prng *prng)
{
	size_t at = prng_below(prng, *len), page = at & ~(size_t)4095;

	switch (prng_below(prng, 8)) {
	case 0:
		*len = prng_below(prng, 2) == 0 ? page : at;
		break;
	case 1:
		memset(bytes + page, 0, 4096);
		break;
	case 2:
		for (size_t i = 0; i < 512; i++)
			bytes[(at & ~(size_t)511) + i] = (uint8_t)prng_next(prng);
		break;
	case 3: /* where pages have their structure */
		bytes[page + prng_below(prng, 12)] ^= (uint8_t)(1 << prng_below(prng, 8));
		break;
	default:
		bytes[at] ^= (uint8_t)(1 << prng_below(prng, 8));
	}
}

/* What can be read is saved, and nothing else, and the new store is whole. Returns how much of it. */
static uint64_t
save_damaged(const char *directory)
{
	_cleanup_free_ char *to = store_directory();
	struct storage_limits limits = { 0 };
	struct salvage salvage;
	char error[600] = "";
	struct storage *storage;
	struct found found = { 0 };
	struct storage_loader loader = { .arg = &found, .record = find_record, .block = no_block };

	if (salvage_store(directory, to, &salvage, error, sizeof(error)) < 0) {
		assert_true(error[0] != '\0');
		return 0;
	}
	assert_int_equal(storage_open(to, &limits, &storage, error, sizeof(error)), 0);
	assert_int_equal(storage_load(storage, &loader, error, sizeof(error)), 0);
	assert_int_equal((uint64_t)found.records, salvage.records);
	for (uint64_t i = 0; i < BLOCKS; i++) {
		struct storage_event event = { 0 };
		struct slice expected = value_of(i);
		int r = store_fetch(storage, i % 3, i, &event);

		if (r == -ENOENT)
			continue;
		assert_int_equal(r, 0);
		assert_int_equal(event.len, expected.len);
		assert_true(event.len == 0 || memcmp(event.data, expected.p, event.len) == 0);
		free(event.data);
		salvage.blocks--;
	}
	assert_int_equal(salvage.blocks, 0);
	store_close(storage);
	return salvage.records;
}

static void
whole_store_is_saved_as_a_whole(void **state UNUSED)
{
	_cleanup_free_ char *whole = store_directory(), *to = store_directory();
	struct salvage salvage;
	char error[600] = "";

	fill(whole);
	assert_int_equal(salvage_store(whole, to, &salvage, error, sizeof(error)), 0);
	assert_int_equal(salvage.records, RECORDS);
	assert_int_equal(salvage.blocks, BLOCKS);
	assert_int_equal(salvage.damages, 0);
	assert_int_equal(salvage_store(whole, to, &salvage, error, sizeof(error)), -EEXIST);
	assert_non_null(strstr(error, "there is a store already"));
}

/* Free pages that are damaged are not given back, and harm nobody who needs none. */
static void
damaged_free_pages_harm_nobody(void **state UNUSED)
{
	_cleanup_free_ char *dir = store_directory(), *path = NULL;
	struct storage *storage = store_open(dir, NULL);
	uint8_t bytes[4000] = { 1 }, id[STORAGE_ID_SIZE] = { 0 }, header[100];
	struct buf content = { 0 };
	long trunk;
	FILE *file;

	for (int i = 0; i < 1000; i++) {
		id[14] = (uint8_t)(i >> 8);
		id[15] = (uint8_t)i;
		assert_int_equal(storage_put_block(storage, 1, id, 1, (struct slice){ bytes, sizeof(bytes) }), 0);
	}
	store_put(storage, STORAGE_META, 0, "n", "1");
	store_close(storage);
	store_run_sql(dir, "DELETE FROM block");
	assert_true(asprintf(&path, "%s/store.db", dir) > 0);
	assert_non_null(file = fopen(path, "r+"));
	assert_int_equal(fread(header, 1, sizeof(header), file), sizeof(header));
	trunk = header[32] << 24 | header[33] << 16 | header[34] << 8 | header[35];
	assert_true(trunk > 1);
	assert_int_equal(fseek(file, (trunk - 1) * 4096, SEEK_SET), 0);
	assert_int_equal(fwrite("\377\377\377\377\377\377\377\377", 1, 8, file), 8);
	fclose(file);
	storage = store_open(dir, NULL);
	for (int i = 2; i < 10; i++) {
		store_put(storage, STORAGE_META, 0, "n", i % 2 == 0 ? "2" : "3");
		store_commit(storage);
		assert_int_equal(storage_state(storage), STORAGE_OK);
	}
	store_close(storage);
	store_read(dir, &content);
	store_assert_content(&content, "0 0 n=3\n");
	buf_deinit(&content);
}

static void
nothing_wrong_comes_from_a_damaged_file(void **state UNUSED)
{
	_cleanup_free_ char *whole = store_directory(), *from = NULL;
	static uint8_t bytes[4 << 20], copy[4 << 20];
	int refused = 0, found = 0, errors = 0;
	uint64_t saved = 0;
	struct prng prng;
	FILE *file;
	size_t len;

	prng_init(&prng, prng_seed());
	fill(whole);
	assert_true(asprintf(&from, "%s/store.db", whole) > 0);
	assert_non_null(file = fopen(from, "r"));
	len = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	assert_true(len > 100000 && len < sizeof(bytes));
	for (int i = 0; i < 500; i++) {
		size_t copy_len = len;
		int here = 0;

		memcpy(copy, bytes, len);
		damage(copy, &copy_len, &prng);
		assert_non_null(file = fopen(from, "w"));
		assert_int_equal(fwrite(copy, 1, copy_len, file), copy_len);
		fclose(file);
		if (copy_len == 0)
			continue; /* that is a new one */
		if (!read_damaged(whole, &here)) {
			refused++;
			saved += save_damaged(whole);
		} else if (here > 0)
			found++;
		errors += here;
	}
	printf("# %d were refused, of which %d%% of the records were saved; in %d others there were %d errors\n",
	       refused, (int)(saved * 100 / RECORDS / (unsigned int)refused), found, errors);
	assert_true(refused > 0 && found > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damaged_values_are_named),
		cmocka_unit_test(damaged_free_pages_harm_nobody),
		cmocka_unit_test(whole_store_is_saved_as_a_whole),
		cmocka_unit_test(nothing_wrong_comes_from_a_damaged_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
