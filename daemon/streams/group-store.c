/*
 * What groups are on disk. The record of a group, under the number of its stream and its own: last id, entries read
 * (0: unknown, else one more), the last number of a consumer, name with its length, its own values if it has any. That
 * of a consumer, under the numbers of its group and its own: seen, active, name. Pending entries: pending.c. Numbers
 * are varints, but for keys: 8 bytes, big-endian.
 *
 * What is read is checked: a record that cannot be right is refused, so memory never holds what commands could not have
 * made.
 */
#include "group-store.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "group-consumers.h"
#include "pending-store.h"
#include "varint.h"

/* A key of 8 bytes in a record; lives as long as the variable. */
#define GROUP_KEY(variable) ((struct slice){ (const uint8_t *)&(variable), sizeof(variable) })

static int
group_put_record(struct storage *storage, enum storage_table table, uint64_t owner, uint64_t no,
                 const uint64_t *numbers, size_t n, struct slice name)
{
	uint64_t key = htobe64(no);
	uint8_t *value = malloc(n * VARINT_MAX + name.len), *p = value;
	int r;

	if (!value)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		p = varint_put(p, numbers[i]);
	p = slice_put(p, name);
	r = storage_put(storage, table, owner, GROUP_KEY(key), (struct slice){ value, (size_t)(p - value) });
	free(value);
	return r;
}

/* Reads n numbers; *ret_name is what follows. Returns false if it is damaged. */
static bool
group_get_record(struct slice key, struct slice value, uint64_t *ret_no, uint64_t *ret_numbers, size_t n,
                 struct slice *ret_name)
{
	const uint8_t *p = value.p, *end = value.p + value.len;

	if (key.len != sizeof(*ret_no))
		return false;
	memcpy(ret_no, key.p, sizeof(*ret_no));
	*ret_no = be64toh(*ret_no);
	for (size_t i = 0; i < n; i++)
		if (!varint_get(&p, end, &ret_numbers[i]))
			return false;
	*ret_name = (struct slice){ p, (size_t)(end - p) };
	return *ret_no > 0;
}

static int
group_put_group(struct storage *storage, const struct stream *stream, const struct stream_group *group)
{
	const uint64_t numbers[] = { group->last.ms, group->last.seq, group->entries_read + 1, group->last_consumer_no,
		                     group->name_len };
	uint8_t rest[PROTOCOL_NAME_MAX + GROUP_VALUES_BYTES];
	uint8_t *p = slice_put(rest, (struct slice){ group->name, group->name_len });

	if (group->values)
		p = group_values_put(p, group->values);
	return group_put_record(storage, STORAGE_GROUPS, stream->no, group->no, numbers, 5,
	                        (struct slice){ rest, (size_t)(p - rest) });
}

static int
group_write(struct storage *storage, const struct stream *stream, const struct stream_group *group)
{
	const struct stream_consumer *consumer;
	int r = 0;

	if (group->is_dirty || !group->is_stored)
		r = group_put_group(storage, stream, group);
	for (size_t i = 0; r == 0 && i < group->n_gone; i++) {
		uint64_t key = htobe64(group->gone[i]);

		r = storage_delete(storage, STORAGE_CONSUMERS, group->no, GROUP_KEY(key));
	}
	TAILQ_FOREACH(consumer, &group->dirty_consumers, dirty_link) {
		const uint64_t numbers[] = { consumer->seen_ms, consumer->active_ms };

		if (r < 0)
			break;
		r = group_put_record(storage, STORAGE_CONSUMERS, group->no, consumer->no, numbers, 2,
		                     (struct slice){ consumer->name, consumer->name_len });
	}
	return r < 0 ? r : pending_save(&group->pending, storage, group->no);
}

static int
group_erase(struct storage *storage, const struct stream *stream, const struct stream_group *group)
{
	uint64_t key = htobe64(group->no);
	int r = storage_delete(storage, STORAGE_GROUPS, stream->no, GROUP_KEY(key));

	if (r == 0)
		r = storage_delete_owner(storage, STORAGE_CONSUMERS, group->no);
	return r < 0 ? r : storage_delete_owner(storage, STORAGE_PENDING, group->no);
}

static void
group_saved(struct stream_group *group)
{
	struct stream_consumer *consumer;

	group->is_dirty = false;
	group->is_stored = true;
	group->n_gone = 0;
	while ((consumer = TAILQ_FIRST(&group->dirty_consumers))) {
		TAILQ_REMOVE(&group->dirty_consumers, consumer, dirty_link);
		consumer->is_dirty = false;
		consumer->is_stored = true;
	}
	pending_saved(&group->pending);
}

