/*
 * The producers of a stream are in a hash table, and in a list in the order of their last use, from whose head those
 * go that are not needed any more: so nobody has to look for them. Each has a ring of what it has added last.
 */
#include "producers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stream-owner.h"
#include "stream.h"

#define PRODUCER(node_) ((struct producer *)((char *)(node_)-offsetof(struct producer, node)))

/* The most producers of a stream: beyond it, the one that was not used for the longest time is forgotten. */
#define PRODUCERS_MAX 10000

/* They need not be secret, see producers.h, but the same after a restart. */
static const struct siphash_key producer_keys[2] = { { 0x7564736470726f64, 1 }, { 0x7564736470726f64, 2 } };

struct producer_iid
producer_iid_of(struct slice iid)
{
	return (struct producer_iid){ { siphash(&producer_keys[0], iid.p, iid.len),
		                        siphash(&producer_keys[1], iid.p, iid.len) } };
}

struct producer_iid
producer_iid_of_fields(struct stream_fields fields)
{
	struct producer_iid sum = { { fields.n_fields, 0 } };

	for (size_t i = 0; i < 2 * fields.n_fields; i += 2) {
		struct producer_iid pair[2] = { producer_iid_of(fields.argv[i]), producer_iid_of(fields.argv[i + 1]) };
		struct producer_iid both = producer_iid_of((struct slice){ (const uint8_t *)pair, sizeof(pair) });

		sum.hash[0] += both.hash[0];
		sum.hash[1] += both.hash[1];
	}
	return sum;
}

static size_t
producer_memory(const struct producer *producer)
{
	return sizeof(*producer) + producer->pid_len + producer->cap * sizeof(producer->ring[0]);
}

/* A producer that adds much is nearly always the one that was looked for last. */
static struct producer *
producer_find(const struct streams *streams, const struct stream *stream, struct slice pid)
{
	struct producers *producers = stream->producers;
	struct producer *last = producers->last;
	struct hashtable_node *node;

	if (last && last->pid_len == pid.len && slice_is(pid, last->pid))
		return last;
	node = hashtable_first(&producers->table, siphash(&streams->key, pid.p, pid.len));
	for (; node; node = hashtable_next(node))
		if (PRODUCER(node)->pid_len == pid.len && slice_is(pid, PRODUCER(node)->pid))
			return producers->last = PRODUCER(node);
	return NULL;
}

/* The producer is not known any more; on disk it is until the next commit. */
static void
producer_forget(struct streams *streams, struct stream *stream, struct producer *producer)
{
	struct producers *producers = stream->producers;

	if (producers->last == producer)
		producers->last = NULL;
	hashtable_remove(&producers->table, &producer->node);
	TAILQ_REMOVE(&producers->used, producer, link);
	if (producer->is_dirty)
		TAILQ_REMOVE(&producers->dirty, producer, dirty_link);
	producers->iids -= producer->n;
	stream_charge(streams, stream->uid, -(int64_t)producer_memory(producer));
	free(producer->ring);
	producer->ring = NULL;
	if (producer->is_stored) {
		TAILQ_INSERT_TAIL(&producers->gone, producer, link);
		stream_touch_part(streams, stream);
	} else {
		free(producer);
	}
}

static void
producer_expire(struct stream *stream, struct producer *producer, uint64_t now_ms)
{
	while (producer->n > 0 &&
	       producer_at(producer, 0)->ms + (uint64_t)stream->producers->duration_s * 1000 <= now_ms) {
		producer->first = (producer->first + 1) % producer->cap;
		producer->n--;
		stream->producers->iids--;
	}
}

int
producers_make(struct stream *stream)
{
	if (stream->producers)
		return 0;
	stream->producers = calloc(1, sizeof(*stream->producers));
	if (!stream->producers)
		return -ENOMEM;
	TAILQ_INIT(&stream->producers->used);
	TAILQ_INIT(&stream->producers->dirty);
	TAILQ_INIT(&stream->producers->gone);
	stream->producers->duration_s = PRODUCERS_DURATION_S;
	stream->producers->size = PRODUCERS_SIZE;
	return 0;
}

