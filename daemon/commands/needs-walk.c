#include "needs-walk.h"

#include <string.h>

#include "handlers.h"
#include "num.h"
#include "stream-index.h"
#include "stream-keep.h"

struct stream *
needs_find(struct needs *needs, struct slice name)
{
	const struct queued_command *command;
	struct slice now = name;

	if (needs->known->has_renamed) { /* seldom: an administrator renames */
		STAILQ_FOREACH(command, &needs->transaction->commands, link) {
			needs->bus->flow.work.done += WORK_VISIT;
			if (command->argv == needs->argv)
				break;
			if ((command->row->run == cmd_rename || command->row->run == cmd_renamenx) &&
			    needs_is_name(command->argv[2], name))
				now = command->argv[1];
		}
	}
	return keyspace_find(needs->bus, needs->streams, now);
}

enum stream_step
needs_open(struct needs *needs, struct stream *stream, size_t i, size_t until)
{
	needs->known->has_any = true;
	if (!stream_keep_may_add(needs->streams, stream_index_at(stream, i)))
		needs->is_enough = true;
	else if (stream_open_block(needs->streams, stream, i, until) == STREAM_COLD)
		return STREAM_COLD;
	return STREAM_END;
}

enum stream_step
needs_open_entry(struct needs *needs, struct stream *stream, struct stream_id id)
{
	size_t i = stream_index_search(stream, id);

	/* When an entry was deleted with its block, it is looked for in the one before. */
	if (i > 1 && needs->known->removed > 0 && needs_open(needs, stream, i - 2, i - 2) == STREAM_COLD)
		return STREAM_COLD;
	return i > 0 ? needs_open(needs, stream, i - 1, i - 1) : STREAM_END;
}

enum stream_step
needs_forward(struct needs *needs, struct stream *stream, struct stream_id from, struct stream_id to, uint64_t count,
              uint64_t bytes)
{
	uint64_t n = 0, size = 0;
	size_t i, until;

	if (needs->known->trimmed.p && stream == needs_find(needs, needs->known->trimmed) &&
	    stream_id_cmp(from, needs->known->trimmed_to) < 0)
		from = needs->known->trimmed_to;
	i = stream_index_search(stream, from);
	until = stream_index_search(stream, to);
	for (i -= i > 0; i < until && n < count && size <= bytes && !needs->is_enough; i++) {
		if (needs_open(needs, stream, i, until - 1) == STREAM_COLD)
			return STREAM_COLD;
		if (size > 0) /* of the first one, some may come before */
			n += stream_index_at(stream, i)->n;
		size += stream_index_at(stream, i)->bytes;
	}
	return STREAM_END;
}

enum stream_step
needs_backward(struct needs *needs, struct stream *stream, struct stream_id from, struct stream_id to, uint64_t count,
               uint64_t bytes)
{
	size_t i = stream_index_search(stream, to), end = stream_index_search(stream, from);
	uint64_t n = 0, size = 0;

	for (end -= end > 0; i > end && n < count && size <= bytes && !needs->is_enough;) {
		i--;
		if (needs_open(needs, stream, i, end) == STREAM_COLD)
			return STREAM_COLD;
		if (size > 0)
			n += stream_index_at(stream, i)->n;
		size += stream_index_at(stream, i)->bytes;
	}
	return STREAM_END;
}

int64_t
needs_option(const struct needs *needs, size_t at, const char *option, int64_t fallback)
{
	int64_t value;

	for (; at + 1 < needs->argc; at++) {
		needs->bus->flow.work.done += WORK_VISIT;
		if (slice_is_word(needs->argv[at], option) &&
		    num_parse_resp(needs->argv[at + 1].p, needs->argv[at + 1].len, &value) == 0)
			return value;
	}
	return fallback;
}

enum stream_step
needs_ids(struct needs *needs, size_t first, size_t n)
{
	size_t *at = &needs->known->place.at;
	struct stream_id id;

	for (; needs->stream && *at < n && !needs->is_enough; ++*at) {
		if (needs_must_pause(needs))
			return STREAM_MORE;
		needs->bus->flow.work.done += WORK_LOOKUP;
		if (!stream_id_parse(needs->argv[first + *at], 0, &id))
			break;
		if (needs_open_entry(needs, needs->stream, id) == STREAM_COLD)
			return STREAM_COLD;
	}
	return STREAM_END;
}
