/*
 * store-work write DIRECTORY SEED COMMITS: makes so many commits, of which each is a function of the seed and the one
 * before. Marks when one is handed over (H) and when it is reported as durable (M).
 *
 * store-work check DIRECTORY SEED: what is in the store must be what it was after one of the commits. Prints "OK N",
 * its number; or what is wrong.
 */
#include <dlfcn.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "prng.h"
#include "storage.h"

#define STREAMS 4
#define BULK 3 /* the stream whose blocks come and go by the thousand */
#define BULK_BLOCKS 1200
#define BLOCKS 20000
#define OWNERS 3
#define KEYS 8
#define KEPT 40 /* blocks in the other streams */

struct model {
	struct prng prng;
	uint32_t n;                                                      /* commits */
	uint32_t blocks[STREAMS][BLOCKS], first[STREAMS], next[STREAMS]; /* the commit that wrote it; 0: none */
	uint32_t records[OWNERS][KEYS];                                  /* likewise */
};

static void __attribute__((noreturn, format(printf, 1, 2))) give_up(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
	exit(1);
}

static void
put_id(uint8_t to[STORAGE_ID_SIZE], uint32_t id)
{
	memset(to, 0, STORAGE_ID_SIZE);
	for (int i = 0; i < 4; i++)
		to[STORAGE_ID_SIZE - 1 - i] = (uint8_t)(id >> 8 * i);
}

/* The bytes of block `id`, as commit n wrote it. */
static struct slice
block_value(uint64_t stream, uint32_t id, uint32_t n)
{
	static uint8_t bytes[4000];
	struct prng prng;
	size_t len;

	prng_init(&prng, stream << 56 | (uint64_t)id << 28 | n);
	len = stream == BULK ? 60 : 20 + prng_below(&prng, sizeof(bytes) - 20);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)prng_next(&prng);
	return (struct slice){ bytes, len };
}

static void
put_block(struct model *model, struct storage *storage, uint32_t stream, uint32_t id)
{
	uint8_t key[STORAGE_ID_SIZE];

	model->blocks[stream][id] = model->n;
	put_id(key, id);
	if (storage && storage_put_block(storage, stream, key, model->n, block_value(stream, id, model->n)) < 0)
		give_up("no memory");
}

/* Deletes the blocks of the stream up to this one, which is not deleted. */
static void
delete_before(struct model *model, struct storage *storage, uint32_t stream, uint32_t id)
{
	uint8_t from[STORAGE_ID_SIZE], to[STORAGE_ID_SIZE];

	if (id == 0)
		return;
	while (model->first[stream] < id)
		model->blocks[stream][model->first[stream]++] = 0;
	put_id(from, 0);
	put_id(to, id - 1);
	if (storage && storage_delete_blocks(storage, stream, from, to) < 0)
		give_up("no memory");
}

static void
change_record(struct model *model, struct storage *storage)
{
	uint64_t owner = prng_below(&model->prng, OWNERS);
	uint8_t key = (uint8_t)prng_below(&model->prng, KEYS);
	size_t what = prng_below(&model->prng, 10);
	int r = 0;

	if (what == 0) {
		memset(model->records[owner], 0, sizeof(model->records[owner]));
		r = storage ? storage_delete_owner(storage, STORAGE_PENDING, owner) : 0;
	} else if (what < 3) {
		model->records[owner][key] = 0;
		r = storage ? storage_delete(storage, STORAGE_PENDING, owner, (struct slice){ &key, 1 }) : 0;
	} else {
		model->records[owner][key] = model->n;
		r = storage ? storage_put(storage, STORAGE_PENDING, owner, (struct slice){ &key, 1 },
		                          block_value(owner, key, model->n))
		            : 0;
	}
	if (r < 0)
		give_up("no memory");
}

