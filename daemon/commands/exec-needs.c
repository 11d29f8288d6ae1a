/*
 * Each function here knows where one command looks, from its arguments alone: it changes nothing, and takes no notice
 * of mistakes, for which the command itself replies an error. What commands before it may have changed by then is
 * summed up in struct exec_needs; so an XRANGE after an XDEL of ten entries looks ten entries further.
 */
#include "exec-needs.h"

#include "handlers.h"
#include "needs-groups.h"
#include "num.h"
#include "stream-index.h"
#include "stream-keep.h"
#include "trim.h"

static uint64_t
needs_count(const struct needs *needs, int64_t count, uint64_t more)
{
	return count < 0 ? UINT64_MAX : needs_sum((uint64_t)count, more);
}

static enum stream_step
needs_xrange_bounds(struct needs *needs, size_t first, size_t last, bool is_backward)
{
	uint64_t count = needs_count(needs, needs_option(needs, 4, "COUNT", -1), needs->known->removed);
	uint64_t bytes = needs->bus->flow.limits.queue_limit;
	struct stream_id from, to;

	if (!needs->stream || stream_id_parse_bound(needs->argv[first], false, &from) ||
	    stream_id_parse_bound(needs->argv[last], true, &to) || stream_id_cmp(from, to) > 0)
		return STREAM_END;
	return is_backward ? needs_backward(needs, needs->stream, from, to, count, bytes)
	                   : needs_forward(needs, needs->stream, from, to, count, bytes);
}

static enum stream_step
needs_xrange(struct needs *needs)
{
	return needs_xrange_bounds(needs, 2, 3, false);
}

static enum stream_step
needs_xrevrange(struct needs *needs)
{
	return needs_xrange_bounds(needs, 3, 2, true);
}

/* What is deleted or acknowledged lets later commands go further. */
static enum stream_step
needs_xack(struct needs *needs)
{
	needs->known->removed = needs_sum(needs->known->removed, needs->argc);
	return STREAM_END;
}

static enum stream_step
needs_xdel(struct needs *needs)
{
	enum stream_step step = needs_ids(needs, 2, needs->argc - 2);

	return step == STREAM_END ? needs_xack(needs) : step;
}

static enum stream_step
needs_xclaim(struct needs *needs)
{
	return needs_ids(needs, 5, needs->argc - 5);
}

/* The ids behind "IDS numids". */
static enum stream_step
needs_listed(struct needs *needs)
{
	enum stream_step step;
	size_t i = 2;

	for (; i + 1 < needs->argc && !slice_is_word(needs->argv[i], "IDS"); i++)
		needs->bus->flow.work.done += WORK_VISIT;
	if (i + 2 < needs->argc && (step = needs_ids(needs, i + 2, needs->argc - i - 2)) != STREAM_END)
		return step;
	return needs_xack(needs);
}

/* Entries are read only with FORCE, which gives back what is not pending. */
static enum stream_step
needs_xnack(struct needs *needs)
{
	bool is_forced = false;

	for (size_t i = 4; i < needs->argc && !is_forced; i++) {
		needs->bus->flow.work.done += WORK_VISIT;
		is_forced = slice_is_word(needs->argv[i], "FORCE");
	}
	return is_forced ? needs_listed(needs) : needs_xack(needs);
}

/* "key group (SILENT|FAIL|FATAL|RETURN|DROP) id": only DROP reads the entry. */
static enum stream_step
needs_udsd_nack(struct needs *needs)
{
	enum stream_step step = slice_is_word(needs->argv[4], "DROP") ? needs_ids(needs, 5, 1) : STREAM_END;

	return step == STREAM_END ? needs_xack(needs) : step;
}

