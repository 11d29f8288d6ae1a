#include "refs.h"

#include "group.h"
#include "num.h"

bool
refs_parse(struct slice word, enum refs *ret_refs)
{
	static const char *const words[] = {
		[REFS_KEEP] = "KEEPREF",
		[REFS_DELETE] = "DELREF",
		[REFS_ACKED] = "ACKED",
	};

	for (enum refs refs = REFS_KEEP; refs <= REFS_ACKED; refs++)
		if (slice_is_word(word, words[refs])) {
			*ret_refs = refs;
			return true;
		}
	return false;
}

enum stream_step
refs_delete(struct streams *streams, struct stream *stream, struct stream_id id, enum refs refs,
            enum refs_result *ret_result)
{
	struct stream_entry entry;
	enum stream_step step;

	streams->flow->work.done += WORK_LOOKUP + stream->n_groups * (uint64_t)WORK_LOOKUP;
	if (refs == REFS_ACKED && stream->n_groups > 0) {
		step = stream_find(streams, stream, id, &entry);
		if (step == STREAM_ENTRY && group_any_needs(stream, id)) {
			*ret_result = REFS_KEPT;
			return STREAM_ENTRY;
		}
		if (step != STREAM_ENTRY && step != STREAM_END)
			return step;
	}
	step = stream_delete(streams, stream, id);
	if (step != STREAM_ENTRY && step != STREAM_END)
		return step;
	if (refs == REFS_DELETE) /* also if only groups know it any more */
		group_forget_everywhere(streams, stream, id);
	*ret_result = step == STREAM_ENTRY ? REFS_DELETED : REFS_NONE;
	return STREAM_ENTRY;
}

bool
refs_require_ids(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, size_t at, bool is_resumed,
                 struct refs_ids *ret_ids)
{
	struct refs_ids ids = { 0 };
	bool has_refs = false;
	struct stream_id id;
	int64_t n;

	while (at < argc) {
		if (!has_refs && refs_parse(argv[at], &ids.refs)) {
			has_refs = true;
			at++;
			continue;
		}
		if (ids.n > 0 || !slice_is_word(argv[at], "IDS") || at + 1 == argc) {
			reply_error(bus, s, "ERR syntax error");
			return false;
		}
		if (num_parse_resp(argv[at + 1].p, argv[at + 1].len, &n) != 0 || n < 1) {
			reply_error(bus, s, "ERR Number of IDs must be a positive integer");
			return false;
		}
		if (n > (int64_t)(argc - at - 2)) {
			reply_error(bus, s, "ERR The `numids` parameter must match the number of arguments");
			return false;
		}
		ids.first = at + 2;
		ids.n = (size_t)n;
		at = ids.first + ids.n;
	}
	if (ids.n == 0) {
		reply_error(bus, s, "ERR IDS option is required");
		return false;
	}
	if (!is_resumed)
		bus->flow.work.done += ids.n * 2 * WORK_VISIT;
	for (size_t i = 0; i < ids.n && !is_resumed; i++)
		if (!keyspace_require_id(bus, s, argv[ids.first + i], 0, &id))
			return false;
	*ret_ids = ids;
	return true;
}
