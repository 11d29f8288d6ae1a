/*
 * Records come table by table and by number, so what a record belongs to is there already, and mostly the same as for
 * the record before. Streams and groups are found by number only here, in two arrays that are in the order in which
 * they came.
 */
#include "streams-load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "group.h"
#include "group-lag.h"
#include "group-store.h"
#include "later-store.h"
#include "producers-store.h"
#include "stream-index.h"
#include "stream-name.h"
#include "streams-record.h"
#include "streams-registry.h"
#include "tails-load.h"

/* Of damaged records, so many are named in the log. */
#define LOAD_LOG_LINES 20

/* Larger numbers of streams are wrong: so many are not given out ever. */
#define LOAD_NO_MAX ((uint64_t)1 << 62)

struct streams_load_entry {
	uint64_t no;
	void *object;
	struct stream *stream;
};

struct streams_load_list {
	struct streams_load_entry *entries;
	size_t n, cap, found;
	bool is_sorted;
};

struct streams_load {
	struct streams *streams;
	struct streams_load_list all_streams, groups;
	struct tails_load tails;
	uint64_t damaged;
	uint64_t strays; /* records and blocks that belong to nothing */
};

static int
streams_load_remember(struct streams_load_list *list, uint64_t no, void *object, struct stream *stream)
{
	if (list->n == list->cap) {
		size_t cap = list->cap ? 2 * list->cap : 64;
		struct streams_load_entry *entries = realloc(list->entries, cap * sizeof(*entries));

		if (!entries)
			return -ENOMEM;
		list->entries = entries;
		list->cap = cap;
	}
	list->entries[list->n++] = (struct streams_load_entry){ no, object, stream };
	return 0;
}

static int
streams_load_compare(const void *a, const void *b)
{
	const struct streams_load_entry *x = a, *y = b;

	return x->no < y->no ? -1 : x->no > y->no;
}

static struct streams_load_entry *
streams_load_find(struct streams_load_list *list, uint64_t no)
{
	const struct streams_load_entry key = { .no = no };
	struct streams_load_entry *entry;

	if (list->n == 0)
		return NULL;
	if (!list->is_sorted) /* groups come in the order of their streams */
		qsort(list->entries, list->n, sizeof(*list->entries), streams_load_compare);
	list->is_sorted = true;
	if (list->entries[list->found].no == no)
		return &list->entries[list->found];
	entry = bsearch(&key, list->entries, list->n, sizeof(key), streams_load_compare);
	if (entry)
		list->found = (size_t)(entry - list->entries);
	return entry;
}

/* Something of a stream or group that is not there: its number must not be given to another one, which would get that
 * at the next start. */
static void
streams_load_stray(struct streams_load *load, uint64_t no)
{
	load->strays++;
	if (no > load->streams->last_no && no <= LOAD_NO_MAX)
		load->streams->last_no = no;
}

static const char *const streams_load_nouns[] = {
	[STORAGE_META] = "record",         [STORAGE_STREAMS] = "record of a stream",  [STORAGE_GROUPS] = "group",
	[STORAGE_CONSUMERS] = "consumer",  [STORAGE_PENDING] = "pending list",        [STORAGE_PRODUCERS] = "producer",
	[STORAGE_LATER] = "delayed entry", [STORAGE_TAILS] = "record of new entries",
};

static void
streams_load_damaged(struct streams_load *load, enum storage_table table, uint64_t owner, const struct stream *stream)
{
	if (load->damaged++ >= LOAD_LOG_LINES)
		return;
	if (stream)
		log_error("the store is damaged: a %s of stream '%s' is left out", streams_load_nouns[table],
		          stream_name_text(stream).text);
	else
		log_error("the store is damaged: a %s (number %llu) is left out", streams_load_nouns[table],
		          (unsigned long long)owner);
}

static int
streams_load_stream(struct streams_load *load, uint64_t no, struct slice value)
{
	struct streams *streams = load->streams;
	struct stream record, *stream;
	struct slice name;

	if (no > streams->last_no)
		streams->last_no = no;
	if (no == 0 || stream_record_parse(value, &record, &name) < 0 ||
	    stream_name_find(streams, name, stream_name_hash(streams, name))) {
		streams_load_damaged(load, STORAGE_STREAMS, no, NULL);
		return 0;
	}
	stream = streams_add(streams, name, record.uid, no);
	if (!stream || streams_load_remember(&load->all_streams, no, stream, stream) < 0)
		return -ENOMEM;
	stream->last = record.last;
	stream->max_deleted = record.max_deleted;
	stream->added = record.added;
	stream->tails_done = record.tails_done;
	if (streams->tails.no < record.tails_done)
		streams->tails.no = record.tails_done;
	stream->is_stored = true;
	stream->expires_ms = record.expires_ms;
	return stream->expires_ms > 0 ? heap_add(&streams->expiring, &stream->expiring, stream->expires_ms) : 0;
}

