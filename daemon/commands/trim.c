/*
 * A trim goes on in steps, between which the turn may end, since a stream can have any number of blocks. What a step
 * removes is gone at once: others may see a stream that is trimmed in part. With ACKED, entries are looked at one by
 * one, as those that stay may be anywhere.
 */
#include "trim.h"

#include <stdlib.h>

#include "group.h"
#include "job.h"

/* Entries of one step: enough to remove many whole blocks, few enough for one turn. */
#define TRIM_STEP ((uint64_t)10000)
#define TRIM_STEP_DELREF ((uint64_t)1000)

static enum trim_taken
trim_refuse(struct bus *bus, struct session *s, const char *text)
{
	reply_error(bus, s, "%s", text);
	return TRIM_REFUSED;
}

/* MAXLEN or MINID, with "=" or "~" behind it and the threshold. */
static enum trim_taken
trim_take_threshold(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, size_t *at,
                    struct trim_options *options)
{
	struct stream_trim *trim = &options->trim;
	size_t i = *at + 1;
	int64_t n;

	if (options->is_given)
		return trim_refuse(bus, s,
		                   "ERR syntax error, MAXLEN and MINID options at the same time are not compatible");
	trim->by_id = slice_is_word(argv[*at], "MINID");
	if (i + 1 < argc && argv[i].len == 1 && (argv[i].p[0] == '~' || argv[i].p[0] == '=')) {
		trim->is_rough = argv[i].p[0] == '~';
		i++;
	}
	if (trim->by_id) {
		if (!keyspace_require_id(bus, s, argv[i], 0, &trim->min_id))
			return TRIM_REFUSED;
	} else {
		if (!keyspace_require_integer(bus, s, argv[i], &n))
			return TRIM_REFUSED;
		if (n < 0)
			return trim_refuse(bus, s, "ERR The MAXLEN argument must be >= 0.");
		trim->max_length = (uint64_t)n;
	}
	options->is_given = true;
	*at = i + 1;
	return TRIM_TAKEN;
}

enum trim_taken
trim_take(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, size_t *at,
          struct trim_options *options)
{
	bool has_more = *at + 1 < argc;
	int64_t n;

	if (has_more && (slice_is_word(argv[*at], "MAXLEN") || slice_is_word(argv[*at], "MINID")))
		return trim_take_threshold(bus, s, argv, argc, at, options);
	if (has_more && slice_is_word(argv[*at], "LIMIT")) {
		if (!keyspace_require_integer(bus, s, argv[*at + 1], &n))
			return TRIM_REFUSED;
		if (n < 0)
			return trim_refuse(bus, s, "ERR The LIMIT argument must be >= 0.");
		options->trim.limit = (uint64_t)n;
		options->has_limit = true;
		*at += 2;
		return TRIM_TAKEN;
	}
	if (!refs_parse(argv[*at], &options->refs))
		return TRIM_OTHER;
	if (options->has_refs)
		return trim_refuse(bus, s, "ERR syntax error");
	options->has_refs = true;
	*at += 1;
	return TRIM_TAKEN;
}

bool
trim_require_valid(struct bus *bus, struct session *s, const struct streams *streams, struct trim_options *options)
{
	struct stream_trim *trim = &options->trim;

	if (trim->limit > 0 && !options->is_given) {
		reply_error(bus, s, "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy");
		return false;
	}
	if (options->has_limit && !trim->is_rough) {
		reply_error(bus, s, "ERR syntax error, LIMIT cannot be used without the special ~ option");
		return false;
	}
	if (!options->has_limit && trim->is_rough) { /* as in Redis: the entries of a hundred blocks */
		trim->limit = 100 * (uint64_t)streams->limits.node_entries;
		if (trim->limit == 0)
			trim->limit = 10000;
		if (trim->limit > 1000000)
			trim->limit = 1000000;
	}
	return true;
}

struct trim_progress
trim_resume(struct bus *bus)
{
	const struct trim_progress *kept = sessions_of(bus)->place.state;

	return kept ? *kept : (struct trim_progress){ 0 };
}

