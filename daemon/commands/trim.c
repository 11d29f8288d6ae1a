/*
 * What a trim removes is gone at once: with ACKED and DELREF, which look at entries one by one, others may see a stream
 * that is trimmed in part, between two turns.
 */
#include "trim.h"

#include <stdlib.h>

#include "group.h"

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

static bool
trim_is_acked(void *arg, struct stream *stream, struct stream_id id)
{
	struct streams *streams = arg;

	streams->flow->work.done += stream->n_groups * (uint64_t)WORK_LOOKUP;
	return !group_any_needs(stream, id);
}

static bool
trim_forget(void *arg, struct stream *stream, struct stream_id id)
{
	struct streams *streams = arg;

	streams->flow->work.done += stream->n_groups * (uint64_t)WORK_LOOKUP;
	group_forget_everywhere(streams, stream, id);
	return true;
}

enum stream_step
trim_run(struct streams *streams, struct stream *stream, const struct trim_options *options,
         struct trim_progress *progress)
{
	bool (*may_go)(void *arg, struct stream *stream, struct stream_id id) = NULL;
	struct stream_trim trim = options->trim;
	enum stream_step step;

	if (options->refs != REFS_KEEP && stream->n_groups > 0)
		may_go = options->refs == REFS_ACKED ? trim_is_acked : trim_forget;
	trim.at = progress->at;
	step = stream_trim(streams, stream, &trim, may_go, streams, &progress->removed);
	progress->at = trim.at;
	return step;
}

enum stream_step
trim_prepare(struct streams *streams, struct stream *stream, const struct trim_options *options)
{
	if (options->refs != REFS_KEEP && stream->n_groups > 0)
		return STREAM_END;
	return stream_trim_prepare(streams, stream, &options->trim, 1);
}