struct producer *
producers_get(struct streams *streams, struct stream *stream, struct slice pid)
{
	struct producer *producer;

	if (producers_make(stream) < 0)
		return NULL;
	producer = producer_find(streams, stream, pid);
	if (producer) {
		TAILQ_REMOVE(&stream->producers->used, producer, link);
		TAILQ_INSERT_TAIL(&stream->producers->used, producer, link);
		return producer;
	}
	producer = calloc(1, sizeof(*producer) + pid.len);
	if (!producer)
		return NULL;
	producer->pid_len = pid.len;
	memcpy(producer->pid, pid.p, pid.len);
	if (hashtable_insert(&stream->producers->table, &producer->node, siphash(&streams->key, pid.p, pid.len)) < 0) {
		free(producer);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&stream->producers->used, producer, link);
	stream_charge(streams, stream->uid, (int64_t)producer_memory(producer));
	return producer;
}

/* Forgets a few of those that were not used for long, if nothing of theirs is known any more, or they are too many. */
static void
producers_shrink(struct streams *streams, struct stream *stream, uint64_t now_ms)
{
	struct producers *producers = stream->producers;

	for (int i = 0; i < 2; i++) {
		struct producer *oldest = TAILQ_FIRST(&producers->used);

		if (!oldest || !TAILQ_NEXT(oldest, link))
			return;
		streams->flow->work.done += WORK_VISIT;
		producer_expire(stream, oldest, now_ms);
		if (oldest->n > 0 && producers->table.n <= PRODUCERS_MAX)
			return;
		producer_forget(streams, stream, oldest);
	}
}

/* Nearly always it is new, so all are looked at, in the order in which they lie in memory. */
static const struct producer_seen *
producer_find_iid(const struct producer *producer, struct producer_iid iid)
{
	uint32_t to_end = producer->cap - producer->first, wrapped = producer->n > to_end ? producer->n - to_end : 0;
	const struct producer_seen *end = producer->ring + producer->first + producer->n - wrapped;

	for (const struct producer_seen *seen = producer->ring + producer->first; seen < end; seen++)
		if (seen->iid.hash[0] == iid.hash[0] && seen->iid.hash[1] == iid.hash[1])
			return seen;
	for (const struct producer_seen *seen = producer->ring; seen < producer->ring + wrapped; seen++)
		if (seen->iid.hash[0] == iid.hash[0] && seen->iid.hash[1] == iid.hash[1])
			return seen;
	return NULL;
}

bool
producers_find(struct streams *streams, struct stream *stream, struct slice pid, struct producer_iid iid,
               uint64_t now_ms, struct stream_id *ret_id)
{
	const struct producer_seen *seen;
	struct producer *producer;

	streams->flow->work.done += WORK_LOOKUP;
	producer = stream->producers ? producer_find(streams, stream, pid) : NULL;
	if (!producer)
		return false;
	producer_expire(stream, producer, now_ms);
	streams->flow->work.done += producer->n;
	seen = producer_find_iid(producer, iid);
	if (!seen)
		return false;
	stream->producers->duplicates++;
	stream->producers->is_dirty = true; /* saved when the stream is */
	*ret_id = seen->id;
	return true;
}

static void
producer_touch(struct streams *streams, struct stream *stream, struct producer *producer)
{
	if (!producer->is_dirty)
		TAILQ_INSERT_TAIL(&stream->producers->dirty, producer, dirty_link);
	producer->is_dirty = true;
	stream->producers->is_dirty = true;
	streams->dirty_bytes += producer->n * sizeof(producer->ring[0]);
	stream_touch_part(streams, stream);
}

void
producers_forget(struct streams *streams, struct stream *stream, struct slice pid, struct producer_iid iid)
{
	struct producer *producer = producer_find(streams, stream, pid);
	const struct producer_seen *seen = producer_find_iid(producer, iid);
	uint32_t i = 0;

	streams->flow->work.done += 2 * producer->n;
	while (producer_at(producer, i) != seen)
		i++;
	for (; i + 1 < producer->n; i++)
		*producer_at(producer, i) = *producer_at(producer, i + 1);
	producer->n--;
	stream->producers->iids--;
	stream->producers->duplicates--;
	producer_touch(streams, stream, producer);
}

