#include "memory-store.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"

/* A record, or a block: its table is STORAGE_TABLES then. */
struct item {
	enum storage_table table;
	uint64_t owner;
	struct buf key, value;
	uint32_t n;
	bool is_damaged;
};

struct memory_disk {
	struct item *items; /* in order */
	size_t n, cap;
	bool is_open;
};

enum change_kind { CHANGE_PUT, CHANGE_DELETE };

/* Deletes what is from..to. */
struct change {
	enum change_kind kind;
	struct item item;
	struct buf to;
};

struct batch {
	struct change *changes;
	size_t n, cap, bytes;
};

struct storage {
	struct memory_disk *disk;
	struct batch open, committing;
	struct storage_event *events;
	size_t n_events, events_cap;
	bool is_auto, is_committing, is_committed, has_failed, is_failure_told;
	int memory;
	size_t fetches;
	enum storage_state state;
	const char *reason;
};

struct memory_disk *
memory_disk_new(void)
{
	return calloc(1, sizeof(struct memory_disk));
}

static void
item_free(struct item *item)
{
	buf_deinit(&item->key);
	buf_deinit(&item->value);
}

void
memory_disk_free(struct memory_disk *disk)
{
	assert(!disk->is_open);
	for (size_t i = 0; i < disk->n; i++)
		item_free(&disk->items[i]);
	free(disk->items);
	free(disk);
}

static int
item_compare(const struct item *item, enum storage_table table, uint64_t owner, struct slice key)
{
	size_t len = item->key.len < key.len ? item->key.len : key.len;
	int order;

	if (item->table != table)
		return item->table < table ? -1 : 1;
	if (item->owner != owner)
		return item->owner < owner ? -1 : 1;
	order = len > 0 ? memcmp(item->key.data, key.p, len) : 0;
	return order ? order : item->key.len < key.len ? -1 : item->key.len > key.len;
}