static int
streams_load_group(struct streams_load *load, const struct streams_load_entry *entry, struct slice key,
                   struct slice value)
{
	struct stream_group *group;
	int r = group_load(load->streams, entry->stream, key, value, &group);

	if (r < 0)
		return r;
	return streams_load_remember(&load->groups, group->no, group, entry->stream);
}

/* What belongs to a stream or a group. */
static int
streams_load_part(struct streams_load *load, enum storage_table table, uint64_t owner, struct slice key,
                  struct slice value)
{
	bool is_of_stream = table == STORAGE_GROUPS || table == STORAGE_PRODUCERS || table == STORAGE_LATER;
	struct streams_load_entry *entry = streams_load_find(is_of_stream ? &load->all_streams : &load->groups, owner);
	int r;

	if (!entry) {
		streams_load_stray(load, owner);
		return 0;
	}
	if (table == STORAGE_GROUPS)
		r = streams_load_group(load, entry, key, value);
	else if (table == STORAGE_PRODUCERS)
		r = producers_load(load->streams, entry->stream, key, value, streams_now_ms(load->streams));
	else if (table == STORAGE_LATER)
		r = later_load(load->streams, entry->stream, key, value);
	else if (table == STORAGE_CONSUMERS)
		r = group_load_consumer(load->streams, entry->object, key, value);
	else
		r = group_load_pending(load->streams, entry->object, key, value);
	if (r != -EBADMSG)
		return r;
	streams_load_damaged(load, table, owner, entry->stream);
	return 0;
}

static int
streams_load_meta(struct streams_load *load, struct slice key, struct slice value)
{
	struct slice expected = STREAMS_LAST_NO_KEY;
	const uint8_t *p = value.p;
	uint64_t no;

	if (key.len != expected.len || !slice_is(key, expected.p))
		return 0;
	if (!varint_get(&p, value.p + value.len, &no))
		streams_load_damaged(load, STORAGE_META, 0, NULL);
	else
		load->streams->last_no = load->streams->saved_no = no;
	return 0;
}

static int
streams_load_tails(struct streams_load *load, uint64_t chapter, struct slice key, struct slice value)
{
	int r = tails_load_record(&load->tails, chapter, key, value);

	tails_load_note(&load->tails, chapter);
	if (r == -EBADMSG)
		streams_load_damaged(load, STORAGE_TAILS, chapter, NULL);
	return r == -EBADMSG ? 0 : r;
}

static struct stream *
streams_load_find_stream(void *arg, uint64_t no)
{
	struct streams_load *load = arg;
	const struct streams_load_entry *entry = streams_load_find(&load->all_streams, no);

	if (entry)
		return entry->stream;
	streams_load_stray(load, no);
	return NULL;
}

/* Now that all blocks are known. */
static int
streams_load_add_tails(struct streams_load *load)
{
	int r = tails_load_add(&load->tails);

	if (r == -EBADMSG)
		streams_load_damaged(load, STORAGE_TAILS, 0, NULL);
	return r == -EBADMSG ? 0 : r;
}

/* Returns whether a group of the stream knows of entries that the stream does not; *ret_last: the last one that any
 * does, or the stream. A group that was set to an id to come (XGROUP SETID) looks like that only in a damaged store. */
static bool
streams_load_lacks_entries(const struct streams_load *load, const struct stream *stream, struct stream_id *ret_last)
{
	struct stream_id last = stream->last;
	const struct stream_group *group;
	bool has_read_more = false;

	TAILQ_FOREACH(group, &stream->groups, link) {
		const struct stream_pending *entry = pending_prev(&group->pending, STREAM_ID_MAX);
		const struct stream_id ids[] = { group->last, entry ? entry->id : STREAM_ID_MIN };

		for (size_t i = 0; i < 2; i++)
			/* Behind the largest id of all, nothing could be added any more. */
			if (stream_id_cmp(ids[i], last) > 0 && stream_id_cmp(ids[i], STREAM_ID_MAX) < 0)
				last = ids[i];
		if (group->entries_read != GROUP_READ_UNKNOWN && group->entries_read > stream->added)
			has_read_more = true;
	}
	*ret_last = last;
	return has_read_more || (load->damaged > 0 && stream_id_cmp(last, stream->last) > 0);
}

