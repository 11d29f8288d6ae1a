/*
 * Entries that are added to their stream later (UDSD LATER), at a Unix time. They are kept in the order of their times,
 * in memory and on disk; when the time has come, an entry is added and is not kept any more, in one commit. They belong
 * to their stream: they go where it is renamed, and go with it.
 *
 * Whoever made the stream pays for their memory as for its blocks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "block.h"
#include "pending.h"
#include "streams-data.h"

TAILQ_HEAD(later_list, later_entry);

struct later_entry {
	TAILQ_ENTRY(later_entry) link; /* in later.dirty, later.gone or streams.laters_fired, if it is in one */
	struct stream_id id;           /* its time in ms, and a number that no other has */
	bool is_stored;
	uint32_t n_fields;
	size_t len;
	uint8_t data[]; /* names and values in turn, as in a block */
};

/* Of one stream. */
struct later {
	struct heap_node due;    /* in streams.laters_due; the key is Unix time in ms */
	struct stream *stream;   /* NULL: it is gone */
	TAILQ_ENTRY(later) link; /* in streams.laters_gone, if it is */
	struct pending set;      /* of entries, by id */
	size_t bytes, charged;   /* memory of the entries; of all, that the maker of the stream pays for */
	/* For the disk. */
	struct later_list dirty, gone; /* to be written; to be deleted */
	bool has_fired;                /* all up to fired_to have gone */
	struct stream_id fired_to;
};

/* Adds fields to the stream at that time. Returns 0 or -ENOMEM. */
int later_add(struct streams *streams, struct stream *stream, uint64_t due_ms, struct stream_fields fields,
              struct stream_id *ret_id);

/* Whether an entry of that ticket, which was added once, was cancelled: it is not there, and its time has not come. */
bool later_was_cancelled(const struct stream *stream, struct stream_id id, uint64_t now_ms);

/* Returns whether it was there. */
bool later_cancel(struct streams *streams, struct stream *stream, struct stream_id id);

/* What the first stream has whose number is at least that; or NULL. There need not be any entries. */
struct later *later_from(const struct streams *streams, uint64_t no);

/* The first one of the stream from id on, or NULL. */
const struct later_entry *later_next(const struct stream *stream, struct stream_id id);
static inline struct stream_entry
later_fields(const struct later_entry *entry)
{
	return (struct stream_entry){ entry->id, entry->n_fields, entry->data, entry->data + entry->len, NULL, false };
}

static inline uint64_t
later_count(const struct stream *stream)
{
	return stream->later ? stream->later->set.n_entries : 0;
}

/* The stream goes. */
void later_end(struct streams *streams, struct stream *stream);

void later_init_all(struct streams *streams);
/* All streams are gone. */
void later_deinit_all(struct streams *streams);

/* What follows is for later-due.c and later-store.c. */

/* Frees what has come due and what is left of streams that are gone, up to a value of work.done. */
void later_free_gone(struct streams *streams, uint64_t work_end);

/* Puts the stream where it belongs in the heap. Returns 0; or -ENOMEM, only if it was not in it. */
int later_schedule(struct streams *streams, struct later *later, uint64_t not_before_ms);

/* The entry, the first of its stream, was added to it; it may be freed. */
void later_fired(struct streams *streams, struct later *later, struct later_entry *entry);

/* Charges the maker of the stream with what it takes now. */
void later_charge(struct later *later);

/* An entry that was stored; len bytes of n_fields were checked. Returns 0, -EEXIST or -ENOMEM. */
int later_insert(struct streams *streams, struct stream *stream, struct stream_id id, uint32_t n_fields,
                 struct slice data);