/* Makes the changes of one more commit, in the model, and in the open batch if there is a storage. */
static void
advance(struct model *model, struct storage *storage)
{
	struct prng *prng = &model->prng;
	struct slice number = { (const uint8_t *)&model->n, sizeof(model->n) };

	model->n++;
	if (storage && storage_put(storage, STORAGE_META, 0, (struct slice){ (const uint8_t *)"n", 1 }, number) < 0)
		give_up("no memory");
	for (size_t ops = 1 + prng_below(prng, 8); ops > 0; ops--) {
		uint32_t stream = (uint32_t)prng_below(prng, BULK);
		size_t what = prng_below(prng, 4);

		if (what == 0 || model->next[stream] == BLOCKS)
			change_record(model, storage);
		else if (what == 1 && model->next[stream] > model->first[stream])
			put_block(model, storage, stream, model->next[stream] - 1);
		else
			put_block(model, storage, stream, model->next[stream]++);
		if (model->next[stream] - model->first[stream] > KEPT)
			delete_before(model, storage, stream, model->next[stream] - (uint32_t)prng_below(prng, KEPT));
	}
	if (model->n % 40 == 20 && model->next[BULK] + BULK_BLOCKS <= BLOCKS) {
		for (int i = 0; i < BULK_BLOCKS; i++)
			put_block(model, storage, BULK, model->next[BULK]++);
	} else if (model->n % 40 == 30) {
		delete_before(model, storage, BULK, model->next[BULK]);
	}
}

static struct storage *
open_store(const char *directory, const struct storage_loader *loader)
{
	struct storage_limits limits = { 0 };
	struct storage *storage;
	char error[400];

	if (storage_open(directory, &limits, &storage, error, sizeof(error)) < 0 ||
	    storage_load(storage, loader, error, sizeof(error)) < 0)
		give_up("BAD %s", error);
	return storage;
}

static struct storage_event
wait_event(struct storage *storage)
{
	struct storage_event event = { .kind = STORAGE_NOTHING };

	while (storage_collect(storage, &event) == STORAGE_NOTHING)
		if (poll(&(struct pollfd){ .fd = storage_fd(storage), .events = POLLIN }, 1, 60000) != 1)
			give_up("BAD nothing comes from the store");
	if (event.kind == STORAGE_FAILED)
		give_up("BAD %s", storage_reason(storage));
	return event;
}

/* What was found in a store. */
struct found {
	struct model *model;
	bool has_number;
	uint32_t n;
	uint32_t records[OWNERS][KEYS], blocks[STREAMS][BLOCKS];
};

static int
find_record(void *arg, enum storage_table table, uint64_t owner, struct slice key, struct slice value)
{
	struct found *found = arg;

	if (table == STORAGE_META && value.len == sizeof(found->n)) {
		memcpy(&found->n, value.p, sizeof(found->n));
		found->has_number = true;
	} else if (table == STORAGE_PENDING && owner < OWNERS && key.len == 1 && *key.p < KEYS) {
		/* The commit that wrote it: META comes first, so the model can be made. */
		while (found->model->n < found->n)
			advance(found->model, NULL);
		uint32_t n = found->model->records[owner][*key.p];
		struct slice expected = block_value(owner, *key.p, n);

		if (n == 0 || expected.len != value.len || memcmp(expected.p, value.p, value.len) != 0)
			give_up("BAD record %d of %d, at commit %u", *key.p, (int)owner, found->n);
		found->records[owner][*key.p] = n;
	} else {
		give_up("BAD a record that nobody wrote");
	}
	return 0;
}

static int
find_block(void *arg, uint64_t stream, const uint8_t id[STORAGE_ID_SIZE], uint32_t n, uint32_t bytes)
{
	struct found *found = arg;
	uint32_t number = (uint32_t)id[12] << 24 | (uint32_t)id[13] << 16 | (uint32_t)id[14] << 8 | id[15];

	if (stream >= STREAMS || number >= BLOCKS || bytes != block_value(stream, number, n).len)
		give_up("BAD a block that nobody wrote");
	found->blocks[stream][number] = n;
	return 0;
}

