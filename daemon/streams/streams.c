#include "streams.h"

#include <errno.h>

#include "handouts-advance.h"
#include "handouts.h"
#include "later.h"
#include "stream-cache.h"
#include "stream-tails.h"
#include "streams-load.h"

int
streams_init(struct streams *streams, struct flow *flow, struct storage *storage, const struct streams_limits *limits)
{
	int r;

	*streams = (struct streams){ .flow = flow, .storage = storage, .limits = *limits, .is_used = true };
	if (limits->node_entries == 0)
		streams->limits.node_entries = STREAMS_NODE_ENTRIES;
	TAILQ_INIT(&streams->throttled);
	TAILQ_INIT(&streams->blocked);
	TAILQ_INIT(&streams->copying);
	handouts_init_all(streams);
	later_init_all(streams);
	stream_retain_init(streams);
	streams->rules_generation = 1;
	stream_cache_init(streams);
	stream_tails_init(streams);
	r = streams_registry_init(streams);
	if (r == 0)
		r = streams_commit_init(streams);
	if (r == 0)
		r = streams_load(streams);
	else
		log_error("streams: %s", strerror(-r));
	if (r < 0) {
		streams->is_dead = true; /* what was loaded is a part, and is not stored */
		streams_commit_deinit(streams);
		streams_registry_deinit(streams);
		handouts_deinit_all(streams);
		later_deinit_all(streams);
		heap_deinit(&streams->groups_idle);
		stream_retain_deinit(streams);
		stream_cache_deinit(streams);
		stream_tails_deinit(streams);
	}
	return r;
}

void
streams_deinit(struct streams *streams)
{
	streams_commit_deinit(streams);
	streams_registry_deinit(streams);
	handouts_deinit_all(streams);
	later_deinit_all(streams);
	heap_deinit(&streams->groups_idle);
	stream_retain_deinit(streams);
	storage_close(streams->storage);
	stream_cache_deinit(streams);
	stream_tails_deinit(streams);
}

void
streams_set_limits(struct streams *streams, const struct streams_limits *limits)
{
	size_t node_entries = streams->limits.node_entries;

	streams->limits = *limits;
	streams->limits.node_entries = node_entries;
	streams_use(streams);
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
