/* What streams are made of: only data, which the modules of this folder share. streams.h says how they work together.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "buf.h"
#include "client.h"
#include "flow.h"
#include "hashtable.h"
#include "heap.h"
#include "pending.h"
#include "siphash.h"
#include "storage.h"
#include "stream-id.h"

struct block; /* in memory, see block.h */
struct stream_group;
struct later; /* see later.h */
struct producers;
struct streams;
struct handouts; /* see handouts.h */
struct holder;
struct pending_history;
struct stream_rule; /* see stream-rule.h */
struct stream_rules;
struct blocked_stream; /* a client that waits for this stream, see blocked.h */

TAILQ_HEAD(stream_group_list, stream_group);
TAILQ_HEAD(blocked_list, blocked_stream);
LIST_HEAD(blocked_group_list, blocked_group);
TAILQ_HEAD(block_list, block);
TAILQ_HEAD(stream_list, stream);

/* Fields and values, as given: n_fields pairs, so 2 * n_fields slices. */
struct stream_fields {
	const struct slice *argv;
	size_t n_fields;
};

/* A block in the index of its stream. */
struct stream_block {
	struct stream_id first; /* the id of its first entry */
	uint32_t n;             /* entries, at least one */
	uint32_t bytes;
	struct block *block; /* or NULL: it is on disk only */
};

/* Who has to pay for the streams that they have made. */
struct stream_owner {
	struct hashtable_node node; /* in streams.owners, by uid */
	uid_t uid;
	uint64_t streams, bytes;
};

struct stream {
	struct hashtable_node node; /* in streams.table, by name */
	uint8_t *name;
	size_t name_len;
	uint64_t no; /* number on disk; never used again */
	uid_t uid;   /* who made it, and is charged for its bytes */
	struct stream_owner *owner;
	uint64_t expires_ms; /* Unix time, or 0 */

	struct stream_id last;        /* the largest id ever */
	struct stream_id max_deleted; /* the largest id deleted, or 0-0 */
	struct stream_id trimmed_to;  /* since the start all up to here was trimmed; or 0-0 */
	uint64_t length;              /* entries */
	uint64_t added;               /* entries ever added; XSETID may set it */
	uint64_t bytes;               /* of all blocks */

	/* The index: blocks[first_block .. first_block + n_blocks). */
	struct stream_block *blocks;
	size_t first_block, n_blocks, blocks_cap;

	uint64_t dead;                        /* entries that have gone to dead letters since the start */
	struct later *later;                  /* entries that are added later, see later.h; or NULL */
	struct producers *producers;          /* what XADD IDMP knows of them, see producers.h; or NULL */
	struct stream_group_list groups;      /* by name */
	struct stream_group_list gone_groups; /* deleted in memory, not yet on disk */
	size_t n_groups;
	struct blocked_list blocked;              /* XREADs that wait for entries, see blocked.h */
	struct blocked_group_list blocked_groups; /* groups with an XREADGROUP that waits; all zero: none */

	/* What it may have until stream_append() notes it for stream-retain.c, in which the rest of this is used. */
	uint64_t bound_entries, bound_bytes;
	bool is_kept;      /* it has too much, which a group needs */
	bool is_retaining; /* on streams.retaining */
	TAILQ_ENTRY(stream) retain_link;
	struct heap_node retain_due; /* in streams.retain_due */

	const struct stream_rule *rule; /* as of the generation; see stream_rule() */
	uint64_t rules_generation;

	uint64_t changed_in;            /* the number of the batch with its last change, see streams_barrier() */
	bool is_dirty;                  /* on streams.dirty */
	bool has_changed;               /* so its record has to be saved, not only what was added */
	bool has_later;                 /* has had entries that were to be added later */
	bool is_stored;                 /* has a record on disk, or in a batch on its way there */
	TAILQ_ENTRY(stream) dirty_link; /* of streams.dirty, or of streams.deleted */
	struct heap_node expiring;      /* in streams.expiring, while expires_ms is set */
	struct block_list dirty_blocks; /* that changed since they were last saved */
	uint64_t tails_done;            /* tails up to this number count no more, see stream-tails.h */
	uint64_t tails_from;            /* the first chapter with tails that count, or 0 */
	size_t tails_bytes;             /* of those that count */
	TAILQ_ENTRY(stream) tails_link; /* of tails.streams, unless tails_from is 0 */
	/* Blocks that are on disk and not here any more: those up to gone_to, if has_gone; and single ones. */
	bool has_gone;
	struct stream_id gone_to;
	struct stream_id *gone;
	size_t n_gone, gone_cap;
};

