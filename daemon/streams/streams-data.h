/* What streams are made of: only data, which the modules of this folder share. streams.h says how they work together.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "client.h"
#include "flow.h"
#include "hashtable.h"
#include "storage.h"
#include "stream-id.h"

struct stream_block; /* in the index of a stream, see block.h */
struct stream_group;
struct producers;
struct streams;
struct blocked_stream; /* a client that waits for this stream, see blocked.h */

TAILQ_HEAD(stream_group_list, stream_group);
TAILQ_HEAD(blocked_list, blocked_stream);

struct stream {
	struct hashtable_node node; /* in streams.table, by name */
	uint8_t *name;
	size_t name_len;
	uint64_t no;         /* number on disk; never used again */
	uid_t uid;           /* who made it, and is charged for its bytes */
	uint64_t expires_ms; /* Unix time, or 0 */

	struct stream_id last;        /* the largest id ever */
	struct stream_id max_deleted; /* the largest id deleted, or 0-0 */
	uint64_t length;              /* entries */
	uint64_t added;               /* entries ever added; XSETID may set it */
	uint64_t bytes;               /* of all blocks */

	/* The index: blocks[first_block .. first_block + n_blocks). */
	struct stream_block *blocks;
	size_t first_block, n_blocks, blocks_cap;

	struct producers *producers;     /* what XADD IDMP knows of them, see producers.h; or NULL */
	struct stream_group_list groups; /* by name */
	size_t n_groups;
	struct blocked_list blocked; /* clients that wait for entries, the longest waiting first */

	uint64_t changed_in; /* the number of the batch with its last change, see streams_barrier() */
	bool is_dirty;       /* on streams.dirty */
	TAILQ_ENTRY(stream) dirty_link;
};

struct blocked;
struct stream_cache;

struct streams_limits {
	uint64_t cache;       /* bytes of blocks in memory */
	uint64_t queue_bytes; /* changes that are not durable yet; above it, commands that write wait */
	uint64_t max_streams;
	uint64_t max_bytes_per_uid; /* of the streams that a user has made; 0: no limit */
	uint64_t max_pending;       /* entries that each group may have given and not seen acknowledged */
	size_t node_entries;        /* CONFIG SET stream-node-max-entries: entries of a block, 100 */
};

struct streams {
	struct flow *flow;
	struct storage *storage;
	struct streams_limits limits;
	struct hashtable table;            /* of struct stream */
	uint64_t last_no;                  /* of a stream or group */
	uint64_t batch;                    /* the number of the batch that changes go into */
	struct barrier *open, *committing; /* of the batch, and of the one under way; or NULL */
	TAILQ_HEAD(, stream) dirty;
	size_t dirty_bytes; /* about what the next batch has */
	struct stream_cache *cache;
	struct client_list cold;      /* wait for blocks from disk */
	struct client_list throttled; /* wait until queue_bytes are no longer exceeded */
	struct client_list blocked;   /* wait for entries, see blocked.h */
	size_t n_blocked;
	uint64_t entries, bytes;                     /* of all streams */
	uint64_t added, read, acknowledged, claimed; /* since the start */
						     /* More members belong to streams.c alone. */
};
