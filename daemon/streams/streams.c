#include "streams.h"

#include <errno.h>
#include <stdio.h>

#include "handouts.h"
#include "human.h"
#include "stream-cache.h"
#include "streams-load.h"

int
streams_init(struct streams *streams, struct flow *flow, struct storage *storage, const struct streams_limits *limits)
{
	int r;

	*streams = (struct streams){ .flow = flow, .storage = storage, .limits = *limits };
	if (limits->node_entries == 0)
		streams->limits.node_entries = STREAMS_NODE_ENTRIES;
	TAILQ_INIT(&streams->throttled);
	TAILQ_INIT(&streams->blocked);
	TAILQ_INIT(&streams->copying);
	handouts_init_all(streams);
	stream_retain_init(streams);
	streams->rules_generation = 1;
	stream_cache_init(streams);
	r = streams_registry_init(streams);
	if (r == 0)
		r = streams_commit_init(streams);
	if (r == 0)
		r = streams_load(streams);
	else
		log_error("streams: %s", strerror(-r));
	if (r < 0) {
		streams_commit_deinit(streams);
		streams_registry_deinit(streams);
		handouts_deinit_all(streams);
		stream_retain_deinit(streams);
		stream_cache_deinit(streams);
	}
	return r;
}

void
streams_deinit(struct streams *streams)
{
	streams_commit_deinit(streams);
	streams_registry_deinit(streams);
	handouts_deinit_all(streams);
	stream_retain_deinit(streams);
	storage_close(streams->storage);
	stream_cache_deinit(streams);
}

void
streams_set_limits(struct streams *streams, const struct streams_limits *limits)
{
	size_t node_entries = streams->limits.node_entries;

	streams->limits = *limits;
	streams->limits.node_entries = node_entries;
}

/* Groups may take such a part of max_bytes_per_uid more than entries, so that reading goes on when adding does not. */
#define GROUP_ROOM_PART 4

static const char *
streams_cannot_write(struct streams *streams)
{
	snprintf(streams->refusal, sizeof(streams->refusal), "MISCONF the store cannot be written: %s",
	         storage_reason(streams->storage));
	return streams->refusal;
}

const char *
streams_failure(struct streams *streams)
{
	return streams->is_dead ? streams_cannot_write(streams) : NULL;
}

static const char *
streams_owner_is_full(struct streams *streams, uid_t uid)
{
	snprintf(streams->refusal, sizeof(streams->refusal),
	         "OOM command not allowed: the streams of uid %u are full (max_bytes_per_uid = %s)", uid,
	         human_exact_size(streams->limits.max_bytes_per_uid).text);
	return streams->refusal;
}

const char *
streams_refusal(struct streams *streams, uid_t uid)
{
	uint64_t max = streams->limits.max_bytes_per_uid;

	switch (streams->is_dead ? STORAGE_DEAD : storage_state(streams->storage)) {
	case STORAGE_OK:
		break;
	case STORAGE_SCARCE:
		snprintf(streams->refusal, sizeof(streams->refusal), "OOM command not allowed: the store is full (%s)",
		         storage_reason(streams->storage));
		return streams->refusal;
	case STORAGE_FULL:
	case STORAGE_DEAD:
		return streams_cannot_write(streams);
	}
	return max == 0 || stream_owner_bytes(streams, uid) < max ? NULL : streams_owner_is_full(streams, uid);
}

const char *
streams_group_refusal(struct streams *streams, uid_t uid)
{
	uint64_t max = streams->limits.max_bytes_per_uid;

	return max == 0 || stream_owner_bytes(streams, uid) < max + max / GROUP_ROOM_PART
	           ? NULL
	           : streams_owner_is_full(streams, uid);
}

bool
streams_wait_cold(struct streams *streams, struct client *c)
{
	return stream_cache_wait(streams, c);
}

int
streams_backup(struct streams *streams, const char *path, const char *forgotten)
{
	return storage_backup(streams->storage, path, forgotten);
}
