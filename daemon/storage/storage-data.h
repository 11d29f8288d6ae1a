/* What the modules of the store share: only data. storage.h says what it is for. */
#pragma once

#include <stdint.h>

#include "protocol.h"

struct storage_limits {
	uint64_t max_bytes;       /* of the database; 0: no limit */
	uint64_t min_free;        /* bytes of the file system that stay free */
	uint64_t commit_delay_ms; /* at least so long from the begin of one commit to that of the next */
};

/* Tables of small records, all of which are read at the start. The key is unique for its owner. */
enum storage_table {
	STORAGE_META,
	STORAGE_STREAMS,
	STORAGE_GROUPS,
	STORAGE_CONSUMERS,
	STORAGE_PENDING,
	STORAGE_PRODUCERS,
	STORAGE_LATER,
	STORAGE_TAILS, /* grows at its end: so it is the last one */
	STORAGE_TABLES,
};

/* Identifies a block within its stream: big-endian, so that the order of bytes is the order of blocks. */
#define STORAGE_ID_SIZE 16

/* Gets what is stored. Functions return 0, or -errno to stop the load. Slices are valid only during the call. */
struct storage_loader {
	void *arg;
	int (*record)(void *arg, enum storage_table table, uint64_t owner, struct slice key, struct slice value);
	/* Without its bytes; blocks come by stream and id. n: as given to storage_put_block(). */
	int (*block)(void *arg, uint64_t stream, const uint8_t id[STORAGE_ID_SIZE], uint32_t n, uint32_t bytes);
	/* A record whose value does not fit its checksum: it comes here instead. NULL: the load fails. */
	int (*damaged)(void *arg, enum storage_table table, uint64_t owner, struct slice key);
};

enum storage_state {
	STORAGE_OK,
	STORAGE_SCARCE, /* max_bytes or min_free is reached: what grows the store should be refused */
	STORAGE_FULL,   /* a commit does not fit the disk; it is tried again each second */
	STORAGE_DEAD,   /* a write or flush has failed: nothing is stored until the daemon starts again */
};

struct storage_figures {
	uint64_t bytes;      /* of the database and its log on disk */
	uint64_t used_bytes; /* of the database, without its free pages */
	uint64_t free_bytes; /* of the file system */
	uint64_t commits, failed_commits, fetches;
	uint64_t commit_us_last, commit_us_max, commit_us_total;
	uint64_t cpu_us; /* CPU time of the thread */
};