/* The options that trim; among fields of XADD too, where they mean nothing. Returns whether there are any. */
static bool
needs_parse_trim(const struct needs *needs, struct trim_options *options)
{
	struct stream_trim *trim = &options->trim;
	int64_t n;

	for (size_t i = 2; i + 1 < needs->argc && i < 16 && !slice_is_word(needs->argv[i], "*"); i++) {
		const struct slice *word = &needs->argv[i];

		refs_parse(*word, &options->refs);
		trim->by_id = trim->by_id || slice_is_word(*word, "MINID");
		if (options->is_given || (!slice_is_word(*word, "MINID") && !slice_is_word(*word, "MAXLEN")))
			continue;
		trim->is_rough = slice_is_word(word[1], "~");
		if ((trim->is_rough || slice_is_word(word[1], "=")) && ++i + 1 == needs->argc)
			return false;
		word = &needs->argv[i + 1];
		options->is_given = trim->by_id ? stream_id_parse(*word, 0, &trim->min_id)
		                                : num_parse_resp(word->p, word->len, &n) == 0 && n >= 0;
		trim->max_length = trim->by_id ? 0 : (uint64_t)n;
	}
	return options->is_given;
}

/* Where XADD and XTRIM cut the stream. With references, each entry before that is looked at. */
static enum stream_step
needs_trim(struct needs *needs, uint64_t more)
{
	struct exec_needs *known = needs->known;
	struct trim_options options = { 0 };
	bool is_known = known->trimmed.p && needs_is_name(known->trimmed, needs->argv[1]), reads;
	struct stream *stream;
	size_t from, to;

	if (!needs_parse_trim(needs, &options))
		return STREAM_END;
	stream = needs_find(needs, needs->argv[1]);
	if (!stream)
		return STREAM_END;
	to = stream_trim_count_blocks(needs->streams, stream, &options.trim, more);
	from = is_known ? known->trimmed_blocks : stream_trim_count_blocks(needs->streams, stream, &options.trim, 0);
	reads = !options.trim.is_rough;
	if (options.refs != REFS_KEEP && stream->n_groups > 0) {
		reads = true;
		from = 0;
	}
	if (from > to)
		from = to;
	for (size_t i = from; reads && i <= to && i < stream->n_blocks && !needs->is_enough; i++)
		if (needs_open(needs, stream, i, to < stream->n_blocks ? to : i) == STREAM_COLD)
			return STREAM_COLD;
	if (is_known && to <= known->trimmed_blocks)
		return STREAM_END;
	known->trimmed = needs->argv[1];
	known->trimmed_blocks = to;
	known->trimmed_to = to < stream->n_blocks ? stream_index_at(stream, to)->first : stream->last;
	return STREAM_END;
}

static enum stream_step
needs_xtrim(struct needs *needs)
{
	return needs_trim(needs, needs->known->added);
}

static enum stream_step
needs_xadd(struct needs *needs)
{
	enum stream_step step = needs_trim(needs, needs->known->added + 1);

	needs->known->added += step == STREAM_END;
	return step;
}

/* The first and the last entry, or with FULL the first ones. */
static enum stream_step
needs_xinfo_stream(struct needs *needs)
{
	uint64_t more = needs->known->removed, count = needs_sum(1, more);

	if (needs->argc > 3)
		count = needs_count(needs, needs_option(needs, 4, "COUNT", 10), more);
	if (count == more) /* COUNT 0: all */
		count = UINT64_MAX;
	if (!needs->stream)
		return STREAM_END;
	if (needs_forward(needs, needs->stream, STREAM_ID_MIN, STREAM_ID_MAX, count,
	                  needs->bus->flow.limits.queue_limit) == STREAM_COLD)
		return STREAM_COLD;
	return needs_backward(needs, needs->stream, STREAM_ID_MIN, STREAM_ID_MAX, needs_sum(1, more), UINT64_MAX);
}

static enum stream_step
needs_xsetid(struct needs *needs)
{
	if (!needs->stream)
		return STREAM_END;
	return needs_backward(needs, needs->stream, STREAM_ID_MIN, STREAM_ID_MAX, needs_sum(1, needs->known->removed),
	                      UINT64_MAX);
}

static enum stream_step
needs_rename(struct needs *needs)
{
	needs->known->has_renamed = true;
	return STREAM_END;
}