struct blocked;

/* Entries of a block unless CONFIG SET stream-node-max-entries says otherwise, as in Redis. */
#define STREAMS_NODE_ENTRIES 100

struct streams_limits {
	uint64_t cache;       /* bytes of blocks in memory */
	uint64_t queue_bytes; /* changes that are not durable yet; above it, commands that write wait */
	uint64_t max_streams;
	uint64_t max_bytes_per_uid; /* of the streams that a user has made; 0: no limit */
	size_t node_entries; /* of a block, at most; 0 at first stands for STREAMS_NODE_ENTRIES, later for no limit */
};

/* So many blocks stay in memory for a command that waits for another one. */
#define STREAM_CACHE_RECENT 4

/*
 * Blocks in memory that may be let go of (`used`, the one that was used last at the end), and those that were fetched
 * and not used since. Blocks that are not durable, and the last one of each stream, stay in memory and are in neither.
 */
struct stream_cache {
	struct block_list used, fresh;
	struct block_list fetching;   /* that have been asked for, also of streams that have gone since */
	struct block_list ahead;      /* not changed since they were put into the open batch */
	struct block_list committing; /* not changed since they were put into the batch under way */
	size_t bytes;                 /* memory of all blocks */
	size_t awaited_bytes;         /* of those that are being fetched, fresh or pinned */
	size_t n_pinned;
	/* That were looked into last, each once; some may be NULL. The next one takes the place `at_recent`. */
	struct block *recent[STREAM_CACHE_RECENT];
	size_t at_recent;
	struct block *wanted; /* the one that stream_step() has met last and that was asked for */
	/* The client for whose EXEC blocks are kept, see stream_keep_begin(); or NULL. */
	struct client *keeper;
	struct client_list keep_waiters; /* want to be the next one */
	struct block_list kept;          /* that would be on `used` otherwise */
	size_t kept_bytes, n_kept;       /* of all that the keeper has looked into */
	uint64_t keep_no;                /* of the keeper, in block.keep_no; never used again */
	bool is_keeping;                 /* what is looked into now is kept */
};

/* See stream-tails.h. */
struct stream_tails {
	uint64_t no;                /* of the last tail */
	struct buf open;            /* the record that is being filled */
	uint64_t open_no;           /* the number of the first tail in it */
	uint64_t chapter, oldest;   /* that is being filled; that may be on disk */
	size_t chapter_bytes;       /* in the first of these */
	size_t bytes;               /* of all tails that count */
	struct stream_list streams; /* with tails that count, by tails_from */
};

