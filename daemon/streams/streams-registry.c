#include "streams-registry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "blocked.h"
#include "group-handouts.h"
#include "later.h"
#include "producers.h"
#include "stream-name.h"
#include "stream-owner.h"
#include "stream-tails.h"
#include "streams-clock.h"

#define STREAM(node_) ((struct stream *)((char *)(node_)-offsetof(struct stream, node)))
#define EXPIRING(node_) ((struct stream *)((char *)(node_)-offsetof(struct stream, expiring)))

/* So many streams that have expired are deleted in one pass. */
#define SWEEP_STREAMS 20

/* The clock that people set may jump, so it is looked at after this time at the latest, in ms. */
#define SWEEP_WAIT_MS ((uint64_t)60 * 1000)
/* The next look is at a multiple of this, in microseconds: so the timer is not set anew for less. */
#define SWEEP_STEP_US ((uint64_t)10 * 1000)

int
streams_registry_init(struct streams *streams)
{
	TAILQ_INIT(&streams->dirty);
	TAILQ_INIT(&streams->deleted);
	return getrandom(&streams->key, sizeof(streams->key), 0) == sizeof(streams->key) ? 0 : -errno;
}

uint64_t
streams_now_ms(struct streams *streams)
{
	if (streams->unix_at_ms != streams->flow->now_ms || streams->unix_ms == 0) {
		streams->unix_ms = streams_unix_ms();
		streams->unix_at_ms = streams->flow->now_ms;
	}
	return streams->unix_ms;
}

uint64_t
streams_user_bytes(const struct streams *streams, uid_t uid)
{
	return stream_owner_bytes(streams, uid);
}

struct stream *
streams_find(struct streams *streams, struct slice name)
{
	struct stream *stream = streams->last_found;

	if (!stream || stream->name_len != name.len || !slice_is(name, stream->name))
		stream = stream_name_find(streams, name, stream_name_hash(streams, name));
	if (stream && stream->expires_ms > 0 && streams_now_ms(streams) >= stream->expires_ms) {
		streams_delete(streams, stream);
		return NULL;
	}
	streams->last_found = stream;
	return stream;
}

struct stream *
streams_add(struct streams *streams, struct slice name, uid_t uid, uint64_t no)
{
	struct stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;
	stream->name = malloc(name.len + 1);
	stream->owner = stream->name ? stream_owner_enter(streams, uid) : NULL;
	if (!stream->owner) {
		free(stream->name);
		free(stream);
		return NULL;
	}
	memcpy(stream->name, name.p, name.len);
	stream->name[name.len] = '\0';
	stream->name_len = name.len;
	stream->uid = uid;
	stream->no = no;
	group_init_all(stream);
	TAILQ_INIT(&stream->blocked);
	TAILQ_INIT(&stream->dirty_blocks);
	if (hashtable_insert(&streams->table, &stream->node, stream_name_hash(streams, name)) < 0) {
		stream_owner_leave(streams, stream->owner);
		streams_free(streams, stream);
		return NULL;
	}
	return stream;
}

struct stream *
streams_get(struct streams *streams, struct slice name, uid_t uid, int *ret_error)
{
	struct stream *stream = streams_find(streams, name);

	if (stream)
		return stream;
	if (name.len > PROTOCOL_NAME_MAX || streams->table.n >= streams->limits.max_streams) {
		*ret_error = name.len > PROTOCOL_NAME_MAX ? -ENAMETOOLONG : -ENFILE;
		return NULL;
	}
	stream = streams_add(streams, name, uid, streams->last_no + 1);
	if (!stream) {
		*ret_error = -ENOMEM;
		return NULL;
	}
	streams->flow->work.done += 2 * WORK_LOOKUP;
	streams->last_no++;
	stream_touch(streams, stream);
	blocked_adopt(streams, stream);
	return stream;
}

void
streams_free(struct streams *streams, struct stream *stream)
{
	group_free_all(streams, stream);
	producers_free(streams, stream);
	free(stream->name);
	free(stream->gone);
	free(stream->blocks);
	free(stream);
}

/* Leaves all lists but that of dirty streams. */
static void
streams_remove(struct streams *streams, struct stream *stream)
{
	hashtable_remove(&streams->table, &stream->node);
	stream_unnote_full(streams, stream);
	heap_remove(&streams->retain_due, &stream->retain_due);
	streams->last_found = NULL;
	heap_remove(&streams->expiring, &stream->expiring);
	stream_tails_leave(streams, stream);
	stream_free_blocks(streams, stream);
	group_retire_all(streams, stream);
	later_end(streams, stream);
	stream_owner_leave(streams, stream->owner);
}

void
streams_delete(struct streams *streams, struct stream *stream)
{
	streams->flow->work.done += 2 * WORK_LOOKUP;
	blocked_wake_all(streams, stream);
	streams_remove(streams, stream);
	if (stream->is_dirty)
		TAILQ_REMOVE(&streams->dirty, stream, dirty_link);
	if (!stream->is_stored) {
		streams_free(streams, stream);
		return;
	}
	TAILQ_INSERT_TAIL(&streams->deleted, stream, dirty_link);
	streams->dirty_bytes += sizeof(*stream);
}