static void
trim_free(struct bus *bus, void *state)
{
	(void)bus;
	free(state);
}

bool
trim_pause(struct bus *bus, const struct trim_progress *progress, size_t next)
{
	struct place *place = &sessions_of(bus)->place;

	if (!place->state)
		place->state = malloc(sizeof(*progress));
	if (!place->state)
		return false;
	*(struct trim_progress *)place->state = *progress;
	place->free = trim_free;
	place->next = next;
	return true;
}

/* Whether enough is gone. */
static bool
trim_is_over(const struct stream *stream, const struct trim_options *options, const struct trim_progress *progress)
{
	return (options->trim.limit > 0 && progress->removed >= options->trim.limit) ||
	       (!options->trim.by_id && stream->length <= options->trim.max_length);
}

/* Removes entries that all groups have seen acknowledged, wherever they are. */
static enum trim_result
trim_acked(struct bus *bus, struct session *s, struct streams *streams, struct stream *stream,
           const struct trim_options *options, struct trim_progress *progress)
{
	struct stream_id to = options->trim.by_id ? options->trim.min_id : stream->last;
	enum refs_result result = REFS_KEPT;
	struct stream_cursor cursor = { 0 };
	struct stream_entry entry;
	enum stream_step step;

	if (options->trim.by_id && !stream_id_prev(&to))
		return TRIM_DONE;
	while (!trim_is_over(stream, options, progress)) {
		if (result == REFS_DELETED || cursor.stream != stream) { /* a cursor does not outlive a change */
			stream_seek(&cursor, stream, progress->from, to, false);
			result = REFS_KEPT;
		}
		step = stream_step(streams, &cursor, &entry);
		if (step == STREAM_ENTRY)
			step = refs_delete(streams, stream, entry.id, REFS_ACKED, &result);
		if (step != STREAM_ENTRY)
			return step == STREAM_END ? TRIM_DONE : step == STREAM_COLD ? TRIM_COLD : TRIM_FAILED;
		progress->removed += result == REFS_DELETED;
		progress->from = entry.id;
		if (!stream_id_next(&progress->from))
			return TRIM_DONE;
		if (job_must_pause(bus, s, 0))
			return TRIM_PAUSED;
	}
	return TRIM_DONE;
}

static bool
trim_forget(void *arg, struct stream *stream, struct stream_id id)
{
	struct streams *streams = arg;

	streams->flow->work.done += stream->n_groups * (uint64_t)WORK_LOOKUP;
	group_forget_everywhere(streams, stream, id);
	return true;
}

enum trim_result
trim_run(struct bus *bus, struct session *s, struct streams *streams, struct stream *stream,
         const struct trim_options *options, struct trim_progress *progress)
{
	bool forgets = options->refs == REFS_DELETE && stream->n_groups > 0;
	uint64_t most = forgets ? TRIM_STEP_DELREF : TRIM_STEP, removed;

	if (options->refs == REFS_ACKED && stream->n_groups > 0)
		return trim_acked(bus, s, streams, stream, options, progress);
	if (most < streams->limits.node_entries)
		most = streams->limits.node_entries; /* a rough trim removes whole blocks only */
	while (!trim_is_over(stream, options, progress)) {
		struct stream_trim trim = options->trim;
		enum stream_step step;

		if (trim.limit > 0)
			trim.limit -= progress->removed;
		if (trim.limit == 0 || trim.limit > most)
			trim.limit = most;
		removed = 0;
		step = stream_trim(streams, stream, &trim, forgets ? trim_forget : NULL, streams, &removed);
		progress->removed += removed;
		if (step == STREAM_COLD || step == STREAM_ERROR)
			return step == STREAM_COLD ? TRIM_COLD : TRIM_FAILED;
		if (removed == 0)
			return TRIM_DONE;
		if (job_must_pause(bus, s, 0))
			return TRIM_PAUSED;
	}
	return TRIM_DONE;
}