/* The first one that is not before the key. */
static size_t
disk_search(const struct memory_disk *disk, enum storage_table table, uint64_t owner, struct slice key)
{
	size_t low = 0, high = disk->n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (item_compare(&disk->items[middle], table, owner, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
disk_put(struct memory_disk *disk, struct item *item)
{
	struct slice key = { item->key.data, item->key.len };
	size_t i = disk_search(disk, item->table, item->owner, key);

	if (i < disk->n && item_compare(&disk->items[i], item->table, item->owner, key) == 0) {
		item_free(&disk->items[i]);
	} else {
		if (disk->n == disk->cap) {
			disk->cap = disk->cap ? 2 * disk->cap : 64;
			disk->items = realloc(disk->items, disk->cap * sizeof(*disk->items));
			assert(disk->items);
		}
		memmove(&disk->items[i + 1], &disk->items[i], (disk->n++ - i) * sizeof(*disk->items));
	}
	disk->items[i] = *item;
	*item = (struct item){ 0 };
}

static void
disk_delete(struct memory_disk *disk, const struct change *change)
{
	const struct item *from = &change->item;
	size_t i = disk_search(disk, from->table, from->owner, (struct slice){ from->key.data, from->key.len }),
	       end = i;
	struct slice to = { change->to.data, change->to.len };

	while (end < disk->n && item_compare(&disk->items[end], from->table, from->owner, to) <= 0)
		item_free(&disk->items[end++]);
	memmove(&disk->items[i], &disk->items[end], (disk->n - end) * sizeof(*disk->items));
	disk->n -= end - i;
}

static void
batch_clear(struct batch *batch)
{
	for (size_t i = 0; i < batch->n; i++) {
		item_free(&batch->changes[i].item);
		buf_deinit(&batch->changes[i].to);
	}
	free(batch->changes);
	*batch = (struct batch){ 0 };
}

struct storage *
memory_store_open(struct memory_disk *disk)
{
	struct storage *storage = calloc(1, sizeof(*storage));

	assert(storage && !disk->is_open);
	disk->is_open = true;
	storage->disk = disk;
	storage->is_auto = true;
	storage->memory = -1;
	storage->reason = "";
	return storage;
}

static int
store_event(struct storage *storage, struct storage_event event)
{
	if (storage->n_events == storage->events_cap) {
		size_t cap = storage->events_cap ? 2 * storage->events_cap : 16;
		struct storage_event *events = realloc(storage->events, cap * sizeof(event));

		if (!events)
			return -ENOMEM;
		storage->events = events;
		storage->events_cap = cap;
	}
	storage->events[storage->n_events++] = event;
	return 0;
}

void
memory_store_set_auto(struct storage *storage, bool is_auto)
{
	storage->is_auto = is_auto;
}

static void
store_apply(struct storage *storage, struct batch *batch)
{
	for (size_t i = 0; i < batch->n; i++) {
		if (batch->changes[i].kind == CHANGE_PUT)
			disk_put(storage->disk, &batch->changes[i].item);
		else
			disk_delete(storage->disk, &batch->changes[i]);
	}
	batch_clear(batch);
}

void
memory_store_finish(struct storage *storage)
{
	if (storage->is_committing && !storage->is_committed && !storage->has_failed) {
		store_apply(storage, &storage->committing);
		storage->is_committed = true;
		assert(store_event(storage, (struct storage_event){ .kind = STORAGE_COMMITTED }) == 0);
	}
}

void
memory_store_fail(struct storage *storage)
{
	storage->has_failed = true;
	storage->state = STORAGE_DEAD;
	storage->reason = "Input/output error";
}

void
memory_store_set_memory(struct storage *storage, int changes)
{
	storage->memory = changes;
}

void
memory_store_set_state(struct storage *storage, enum storage_state state, const char *reason)
{
	storage->state = state;
	storage->reason = reason;
}

size_t
memory_disk_records(const struct memory_disk *disk, enum storage_table table)
{
	size_t n = 0;

	for (size_t i = 0; i < disk->n; i++)
		n += disk->items[i].table == table;
	return n;
}

size_t
memory_disk_blocks(const struct memory_disk *disk)
{
	return memory_disk_records(disk, STORAGE_TABLES);
}

void
memory_disk_damage(struct memory_disk *disk, size_t n, size_t byte)
{
	struct item *item = &disk->items[disk_search(disk, STORAGE_TABLES, 0, (struct slice){ 0 }) + n];

	item->value.data[byte % item->value.len] ^= 0x10;
	item->is_damaged = true;
}

size_t
memory_store_fetches(const struct storage *storage)
{
	return storage->fetches;
}

/* storage.h */

int
storage_open(const char *directory __attribute__((unused)), const struct storage_limits *limits __attribute__((unused)),
             struct storage **ret, char *error __attribute__((unused)), size_t error_size __attribute__((unused)))
{
	*ret = memory_store_open(memory_disk_new());
	return 0;
}

int
storage_close(struct storage *storage)
{
	bool is_lost = storage->has_failed;

	if (!is_lost) {
		if (storage->is_auto)
			store_apply(storage, &storage->committing);
		if (storage->is_auto)
			store_apply(storage, &storage->open);
	}
	batch_clear(&storage->committing);
	batch_clear(&storage->open);
	for (size_t i = 0; i < storage->n_events; i++)
		free(storage->events[i].data);
	free(storage->events);
	storage->disk->is_open = false;
	free(storage);
	return is_lost ? -EIO : 0;
}

void
storage_set_limits(struct storage *storage __attribute__((unused)),
                   const struct storage_limits *limits __attribute__((unused)))
{
}

int
storage_load(struct storage *storage, const struct storage_loader *loader, char *error, size_t error_size)
{
	snprintf(error, error_size, "test");
	for (size_t i = 0; i < storage->disk->n; i++) {
		const struct item *item = &storage->disk->items[i];
		struct slice key = { item->key.data, item->key.len }, value = { item->value.data, item->value.len };
		int r;

		if (item->is_damaged && item->table < STORAGE_TABLES)
			r = loader->damaged(loader->arg, item->table, item->owner, key);
		else if (item->table < STORAGE_TABLES)
			r = loader->record(loader->arg, item->table, item->owner, key, value);
		else
			r = loader->block(loader->arg, item->owner, item->key.data, item->n, (uint32_t)value.len);
		if (r < 0)
			return r;
	}
	return 0;
}

static int
store_change(struct storage *storage, enum change_kind kind, enum storage_table table, uint64_t owner, struct slice key,
             struct slice to, struct slice value, uint32_t n)
{
	struct batch *batch = &storage->open;
	struct change change = { .kind = kind, .item = { .table = table, .owner = owner, .n = n } };

	if (storage->memory == 0)
		return -ENOMEM;
	storage->memory -= storage->memory > 0;
	if (batch->n == batch->cap) {
		size_t cap = batch->cap ? 2 * batch->cap : 16;
		struct change *changes = realloc(batch->changes, cap * sizeof(change));

		if (!changes)
			return -ENOMEM;
		batch->changes = changes;
		batch->cap = cap;
	}
	if (buf_append(&change.item.key, key.p, key.len) < 0 || buf_append(&change.to, to.p, to.len) < 0 ||
	    buf_append(&change.item.value, value.p, value.len) < 0) {
		item_free(&change.item);
		buf_deinit(&change.to);
		return -ENOMEM;
	}
	batch->changes[batch->n++] = change;
	batch->bytes += key.len + value.len;
	return 0;
}

int
storage_put(struct storage *storage, enum storage_table table, uint64_t owner, struct slice key, struct slice value)
{
	return store_change(storage, CHANGE_PUT, table, owner, key, key, value, 0);
}

int
storage_delete(struct storage *storage, enum storage_table table, uint64_t owner, struct slice key)
{
	return store_change(storage, CHANGE_DELETE, table, owner, key, key, (struct slice){ 0 }, 0);
}

int
storage_delete_range(struct storage *storage, enum storage_table table, uint64_t owner, struct slice from,
                     struct slice to)
{
	return store_change(storage, CHANGE_DELETE, table, owner, from, to, (struct slice){ 0 }, 0);
}

int
storage_delete_owner(struct storage *storage, enum storage_table table, uint64_t owner)
{
	static const uint8_t highest[] = { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
		                           255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 };

	return store_change(storage, CHANGE_DELETE, table, owner, (struct slice){ 0 },
	                    (struct slice){ highest, sizeof(highest) }, (struct slice){ 0 }, 0);
}

int
storage_put_block(struct storage *storage, uint64_t stream, const uint8_t id[STORAGE_ID_SIZE], uint32_t n,
                  struct slice value)
{
	struct slice key = { id, STORAGE_ID_SIZE };

	return store_change(storage, CHANGE_PUT, STORAGE_TABLES, stream, key, key, value, n);
}

int
storage_delete_blocks(struct storage *storage, uint64_t stream, const uint8_t from[STORAGE_ID_SIZE],
                      const uint8_t to[STORAGE_ID_SIZE])
{
	return store_change(storage, CHANGE_DELETE, STORAGE_TABLES, stream, (struct slice){ from, STORAGE_ID_SIZE },
	                    (struct slice){ to, STORAGE_ID_SIZE }, (struct slice){ 0 }, 0);
}

void
storage_drop_batch(struct storage *storage)
{
	batch_clear(&storage->open);
}

size_t
storage_batch_bytes(const struct storage *storage)
{
	return storage->open.bytes;
}

void
storage_commit(struct storage *storage)
{
	assert(!storage->is_committing && storage->open.n > 0);
	storage->committing = storage->open;
	storage->open = (struct batch){ 0 };
	storage->is_committing = true;
	storage->is_committed = false;
}

bool
storage_is_committing(const struct storage *storage)
{
	return storage->is_committing;
}

int
storage_fetch(struct storage *storage, uint64_t stream, const uint8_t id[STORAGE_ID_SIZE], void *arg)
{
	struct storage_event event = { .kind = STORAGE_FETCHED, .arg = arg, .error = -ENOENT };
	struct slice key = { id, STORAGE_ID_SIZE };
	size_t i;

	if (storage->memory == 0)
		return -ENOMEM;
	i = disk_search(storage->disk, STORAGE_TABLES, stream, key);
	if (i < storage->disk->n && item_compare(&storage->disk->items[i], STORAGE_TABLES, stream, key) == 0)
		event.error = storage->disk->items[i].is_damaged ? -EBADMSG : 0;
	if (event.error == 0) {
		const struct buf *value = &storage->disk->items[i].value;

		event.data = malloc(value->len);
		event.len = value->len;
		if (!event.data)
			return -ENOMEM;
		memcpy(event.data, value->data, value->len);
	}
	if (store_event(storage, event) < 0) {
		free(event.data);
		return -ENOMEM;
	}
	storage->fetches++;
	return 0;
}

int
storage_backup(struct storage *storage, const char *path __attribute__((unused)),
               const char *forgotten __attribute__((unused)))
{
	return store_event(storage, (struct storage_event){ .kind = STORAGE_BACKED_UP });
}

int
storage_fd(const struct storage *storage __attribute__((unused)))
{
	return -1;
}

enum storage_event_kind
storage_collect(struct storage *storage, struct storage_event *ret_event)
{
	if (storage->has_failed) {
		*ret_event =
		    (struct storage_event){ .kind = storage->is_failure_told ? STORAGE_NOTHING : STORAGE_FAILED };
		storage->is_failure_told = true;
		return ret_event->kind;
	}
	if (storage->is_auto)
		memory_store_finish(storage);
	if (storage->n_events == 0) {
		*ret_event = (struct storage_event){ .kind = STORAGE_NOTHING };
		return STORAGE_NOTHING;
	}
	*ret_event = storage->events[0];
	memmove(storage->events, storage->events + 1, --storage->n_events * sizeof(*ret_event));
	if (ret_event->kind == STORAGE_COMMITTED)
		storage->is_committing = false;
	return ret_event->kind;
}

enum storage_state
storage_state(const struct storage *storage)
{
	return storage->state;
}

const char *
storage_reason(struct storage *storage)
{
	return storage->reason;
}

void
storage_get_figures(struct storage *storage __attribute__((unused)), struct storage_figures *ret_figures)
{
	*ret_figures = (struct storage_figures){ 0 };
}