/*
 * If new entries got the ids of those that are missing, groups would take them for read and never give them. No store
 * that is whole has groups that have read more than was ever added; but one that was salvaged may, without a damage.
 */
static void
streams_load_follow_groups(struct streams_load *load)
{
	uint64_t lacking = 0;
	struct stream_id last;

	for (size_t i = 0; i < load->all_streams.n; i++) {
		struct stream *stream = load->all_streams.entries[i].stream;

		if (!streams_load_lacks_entries(load, stream, &last))
			continue;
		stream_set_last(load->streams, stream, last);
		group_lag_limit(load->streams, stream);
		if (lacking++ < LOAD_LOG_LINES)
			log_error(
			    "the store is damaged: stream '%s' lacks entries that a group knows; the next one comes "
			    "behind %llu-%llu",
			    stream_name_text(stream).text, (unsigned long long)last.ms, (unsigned long long)last.seq);
	}
	if (lacking > LOAD_LOG_LINES)
		log_error("the store is damaged: %llu streams in all lack entries", (unsigned long long)lacking);
}

static int
streams_load_record(void *arg, enum storage_table table, uint64_t owner, struct slice key, struct slice value)
{
	struct streams_load *load = arg;

	switch (table) {
	case STORAGE_META:
		return streams_load_meta(load, key, value);
	case STORAGE_STREAMS:
		return streams_load_stream(load, owner, value);
	case STORAGE_GROUPS:
	case STORAGE_CONSUMERS:
	case STORAGE_PENDING:
	case STORAGE_PRODUCERS:
	case STORAGE_LATER:
		return streams_load_part(load, table, owner, key, value);
	case STORAGE_TAILS:
		return streams_load_tails(load, owner, key, value);
	case STORAGE_TABLES:
		break;
	}
	return 0;
}

static int
streams_load_block(void *arg, uint64_t no, const uint8_t id[STORAGE_ID_SIZE], uint32_t n, uint32_t bytes)
{
	struct streams_load *load = arg;
	struct streams_load_entry *entry = streams_load_find(&load->all_streams, no);
	struct stream_id first = stream_id_get(id);
	const struct stream_block *last;
	struct stream_block *sb;
	struct stream *stream;

	if (!entry) {
		streams_load_stray(load, no);
		return 0;
	}
	stream = entry->stream;
	last = stream_index_last(stream);
	if (n == 0 || (last && stream_id_cmp(first, last->first) <= 0)) {
		streams_load_damaged(load, STORAGE_STREAMS, no, stream);
		return 0;
	}
	if (stream_index_reserve(stream) < 0)
		return -ENOMEM;
	sb = stream_index_add(stream, first);
	sb->n = n;
	sb->bytes = bytes;
	stream->length += n;
	stream->bytes += bytes;
	stream->owner->bytes += bytes;
	load->streams->entries += n;
	load->streams->bytes += bytes;
	if (stream_id_cmp(stream->last, first) < 0) /* else an id could be given out twice */
		stream->last = first;
	if (stream->added < stream->length)
		stream->added = stream->length;
	return 0;
}

static int
streams_load_damaged_record(void *arg, enum storage_table table, uint64_t owner,
                            struct slice key __attribute__((unused)))
{
	struct streams_load *load = arg;

	streams_load_damaged(load, table, owner, NULL);
	if (table == STORAGE_TAILS)
		tails_load_note(&load->tails, owner);
	return 0;
}

int
streams_load(struct streams *streams)
{
	struct streams_load load = { .streams = streams, .tails = { streams, streams_load_find_stream, &load } };
	const struct storage_loader loader = {
		.arg = &load,
		.record = streams_load_record,
		.block = streams_load_block,
		.damaged = streams_load_damaged_record,
	};
	char error[256] = "out of memory";
	int r;

	tails_load_init(&load.tails);
	r = storage_load(streams->storage, &loader, error, sizeof(error));
	if (r == 0)
		r = streams_load_add_tails(&load);
	if (r == 0)
		streams_load_follow_groups(&load);
	tails_load_deinit(&load.tails);
	free(load.all_streams.entries);
	free(load.groups.entries);
	if (r < 0)
		log_error("the store cannot be read: %s", error);
	if (load.damaged > LOAD_LOG_LINES)
		log_error("the store is damaged: %llu records in all are left out", (unsigned long long)load.damaged);
	if (load.strays > 0)
		log_debug("%llu records in the store belong to nothing", (unsigned long long)load.strays);
	return r;
}