void
streams_registry_deinit(struct streams *streams)
{
	struct stream *stream;

	while ((stream = TAILQ_FIRST(&streams->deleted))) {
		TAILQ_REMOVE(&streams->deleted, stream, dirty_link);
		streams_free(streams, stream);
	}
	for (size_t i = 0; streams->table.n > 0; i++) {
		struct hashtable_node *node;

		if (i >= streams->table.n_buckets) /* it shrinks: some may be where nothing was */
			i = 0;
		while ((node = streams->table.buckets[i])) {
			stream = STREAM(node);
			streams_remove(streams, stream);
			streams_free(streams, stream);
			if (i >= streams->table.n_buckets)
				break;
		}
	}
	hashtable_deinit(&streams->table);
	hashtable_deinit(&streams->owners);
	heap_deinit(&streams->expiring);
}

int
streams_rename(struct streams *streams, struct stream *stream, struct slice name)
{
	uint64_t hash = stream_name_hash(streams, name);
	struct stream *other = stream_name_find(streams, name, hash);
	struct stream_group *group;
	uint8_t *copy;

	if (other == stream)
		return 0;
	if (name.len > PROTOCOL_NAME_MAX)
		return -ENAMETOOLONG;
	copy = malloc(name.len + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, name.p, name.len);
	copy[name.len] = '\0';
	blocked_wake_all(streams, stream);
	if (other)
		streams_delete(streams, other);
	hashtable_remove(&streams->table, &stream->node);
	free(stream->name);
	stream->name = copy;
	stream->name_len = name.len;
	hashtable_insert(&streams->table, &stream->node, hash); /* needs no memory: the table has buckets */
	stream->rules_generation = 0;
	stream_note_full(streams, stream);
	TAILQ_FOREACH(group, &stream->groups, link)
		group_apply_rule(streams, group, false);
	stream_touch(streams, stream);
	blocked_adopt(streams, stream);
	blocked_wake(streams, stream);
	return 0;
}

int
streams_expire(struct streams *streams, struct stream *stream, uint64_t unix_ms)
{
	heap_remove(&streams->expiring, &stream->expiring);
	/* There is memory for a stream that was in the heap. */
	if (unix_ms > 0 && heap_add(&streams->expiring, &stream->expiring, unix_ms) < 0)
		return -ENOMEM;
	stream->expires_ms = unix_ms;
	stream_touch(streams, stream);
	return 0;
}

bool
streams_have_expired(const struct streams *streams)
{
	const struct heap_node *first = heap_first(&streams->expiring);

	return first && !streams->is_dead && first->key <= streams_unix_ms();
}

void
streams_sweep(struct streams *streams)
{
	for (int i = 0; i < SWEEP_STREAMS && streams_have_expired(streams); i++)
		streams_delete(streams, EXPIRING(heap_first(&streams->expiring)));
}

uint64_t
streams_next_expiry(const struct streams *streams)
{
	const struct heap_node *first = streams->is_dead ? NULL : heap_first(&streams->expiring);
	uint64_t now_ms = first ? streams_unix_ms() : 0, wait_ms = SWEEP_WAIT_MS;

	if (!first)
		return UINT64_MAX;
	if (first->key <= now_ms)
		wait_ms = 0;
	else if (first->key - now_ms < wait_ms)
		wait_ms = first->key - now_ms;
	return ((streams_now_us() + wait_ms * 1000) / SWEEP_STEP_US + 1) * SWEEP_STEP_US;
}

static uint64_t
streams_reverse_bits(uint64_t x)
{
	x = (x >> 1 & 0x5555555555555555) | (x & 0x5555555555555555) << 1;
	x = (x >> 2 & 0x3333333333333333) | (x & 0x3333333333333333) << 2;
	x = (x >> 4 & 0x0f0f0f0f0f0f0f0f) | (x & 0x0f0f0f0f0f0f0f0f) << 4;
	return __builtin_bswap64(x);
}

/* The first stream of the bucket in the order of the walk, from `from` on; or NULL. */
static struct stream *
streams_walk_bucket(const struct streams *streams, size_t bucket, uint64_t from)
{
	struct hashtable_node *node, *first = NULL;

	for (node = streams->table.buckets[bucket]; node; node = node->next) {
		uint64_t place = streams_reverse_bits(node->hash);

		if (place >= from && (!first || place < streams_reverse_bits(first->hash)))
			first = node;
	}
	return first ? STREAM(first) : NULL;
}

/*
 * The walk is in the order of the reversed bits of hashes: a bucket holds the hashes that end in its number, and so a
 * piece of this order, however often buckets are split and joined meanwhile.
 */
size_t
streams_walk(struct streams *streams, struct streams_walk *walk, struct stream **found, size_t max, bool *ret_is_end)
{
	const struct hashtable *table = &streams->table;
	bool is_end = table->n == 0;
	size_t n = 0;

	while (!is_end && n < max) {
		size_t bucket = hashtable_bucket(table, streams_reverse_bits(walk->bucket));
		struct stream *stream = streams_walk_bucket(streams, bucket, walk->bucket);

		streams->flow->work.done += 2 * WORK_VISIT;
		if (stream) {
			found[n++] = stream;
			walk->bucket = streams_reverse_bits(stream->node.hash) + 1;
		} else { /* to the end of the piece */
			bool is_split = bucket >= table->level || bucket + table->level < table->n_buckets;
			uint64_t step = (uint64_t)1 << (64 - __builtin_ctzll(table->level) - is_split);

			walk->bucket = (walk->bucket & -step) + step;
		}
		is_end = walk->bucket == 0;
	}
	*ret_is_end = is_end;
	return n;
}