static void
check_integrity(const char *directory)
{
	sqlite3_stmt *row;
	sqlite3 *sqlite;
	char path[4096];

	snprintf(path, sizeof(path), "%s/store.db", directory);
	if (sqlite3_open(path, &sqlite) != SQLITE_OK ||
	    sqlite3_prepare_v2(sqlite, "PRAGMA integrity_check", -1, &row, NULL) != SQLITE_OK ||
	    sqlite3_step(row) != SQLITE_ROW || strcmp((const char *)sqlite3_column_text(row, 0), "ok") != 0)
		give_up("BAD integrity: %s", sqlite3_errmsg(sqlite));
	sqlite3_finalize(row);
	sqlite3_close(sqlite);
}

static void
check(const char *directory, struct model *model)
{
	struct found *found = calloc(1, sizeof(*found));
	struct storage_loader loader = { .arg = found, .record = find_record, .block = find_block };
	struct storage *storage;

	if (!found)
		give_up("no memory");
	found->model = model;
	storage = open_store(directory, &loader);
	while (model->n < found->n)
		advance(model, NULL);
	if (memcmp(model->records, found->records, sizeof(model->records)) != 0)
		give_up("BAD records of commit %u", found->n);
	for (uint32_t s = 0; s < STREAMS; s++) {
		for (uint32_t b = 0; b < BLOCKS; b++) {
			uint8_t id[STORAGE_ID_SIZE];
			struct storage_event event;
			struct slice expected;

			if (model->blocks[s][b] != found->blocks[s][b])
				give_up("BAD block %u of stream %u is of commit %u, not %u, at commit %u", b, s,
				        found->blocks[s][b], model->blocks[s][b], found->n);
			if (model->blocks[s][b] == 0 || (s == BULK && b % 20 != 0))
				continue;
			put_id(id, b);
			expected = block_value(s, b, model->blocks[s][b]);
			if (storage_fetch(storage, s, id, NULL) < 0)
				give_up("no memory");
			event = wait_event(storage);
			if (event.error < 0 || event.len != expected.len ||
			    memcmp(event.data, expected.p, event.len) != 0)
				give_up("BAD bytes of block %u of stream %u, at commit %u", b, s, found->n);
			free(event.data);
		}
	}
	/* It goes on. */
	advance(model, storage);
	if (storage_close(storage) < 0)
		give_up("BAD it cannot be written");
	check_integrity(directory);
	printf("OK %u\n", found->n);
	free(found);
}

static void
write_commits(const char *directory, struct model *model, uint32_t n)
{
	void (*mark)(char, uint64_t) = (void (*)(char, uint64_t))dlsym(RTLD_DEFAULT, "recorder_mark");
	struct found *found = calloc(1, sizeof(*found));
	struct storage_loader loader = { .arg = found, .record = find_record, .block = find_block };
	struct storage *storage;

	if (!mark || !found)
		give_up("without the recorder");
	found->model = model;
	storage = open_store(directory, &loader);
	while (model->n < n) {
		advance(model, storage);
		mark('H', model->n);
		storage_commit(storage);
		while (storage_is_committing(storage))
			wait_event(storage);
		mark('M', model->n);
		if (model->n % 40 > 30 && model->n % 40 < 34)
			usleep(15000); /* so long that the store tidies up */
		if (model->n % 97 == 0) {
			if (storage_close(storage) < 0)
				give_up("BAD it cannot be closed");
			memset(found, 0, sizeof(*found));
			found->model = model;
			storage = open_store(directory, &loader);
		}
	}
	storage_close(storage);
	free(found);
}

int
main(int argc, char **argv)
{
	struct model *model = calloc(1, sizeof(*model));

	if (!model || argc < 4)
		give_up("usage: store-work write DIRECTORY SEED COMMITS, or store-work check DIRECTORY SEED");
	prng_init(&model->prng, strtoul(argv[3], NULL, 10));
	if (strcmp(argv[1], "write") == 0 && argc == 5)
		write_commits(argv[2], model, (uint32_t)strtoul(argv[4], NULL, 10));
	else
		check(argv[2], model);
	free(model);
	return 0;
}
