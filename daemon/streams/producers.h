/*
 * What makes a retry of XADD harmless: of each producer of a stream, the entries that it has added last, by the
 * identifier that it gave them. They are stored with the entries, in the same commit.
 *
 * Of an identifier only a hash of 128 bits is kept. Who wants two to collide can only lose entries of their own: each
 * producer has identifiers of its own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "streams-data.h"

#define PRODUCERS_DURATION_S 100     /* how long an identifier is known, unless XCFGSET says otherwise */
#define PRODUCERS_DURATION_MAX 86400 /* a day */
#define PRODUCERS_KEEP_MAX (30 * PRODUCERS_DURATION_MAX) /* of UDSD IDMP */
#define PRODUCERS_SIZE 100                               /* identifiers of each producer */
#define PRODUCERS_SIZE_MAX 10000

struct producer_iid {
	uint64_t hash[2];
};

struct producer_seen {
	struct producer_iid iid;
	struct stream_id id;
	uint64_t ms; /* Unix time */
};

struct producer {
	struct hashtable_node node;
	TAILQ_ENTRY(producer) link;       /* of `used` or `gone` */
	TAILQ_ENTRY(producer) dirty_link; /* of `dirty`, if it is */
	struct producer_seen *ring;       /* the oldest at `first` */
	uint32_t first, n, cap;
	bool is_dirty, is_stored;
	size_t pid_len;
	uint8_t pid[];
};

TAILQ_HEAD(producer_list, producer);

struct producers {
	struct hashtable table;
	struct producer *last;      /* that was found; or NULL */
	struct producer_list used;  /* all, the one that was used last at the end */
	struct producer_list dirty; /* changed since they were saved */
	struct producer_list gone;  /* forgotten, and still on disk */
	uint32_t duration_s, size;
	uint64_t iids;              /* of all */
	uint64_t added, duplicates; /* ever; the last duplicates are saved when the stream next changes */
	bool is_dirty;              /* duration_s, size, added or duplicates changed since they were saved */
};

/* Of an identifier; and of fields and values, in whatever order they are given. */
struct producer_iid producer_iid_of(struct slice iid);
struct producer_iid producer_iid_of_fields(struct stream_fields fields);

/* Whether the producer has added an entry with that identifier: then *ret_id is the entry's. now_ms: Unix time. */
bool producers_find(struct streams *streams, struct stream *stream, struct slice pid, struct producer_iid iid,
                    uint64_t now_ms, struct stream_id *ret_id);

/* Forgets an identifier that producers_find() has found: the producer may use it again. */
void producers_forget(struct streams *streams, struct stream *stream, struct slice pid, struct producer_iid iid);

/*
 * For a new entry: producers_reserve() makes room, before it is added, and returns 0 or -ENOMEM; producers_add() uses
 * it. The pid has at most PROTOCOL_NAME_MAX bytes, and is not empty.
 */
int producers_reserve(struct streams *streams, struct stream *stream, struct slice pid, uint64_t now_ms);
void producers_add(struct streams *streams, struct stream *stream, struct slice pid, struct producer_iid iid,
                   struct stream_id id, uint64_t now_ms);

/* XCFGSET; 0: as it is. All identifiers are forgotten if something changes. Returns 0 or -ENOMEM. */
int producers_configure(struct streams *streams, struct stream *stream, uint32_t duration_s, uint32_t size);

/* UDSD IDMP: at least these, and nothing is forgotten. Returns 0 or -ENOMEM. */
int producers_extend(struct streams *streams, struct stream *stream, uint32_t duration_s, uint32_t size);

struct producers_figures {
	uint64_t duration_s, size;
	uint64_t producers, iids;   /* that are known */
	uint64_t added, duplicates; /* ever */
};

/* Returns false if no producer was known, and nothing was configured. */
bool producers_get_figures(const struct stream *stream, struct producers_figures *ret_figures);

/* Finds or makes the producer, as the one that was used last. NULL without memory. */
struct producer *producers_get(struct streams *streams, struct stream *stream, struct slice pid);
int producers_make(struct stream *stream); /* none yet. Returns 0 or -ENOMEM */

/* Something that the producer has added, behind the rest. Returns 0 or -ENOMEM. */
int producer_append(struct streams *streams, struct stream *stream, struct producer *producer,
                    struct producer_seen seen);

static inline struct producer_seen *
producer_at(const struct producer *producer, uint32_t i)
{
	return &producer->ring[(producer->first + i) % producer->cap];
}

/* Frees all, of any stream. */
void producers_free(struct streams *streams, struct stream *stream);
