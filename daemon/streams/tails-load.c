/*
 * Entries are added as XADD does it, to a new block: the one that they were in may be on disk, with those that came
 * before. Afterwards the stream is as it was before the daemon ended: nothing has to be written.
 *
 * The record of a stream may be newer than its tails, and so know of their entries already.
 */
#include "tails-load.h"

#include <errno.h>
#include <stdlib.h>

#include "stream-cache.h"
#include "stream-index.h"
#include "stream-tails.h"
#include "stream.h"

/* In a record that is damaged, the number of the chapter may be a wrong one: larger ones are, and those that are so far
 * behind the chapter before are not reached by removing one chapter after the other. */
#define TAILS_CHAPTER_MAX ((uint64_t)1 << 62)
#define TAILS_GAP_MAX ((uint64_t)1000)

struct tails_record {
	STAILQ_ENTRY(tails_record) link;
	uint64_t chapter, no;
	size_t len;
	uint8_t data[];
};

void
tails_load_init(struct tails_load *load)
{
	STAILQ_INIT(&load->records);
}

void
tails_load_deinit(struct tails_load *load)
{
	struct tails_record *record;

	while ((record = STAILQ_FIRST(&load->records))) {
		STAILQ_REMOVE_HEAD(&load->records, link);
		free(record);
	}
}

void
tails_load_note(struct tails_load *load, uint64_t chapter)
{
	struct stream_tails *tails = &load->streams->tails;

	if (chapter >= TAILS_CHAPTER_MAX)
		return;
	/* Those in between are not there: nobody may remove them one by one. */
	if (tails->chapter == 1 || chapter > tails->chapter + TAILS_GAP_MAX)
		tails->oldest = chapter;
	tails->chapter = chapter + 1;
}

int
tails_load_record(struct tails_load *load, uint64_t chapter, struct slice key, struct slice value)
{
	struct tails_record *record;
	uint64_t no;

	if (!stream_tails_key(key, &no))
		return -EBADMSG;
	record = malloc(sizeof(*record) + value.len);
	if (!record)
		return -ENOMEM;
	*record = (struct tails_record){ .chapter = chapter, .no = no, .len = value.len };
	slice_put(record->data, value);
	STAILQ_INSERT_TAIL(&load->records, record, link);
	return 0;
}

/* Adds one entry, whose id stands behind those that were added before, or not. Returns 0 or -ENOMEM. */
static int
tails_load_entry(struct streams *streams, struct stream *stream, struct stream_entry *entry)
{
	struct slice *argv = calloc(2 * entry->n_fields + 1, sizeof(*argv));
	struct stream_id last = stream->last;
	uint64_t added = stream->added;
	bool is_known = stream_id_cmp(entry->id, last) <= 0; /* to the record */
	int r = argv ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < 2 * entry->n_fields; i++)
		argv[i] = stream_entry_next(entry);
	if (r == 0) {
		stream->last = (struct stream_id){ 0 };
		r = stream_append(streams, stream, entry->id, (struct stream_fields){ argv, entry->n_fields });
		if (is_known)
			stream->last = last, stream->added = added;
	}
	free(argv);
	return r;
}

static int
tails_load_block(struct streams *streams, struct stream *stream, const struct block *block)
{
	const struct stream_block *sb = stream_index_last(stream);
	struct stream_id before = sb ? sb->first : (struct stream_id){ 0 };
	struct stream_entry entry;

	if (sb && sb->block && sb->block->n > 0)
		before = block_id(sb->block, sb->block->n - 1);
	if (stream_id_cmp(block_id(block, 0), before) <= 0)
		return -EBADMSG;
	for (uint32_t i = 0; i < block->n; i++) {
		block_entry(block, i, &entry);
		if (tails_load_entry(streams, stream, &entry) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int
tails_load_tail(struct tails_load *load, const struct stream_tail *tail, uint64_t chapter)
{
	struct streams *streams = load->streams;
	struct stream *stream = load->find(load->arg, tail->stream);
	struct block *block;
	uint8_t *data;
	int r;

	if (!stream || tail->no <= stream->tails_done)
		return 0;
	block = block_new();
	data = malloc(tail->bytes.len + 1);
	if (!block || !data) {
		free(data);
		free(block);
		return -ENOMEM;
	}
	slice_put(data, tail->bytes);
	r = block_parse(block, data, tail->bytes.len, tail->first, tail->n);
	if (r < 0)
		free(data);
	else
		r = tails_load_block(streams, stream, block);
	block_free(block);
	if (r == 0)
		stream_tails_count(streams, stream, chapter, tail->bytes.len);
	return r;
}

/* The stream has one block from tails: it is as it was before. */
static void
tails_load_keep(struct streams *streams, struct stream *stream, struct block *block, bool was_clean)
{
	block->n_saved = block->n;
	block->has_tails = true;
	stream_cache_saved(streams, block, BLOCK_OPEN);
	if (!was_clean || stream->has_changed)
		return;
	TAILQ_REMOVE(&streams->dirty, stream, dirty_link);
	stream->is_dirty = false;
	stream->changed_in = 0;
}

/* Whatever became more than one block is written, which settles the tails. was_clean: nothing had changed before. */
static void
tails_load_end(struct streams *streams, bool was_clean)
{
	struct stream *stream, *next;

	for (stream = TAILQ_FIRST(&streams->dirty); stream; stream = next) {
		struct block *block = TAILQ_FIRST(&stream->dirty_blocks);

		next = TAILQ_NEXT(stream, dirty_link);
		if (block && !TAILQ_NEXT(block, link))
			tails_load_keep(streams, stream, block, was_clean);
		for (; block && TAILQ_NEXT(block, link); block = TAILQ_NEXT(block, link))
			block->has_tails = true;
	}
	if (TAILQ_EMPTY(&streams->dirty))
		streams->dirty_bytes = 0;
	streams->added = 0;
}

/* Adds what the record has. Returns 0; -EBADMSG if a part of it is damaged, which is left out; or -ENOMEM. */
static int
tails_load_add_record(struct tails_load *load, const struct tails_record *record)
{
	const uint8_t *p = record->data, *end = p + record->len;
	struct stream_tail tail;
	int result = 0;

	for (uint64_t no = record->no; p < end; no++) {
		int r = stream_tail_get(&p, end, no, &tail);

		if (r < 0)
			return r;
		r = tails_load_tail(load, &tail, record->chapter);
		if (r == -ENOMEM)
			return r;
		result = r < 0 ? r : result;
		if (no > load->streams->tails.no)
			load->streams->tails.no = no;
	}
	return result;
}

int
tails_load_add(struct tails_load *load)
{
	bool was_clean = TAILQ_EMPTY(&load->streams->dirty);
	const struct tails_record *record;
	int result = 0;

	STAILQ_FOREACH(record, &load->records, link) {
		int r = tails_load_add_record(load, record);

		if (r == -ENOMEM)
			return r;
		result = r < 0 ? r : result;
	}
	tails_load_end(load->streams, was_clean);
	return result;
}
