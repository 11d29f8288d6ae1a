/*
 * How many entries a group has read, and how many it has yet to read. The answers are those of Redis 8, which counts
 * without reading entries, and does not know how many were deleted ahead of the group: then it says so.
 */
#include "group-lag.h"

#include "stream.h"

static bool
group_lag_is_zero(struct stream_id id)
{
	return id.ms == 0 && id.seq == 0;
}

/* Whether an entry may have been deleted behind `id`. */
static bool
group_lag_has_gaps(const struct stream *stream, struct stream_id id)
{
	return stream->length > 0 && !group_lag_is_zero(stream->max_deleted) &&
	       stream_id_cmp(id, stream->max_deleted) <= 0;
}

uint64_t
group_lag_estimate_read(const struct stream *stream, struct stream_id id)
{
	struct stream_id first = stream_first_id(stream);
	int order = stream_id_cmp(id, stream->last);

	if (stream->added == 0)
		return 0;
	if (stream->length == 0 && order <= 0)
		return stream->added;
	if (!group_lag_is_zero(id) && stream_id_cmp(id, stream->max_deleted) < 0)
		return GROUP_READ_UNKNOWN;
	if (order == 0)
		return stream->added;
	if (order > 0)
		return GROUP_READ_UNKNOWN;
	if (!group_lag_is_zero(stream->max_deleted) && stream_id_cmp(stream->max_deleted, first) >= 0)
		return GROUP_READ_UNKNOWN;
	order = stream_id_cmp(id, first);
	if (order > 0)
		return GROUP_READ_UNKNOWN;
	return stream->added - stream->length + (order == 0);
}

bool
group_lag_get(const struct stream_group *group, int64_t *ret_lag)
{
	const struct stream *stream = group->stream;
	struct stream_id first = stream_first_id(stream);
	uint64_t read = group->entries_read;

	if (stream->length == 0) {
		*ret_lag = 0;
		return true;
	}
	/* All that is left comes after what was read and after what was deleted: whatever was trimmed, it is that. */
	if (stream_id_cmp(group->last, first) < 0 && stream_id_cmp(stream->max_deleted, first) < 0) {
		*ret_lag = (int64_t)stream->length;
		return true;
	}
	if (read == GROUP_READ_UNKNOWN || group_lag_has_gaps(stream, group->last))
		read = group_lag_estimate_read(stream, group->last);
	if (read == GROUP_READ_UNKNOWN)
		return false;
	*ret_lag = (int64_t)(stream->added - read);
	return true;
}

void
group_lag_advance(struct streams *streams, struct stream_group *group, struct stream_id id)
{
	const struct stream *stream = group->stream;
	uint64_t read = group->entries_read;

	if (stream_id_cmp(id, group->last) <= 0)
		return;
	if (read != GROUP_READ_UNKNOWN && stream_id_cmp(group->last, stream_first_id(stream)) >= 0 &&
	    !group_lag_has_gaps(stream, group->last))
		read++;
	else if (stream->added > 0)
		read = group_lag_estimate_read(stream, id);
	group_set_last(streams, group, id, read);
}

void
group_lag_limit(struct streams *streams, struct stream *stream)
{
	struct stream_group *group;

	streams->flow->work.done += stream->n_groups * WORK_VISIT;
	TAILQ_FOREACH(group, &stream->groups, link)
		if (group->entries_read != GROUP_READ_UNKNOWN && group->entries_read > stream->added)
			group_set_last(streams, group, group->last, group->entries_read);
}