bool
group_is_changed(const struct stream_group *group)
{
	return group->is_dirty || !group->is_stored || group->n_gone > 0 || !TAILQ_EMPTY(&group->dirty_consumers) ||
	       pending_is_dirty(&group->pending);
}

int
group_save(struct storage *storage, struct stream_group *group)
{
	int r = group_write(storage, group->stream, group);

	if (r == 0)
		group_saved(group);
	return r;
}

int
group_save_gone(struct storage *storage, struct stream *stream)
{
	struct stream_group *group;

	while ((group = TAILQ_FIRST(&stream->gone_groups))) {
		if (group_erase(storage, stream, group) < 0)
			return -ENOMEM;
		TAILQ_REMOVE(&stream->gone_groups, group, link);
		free(group);
	}
	return 0;
}

int
group_erase_all(struct storage *storage, const struct stream *stream)
{
	const struct stream_group *group;
	int r = 0;

	TAILQ_FOREACH(group, &stream->gone_groups, link)
		if (r == 0)
			r = group_erase(storage, stream, group);
	TAILQ_FOREACH(group, &stream->groups, link)
		if (r == 0 && group->is_stored)
			r = group_erase(storage, stream, group);
	return r;
}

/* What stands behind the name: nothing, or values. Returns 0, -ENOMEM or -EBADMSG. */
static int
group_load_values(struct stream_group *group, struct slice rest)
{
	const uint8_t *p = rest.p, *end = rest.p + rest.len;

	if (rest.len == 0)
		return 0;
	group->values = calloc(1, sizeof(*group->values));
	if (!group->values)
		return -ENOMEM;
	return group_values_get(&p, end, group->values) && p == end ? 0 : -EBADMSG;
}

int
group_load(struct streams *streams, struct stream *stream, struct slice key, struct slice value,
           struct stream_group **ret_group)
{
	struct stream_group *group;
	uint64_t no, numbers[5];
	struct slice rest, name;
	int r;

	if (!group_get_record(key, value, &no, numbers, 5, &rest) || numbers[4] > PROTOCOL_NAME_MAX ||
	    numbers[4] > rest.len)
		return -EBADMSG;
	name = (struct slice){ rest.p, numbers[4] };
	if (group_find(stream, name))
		return -EBADMSG;
	group = group_insert(streams, stream, no, name);
	if (!group)
		return -ENOMEM;
	r = group_load_values(group, (struct slice){ rest.p + name.len, rest.len - name.len });
	if (r < 0) {
		group_delete(streams, stream, group);
		return r;
	}
	group->last = (struct stream_id){ numbers[0], numbers[1] };
	group->entries_read = numbers[2] - 1;
	group->last_consumer_no = numbers[3];
	group->is_stored = true;
	group_charge(streams, group);
	if (no > streams->last_no)
		streams->last_no = no;
	*ret_group = group;
	return 0;
}

int
group_load_consumer(struct streams *streams, struct stream_group *group, struct slice key, struct slice value)
{
	struct stream_consumer *consumer;
	uint64_t no, numbers[2];
	struct slice name;

	if (!group_get_record(key, value, &no, numbers, 2, &name) || name.len > PROTOCOL_NAME_MAX ||
	    group_find_consumer(group, name) || group_find_consumer_no(group, no))
		return -EBADMSG;
	consumer = group_insert_consumer(streams, group, no, name);
	if (!consumer)
		return -ENOMEM;
	consumer->seen_ms = numbers[0];
	consumer->active_ms = numbers[1];
	consumer->is_stored = true;
	return 0;
}

static struct stream_consumer *
group_find_loaded(void *arg, uint64_t no)
{
	return group_find_consumer_no(arg, no);
}

int
group_load_pending(struct streams *streams, struct stream_group *group, struct slice key, struct slice value)
{
	const uint8_t *p = value.p, *end = value.p + value.len;
	uint64_t before = group->pending.n_entries;
	struct stream_pending *entry;
	struct stream_id id;
	int r = pending_load(&group->pending, key, value, group_find_loaded, group);

	if (r < 0 || !varint_get(&p, end, &id.ms) || !varint_get(&p, end, &id.seq))
		return r;
	for (uint64_t n = group->pending.n_entries - before; n > 0; n--) {
		entry = pending_next(&group->pending, id);
		if (entry->consumer)
			entry->consumer->n_pending++;
		id = entry->id;
		stream_id_next(&id);
	}
	group_charge(streams, group);
	return 0;
}
