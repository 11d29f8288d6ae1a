/* Streams for tests, on a memory store that outlives them: what was committed is there again after keep_reopen(). */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>

#include <cmocka.h>

#include "memory-store.h"
#include "streams.h"

#define KEEP_UID 1000

struct keep {
	struct flow flow;
	struct memory_disk *disk;
	struct storage *storage;
	struct streams streams;
	struct streams_limits limits;
};

/* cache: bytes. */
void keep_init(struct keep *keep, uint64_t cache);
void keep_deinit(struct keep *keep);

/* Opens the store anew: as after a stop if it commits by itself (memory_store_set_auto()), else as after a crash. */
void keep_reopen(struct keep *keep);

/* The end of a pass, and what the store has done then. */
void keep_commit(struct keep *keep);

struct stream *keep_find(struct keep *keep, const char *name);
/* Makes it if it is missing. */
struct stream *keep_get(struct keep *keep, const char *name);

/* Adds an entry "field" with a value of so many bytes, at that millisecond. */
void keep_add(struct keep *keep, struct stream *stream, uint64_t ms, size_t len);

/* Entries from..to, fetched as needed; asserts that they are in order. UINT64_MAX: STREAM_ERROR. */
uint64_t keep_count(struct keep *keep, struct stream *stream, uint64_t from_ms, uint64_t to_ms);

/* A client that commands could be run for. */
struct client *keep_client_new(struct keep *keep);
void keep_client_free(struct keep *keep, struct client *c);