/* A larger ring. Returns 0 or -ENOMEM. */
static int
producer_grow(struct streams *streams, struct stream *stream, struct producer *producer)
{
	uint32_t cap = producer->cap ? 2 * producer->cap : 4, size = stream->producers->size;
	struct producer_seen *ring;

	if (cap > size)
		cap = size;
	ring = malloc(cap * sizeof(*ring));
	if (!ring)
		return -ENOMEM;
	for (uint32_t i = 0; i < producer->n; i++)
		ring[i] = *producer_at(producer, i);
	streams->flow->work.done += producer->n + WORK_LOOKUP;
	stream_charge(streams, stream->uid, (int64_t)(cap - producer->cap) * (int64_t)sizeof(*ring));
	free(producer->ring);
	producer->ring = ring;
	producer->first = 0;
	producer->cap = cap;
	return 0;
}

int
producer_append(struct streams *streams, struct stream *stream, struct producer *producer, struct producer_seen seen)
{
	if (producer->n == producer->cap && producer_grow(streams, stream, producer) < 0)
		return -ENOMEM;
	producer->n++;
	*producer_at(producer, producer->n - 1) = seen;
	stream->producers->iids++;
	return 0;
}

int
producers_reserve(struct streams *streams, struct stream *stream, struct slice pid, uint64_t now_ms)
{
	struct producer *producer = producers_get(streams, stream, pid);

	streams->flow->work.done += 2 * WORK_LOOKUP;
	if (!producer)
		return -ENOMEM;
	producer_expire(stream, producer, now_ms);
	producers_shrink(streams, stream, now_ms);
	if (producer->n < producer->cap || producer->cap == stream->producers->size)
		return 0;
	return producer_grow(streams, stream, producer);
}

void
producers_add(struct streams *streams, struct stream *stream, struct slice pid, struct producer_iid iid,
              struct stream_id id, uint64_t now_ms)
{
	struct producer *producer = producer_find(streams, stream, pid);

	if (producer->n == producer->cap) {
		producer->first = (producer->first + 1) % producer->cap;
		producer->n--;
		stream->producers->iids--;
	}
	producer->n++;
	*producer_at(producer, producer->n - 1) = (struct producer_seen){ iid, id, now_ms };
	stream->producers->iids++;
	stream->producers->added++;
	producer_touch(streams, stream, producer);
}

int
producers_configure(struct streams *streams, struct stream *stream, uint32_t duration_s, uint32_t size)
{
	struct producers *producers;
	struct producer *producer;

	if (producers_make(stream) < 0)
		return -ENOMEM;
	producers = stream->producers;
	if ((duration_s == 0 || duration_s == producers->duration_s) && (size == 0 || size == producers->size))
		return 0;
	producers->duration_s = duration_s ? duration_s : producers->duration_s;
	producers->size = size ? size : producers->size;
	producers->is_dirty = true;
	streams->flow->work.done += producers->table.n * WORK_LOOKUP;
	while ((producer = TAILQ_FIRST(&producers->used)))
		producer_forget(streams, stream, producer);
	stream_touch_part(streams, stream);
	return 0;
}

int
producers_extend(struct streams *streams, struct stream *stream, uint32_t duration_s, uint32_t size)
{
	struct producers *producers;

	if (producers_make(stream) < 0)
		return -ENOMEM;
	producers = stream->producers;
	if (duration_s <= producers->duration_s && size <= producers->size)
		return 0;
	if (producers->duration_s < duration_s)
		producers->duration_s = duration_s;
	if (producers->size < size)
		producers->size = size;
	producers->is_dirty = true;
	stream_touch_part(streams, stream);
	return 0;
}

bool
producers_get_figures(const struct stream *stream, struct producers_figures *ret_figures)
{
	const struct producers *producers = stream->producers;

	if (!producers)
		return false;
	*ret_figures = (struct producers_figures){
		.duration_s = producers->duration_s,
		.size = producers->size,
		.producers = producers->table.n,
		.iids = producers->iids,
		.added = producers->added,
		.duplicates = producers->duplicates,
	};
	return true;
}

void
producers_free(struct streams *streams, struct stream *stream)
{
	struct producers *producers = stream->producers;
	struct producer *producer;

	if (!producers)
		return;
	while ((producer = TAILQ_FIRST(&producers->used))) {
		producer->is_stored = false;
		producer_forget(streams, stream, producer);
	}
	while ((producer = TAILQ_FIRST(&producers->gone))) {
		TAILQ_REMOVE(&producers->gone, producer, link);
		free(producer);
	}
	hashtable_deinit(&producers->table);
	free(producers);
	stream->producers = NULL;
}
