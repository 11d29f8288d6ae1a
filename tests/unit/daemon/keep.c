#include "keep.h"

#include <stdlib.h>
#include <string.h>

static void
keep_open(struct keep *keep)
{
	keep->storage = memory_store_open(keep->disk);
	assert_int_equal(streams_init(&keep->streams, &keep->flow, keep->storage, &keep->limits), 0);
	keep->flow.work.turn_end = UINT64_MAX;
}

void
keep_init(struct keep *keep, uint64_t cache)
{
	static const struct limits limits = { .queue_limit = 1 << 20, .queue_limit_per_uid = 1 << 20 };

	*keep = (struct keep){
		.limits = { .cache = cache, .queue_bytes = 1 << 20, .max_streams = 1000, .node_entries = 100 },
	};
	flow_init(&keep->flow, &limits);
	keep->disk = memory_disk_new();
	keep_open(keep);
}

void
keep_deinit(struct keep *keep)
{
	streams_deinit(&keep->streams);
	flow_deinit(&keep->flow);
	memory_disk_free(keep->disk);
}

void
keep_reopen(struct keep *keep)
{
	streams_deinit(&keep->streams);
	keep_open(keep);
}

void
keep_commit(struct keep *keep)
{
	streams_commit(&keep->streams);
	streams_collect(&keep->streams);
}

struct stream *
keep_find(struct keep *keep, const char *name)
{
	return streams_find(&keep->streams, slice_of(name));
}

struct stream *
keep_get(struct keep *keep, const char *name)
{
	int error = 0;
	struct stream *stream = streams_get(&keep->streams, slice_of(name), KEEP_UID, &error);

	assert_non_null(stream);
	return stream;
}

void
keep_add(struct keep *keep, struct stream *stream, uint64_t ms, size_t len)
{
	uint8_t *value = calloc(1, len + 1);
	struct slice argv[] = { slice_of("field"), { value, len } };

	assert_int_equal(
	    stream_append(&keep->streams, stream, (struct stream_id){ ms, 0 }, (struct stream_fields){ argv, 1 }), 0);
	free(value);
}

uint64_t
keep_count(struct keep *keep, struct stream *stream, uint64_t from_ms, uint64_t to_ms)
{
	struct stream_id last = STREAM_ID_MIN;
	struct stream_cursor cursor;
	struct stream_entry entry;
	enum stream_step status;
	uint64_t n = 0;

	stream_seek(&cursor, stream, (struct stream_id){ from_ms, 0 }, (struct stream_id){ to_ms, UINT64_MAX }, false);
	while ((status = stream_step(&keep->streams, &cursor, &entry)) != STREAM_END) {
		if (status == STREAM_ERROR)
			return UINT64_MAX;
		if (status == STREAM_COLD) {
			streams_collect(&keep->streams);
			continue;
		}
		assert_true(n == 0 || stream_id_cmp(entry.id, last) > 0);
		last = entry.id;
		n++;
	}
	return n;
}

struct client *
keep_client_new(struct keep *keep)
{
	struct client *c = calloc(1, sizeof(*c));
	struct identity identity = { .uid = KEEP_UID };

	assert_non_null(c);
	assert_int_equal(flow_admit(&keep->flow, c, &identity), 0);
	return c;
}

void
keep_client_free(struct keep *keep, struct client *c)
{
	flow_set_out_state(&keep->flow, c, CLIENT_OUT_IDLE);
	flow_mark_dead(&keep->flow, c);
	TAILQ_REMOVE(&keep->flow.dead, c, in_link);
	flow_dismiss(&keep->flow, c);
	free(c);
}