struct streams {
	struct flow *flow;
	struct storage *storage;
	struct streams_limits limits;
	struct siphash_key key;
	struct hashtable table;            /* of struct stream */
	struct stream *last_found;         /* by name, or NULL */
	struct hashtable owners;           /* of struct stream_owner */
	uint64_t last_no;                  /* of a stream or group */
	uint64_t saved_no;                 /* last_no as it is on disk */
	uint64_t batch;                    /* the number of the batch that changes go into */
	struct barrier *open, *committing; /* of the batch, and of the one under way; committing may be NULL */
	struct stream_list dirty;          /* that were changed, perhaps in their groups only */
	struct stream_list deleted;        /* that are on disk still */
	struct heap expiring;              /* that have a time of expiry */
	size_t dirty_bytes;                /* about what the next batch has */
	size_t ahead_bytes;      /* dirty_bytes when all that could be was written ahead, see streams-fill.c */
	size_t committing_bytes; /* about what the batch under way has */
	bool has_filled;         /* something is in the batch and not on `dirty` or `deleted` any more */
	bool is_filling;         /* it takes several passes; meanwhile commands that write wait */
	struct stream_tails tails;
	struct stream_cache cache;
	struct client_list throttled; /* wait until queue_bytes are no longer exceeded */
	struct client_list blocked;   /* wait for entries, see blocked.h */
	size_t n_blocked;
	struct hashtable blocked_groups, blocked_names; /* these are blocked.c's, and all zero while nobody waits */
	struct heap deadlines;
	const struct stream_rules *rules; /* NULL: none; see streams-rules.h */
	uint64_t rules_generation;        /* is counted up when there are others; never 0 */
	uint64_t rules_walk;              /* a place, if must_walk_rules */
	bool must_walk_rules, has_walked_rules;
	struct stream_list retaining;     /* these are stream-retain.c's: streams that are looked at next */
	struct heap retain_due;           /* and later */
	uint64_t trimmed, trimmed_needed; /* entries that it removed; of these, those that a group needed */
	uint64_t refused_full;            /* entries that were not added since the stream was full */
	struct log_limit retain_log;
	struct heap handouts_due; /* these are handouts.c's */
	TAILQ_HEAD(, handouts) handouts_scanned;
	TAILQ_HEAD(, handouts) handouts_gone;
	TAILQ_HEAD(, handouts) handouts_doomed; /* groups with entries for their dead-letter stream */
	TAILQ_HEAD(, pending_history) histories_gone;
	TAILQ_HEAD(, holder) holders_ending;
	bool keeps_handouts; /* the daemon stops: who has entries may claim them from the next one, as from one that
	                        died */
	uint64_t orphans_ms; /* for so long, entries that a daemon had given which has died may be claimed */
	uint64_t handouts_retry_us; /* nothing is scanned until then, if not 0 */
	uint64_t doomed_retry_us;   /* dead-letters.c's: nothing is tried until then, if not 0 */
	bool doomed_is_cold;        /* one waits for a block from disk */
	struct log_limit doomed_log;
	struct heap groups_idle; /* these are group-idle.c's */
	uint64_t idle_from_ms, idle_offset_ms;
	/* These are later.c's. */
	struct pending laters; /* what streams have, in the order of their numbers, which are the parts `ms` of ids */
	TAILQ_HEAD(, later) laters_gone; /* of streams that are gone */
	/* They have come due, and their memory waits for a moment in which nothing is due; so many bytes of it. */
	TAILQ_HEAD(, later_entry) laters_fired;
	size_t laters_fired_bytes;
	struct heap laters_due;
	uint64_t n_later;
	struct log_limit later_log;
	struct client_list copying; /* wait for a copy of the store, see streams_backup() */
	uint64_t fetched;           /* blocks that came from the disk */
	uint64_t copies;            /* that have ended; and with what, 0 or -errno */
	int copy_error;
	/* For UDSD BACKUP: who asked for the last copy, or 0; its number and place. */
	uint64_t copy_for, copy_no;
	bool copy_is_answered;
	char copy_path[1100];
	const char *directory;   /* of the store; its owner's */
	uint64_t entries, bytes; /* of all streams */
	uint64_t added, read, acknowledged, claimed, released, dead, came_due, idle_consumers; /* since the start */
	uint64_t changes;              /* grows when anything but `added` changes what a stream has */
	uint64_t unix_ms, unix_at_ms;  /* see streams_now_ms(): the time, and flow.now_ms at it */
	bool is_used;                  /* see streams_use() */
	bool is_dead;                  /* the store has failed for good */
	struct log_limit log;          /* of lines about blocks and memory */
	enum storage_state told_state; /* of the store, as the log has it */
	struct log_limit state_log;
	char refusal[160]; /* text of streams_refusal() */
};

/*
 * Something may have been done with streams, so what is due is looked after at the end of the pass: streams_advance(),
 * streams_commit(), streams_next_deadline(). Otherwise that would cost each PING as much as the rest of it. Called by
 * all but the few commands that most clients repeat and that have nothing to do with streams.
 */
static inline void
streams_use(struct streams *streams)
{
	streams->is_used = true;
}