static const struct {
	enum command_result (*run)(struct bus *bus, struct session *s, const struct slice *argv, size_t argc);
	needs_look *look;
	unsigned int key; /* the argument, or 0: it finds its keys itself */
	bool is_short;    /* if there is more than fits into the cache, the command ends there with what it has */
} needs_table[] = {
	{ cmd_xadd, needs_xadd, 0, false },
	{ cmd_xread, needs_xread, 0, true },
	{ cmd_xreadgroup, needs_xreadgroup, 0, true },
	{ cmd_xack, needs_xack, 0, false },
	{ cmd_xackdel, needs_listed, 1, false },
	{ cmd_xnack, needs_xnack, 1, false },
	{ cmd_udsd_nack, needs_udsd_nack, 2, false },
	{ cmd_xdelex, needs_listed, 1, false },
	{ cmd_xdel, needs_xdel, 1, false },
	{ cmd_xrange, needs_xrange, 1, false },
	{ cmd_xrevrange, needs_xrevrange, 1, false },
	{ cmd_xtrim, needs_xtrim, 0, false },
	{ cmd_xclaim, needs_xclaim, 1, false },
	{ cmd_xautoclaim, needs_xautoclaim, 1, true },
	{ cmd_xinfo_stream, needs_xinfo_stream, 2, false },
	{ cmd_xsetid, needs_xsetid, 1, false },
	{ cmd_xgroup_create, needs_xgroup_move, 2, false },
	{ cmd_xgroup_setid, needs_xgroup_move, 2, false },
	{ cmd_rename, needs_rename, 0, false },
	{ cmd_renamenx, needs_rename, 0, false },
};

void
exec_needs_drop(struct bus *bus, struct session *s)
{
	struct streams *streams = sessions_of(bus)->streams;

	if (streams)
		stream_keep_end(streams, &s->client);
}

/* The first block that is missing: all that was seen before is kept from now on, so it begins anew. */
static enum command_result
exec_needs_begin_keep(struct streams *streams, struct session *s, bool *ret_is_anew)
{
	bool is_keeper = stream_keep_begin(streams, &s->client);

	*ret_is_anew = true;
	if (is_keeper)
		return streams_wait_cold(streams, &s->client) ? COMMAND_WAIT : COMMAND_DONE;
	return flow_wait(streams->flow, &s->client, &streams->cache.keep_waiters) ? COMMAND_WAIT : COMMAND_DONE;
}

enum command_result
exec_needs_fetch(struct bus *bus, struct session *s, struct transaction *transaction,
                 const struct queued_command *command, bool *ret_is_anew)
{
	struct streams *streams = sessions_of(bus)->streams;
	struct needs needs = { bus,           s,    streams, &transaction->needs, transaction, command->argv,
		               command->argc, NULL, false };
	enum stream_step step;
	size_t i = 0, n = sizeof(needs_table) / sizeof(needs_table[0]);

	*ret_is_anew = false;
	while (i < n && command->row->run != needs_table[i].run)
		i++;
	if (i == n || !streams || streams->is_dead || transaction->needs.is_too_much)
		return COMMAND_DONE;
	if (needs_table[i].key > 0)
		needs.stream = needs_find(&needs, needs.argv[needs_table[i].key]);
	streams->cache.is_keeping = streams->cache.keeper == &s->client;
	step = needs_table[i].look(&needs);
	streams->cache.is_keeping = false;
	if (needs.is_enough && !needs_table[i].is_short)
		transaction->needs.is_too_much = true;
	if (step == STREAM_MORE)
		return COMMAND_MORE;
	if (step == STREAM_COLD && streams->cache.keeper != &s->client)
		return exec_needs_begin_keep(streams, s, ret_is_anew);
	if (step == STREAM_COLD)
		return streams_wait_cold(streams, &s->client) ? COMMAND_WAIT : COMMAND_DONE;
	transaction->needs.place = (struct exec_needs_place){ 0 };
	return COMMAND_DONE;
}
