/* XACK and XACKDEL: consumers acknowledge the entries that they were given. */
#include "handlers.h"
#include "refs.h"
#include "xgroup.h"
#include "xwork.h"

static struct stream_group *
xack_find(struct bus *bus, struct streams *streams, struct slice key, struct slice name)
{
	struct stream *stream = streams_find(streams, key);

	bus->flow.work.done += 2 * WORK_LOOKUP;
	return stream ? group_find(stream, name) : NULL;
}

static enum command_result
xack_run(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, struct xwork *work, size_t next)
{
	struct streams *streams = keyspace_open(bus, s, argv[1], KEYSPACE_READ);
	struct stream_group *group;
	struct stream_id id;
	size_t i = next;

	if (!streams)
		return COMMAND_DONE;
	if (next == 0 && keyspace_must_wait(bus, s, streams))
		return COMMAND_WAIT;
	group = xack_find(bus, streams, argv[1], argv[2]);
	if (i == 0) {
		i = 3;
		if (group && !xwork_require_ids(bus, s, argv, argc, i))
			return COMMAND_DONE;
	}
	for (; group && i < argc; i++) {
		uint64_t before = group->pending.n_entries;

		if (xwork_must_pause(bus, s, work, i))
			return COMMAND_MORE;
		bus->flow.work.done += WORK_LOOKUP;
		stream_id_parse(argv[i], 0, &id);
		if (!group_acknowledge(streams, group, id))
			continue;
		work->n++;
		streams->acknowledged++;
		xgroup_wake_if_full(streams, group, before);
	}
	if (group)
		keyspace_hold(bus, streams, group->stream);
	reply_integer(bus, s, work->n);
	keyspace_release(bus);
	return COMMAND_DONE;
}

enum command_result
cmd_xack(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return xwork_run(bus, s, argv, argc, xack_run);
}

/* One entry: acknowledges it, and deletes it as far as refs allows it. Returns why it cannot go on, or ENTRY. */
static enum stream_step
xackdel_one(struct streams *streams, struct stream_group *group, struct stream_id id, enum refs refs,
            enum refs_result *ret_result)
{
	struct stream_entry entry;
	enum stream_step step;

	*ret_result = REFS_NONE;
	if (!pending_find(&group->pending, id))
		return STREAM_ENTRY;
	/* What is acknowledged must not have to wait any more. */
	step = stream_find(streams, group->stream, id, &entry);
	if (step == STREAM_COLD || step == STREAM_ERROR)
		return step;
	group_acknowledge(streams, group, id);
	streams->acknowledged++;
	if (step == STREAM_END) { /* it was deleted before */
		if (refs == REFS_DELETE)
			group_forget_everywhere(streams, group->stream, id);
		*ret_result = refs == REFS_ACKED && group_any_needs(group->stream, id) ? REFS_KEPT : REFS_DELETED;
		return STREAM_ENTRY;
	}
	return refs_delete(streams, group->stream, id, refs, ret_result);
}

/* Who works a group may delete what no group needs any more. What others may need, only administrators delete. */
static bool
xackdel_require_right(struct bus *bus, struct session *s, enum refs refs)
{
	if (refs == REFS_ACKED || bus_is_admin(bus, &s->client))
		return true;
	bus->flow.stats.denied_commands++;
	reply_error(bus, s,
	            "NOPERM %s has no permissions to run the 'xackdel' command without ACKED: administrators only",
	            identity_text(&s->client.identity).text);
	return false;
}

static enum command_result
xackdel_run(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, struct xwork *work, size_t next)
{
	struct streams *streams = keyspace_open(bus, s, argv[1], KEYSPACE_READ);
	struct stream_group *group;
	struct refs_ids ids;
	size_t i = next;

	if (!streams || !refs_require_ids(bus, s, argv, argc, 3, next > 0, &ids) ||
	    !xackdel_require_right(bus, s, ids.refs))
		return COMMAND_DONE;
	if (next == 0 && keyspace_must_wait(bus, s, streams))
		return COMMAND_WAIT;
	group = xack_find(bus, streams, argv[1], argv[2]);
	if (i == 0) {
		i = ids.first;
		answer_begin(&work->answer, bus, s);
		work->has_answer = true;
		answer_array(&work->answer, ids.n);
	}
	for (; i < ids.first + ids.n; i++) {
		uint64_t before = group ? group->pending.n_entries : 0;
		enum refs_result result = REFS_NONE;
		enum stream_step step = STREAM_ENTRY;
		struct stream_id id;

		if (xwork_must_pause(bus, s, work, i))
			return COMMAND_MORE;
		bus->flow.work.done += WORK_LOOKUP;
		stream_id_parse(argv[i], 0, &id);
		if (group)
			step = xackdel_one(streams, group, id, ids.refs, &result);
		if (step == STREAM_COLD)
			return xwork_wait_cold(bus, s, streams, work, i);
		if (step == STREAM_ERROR)
			return keyspace_refuse_error(bus, s);
		answer_integer(&work->answer, result);
		if (group)
			xgroup_wake_if_full(streams, group, before);
	}
	if (group)
		keyspace_hold(bus, streams, group->stream);
	answer_send(&work->answer);
	keyspace_release(bus);
	work->has_answer = false;
	return COMMAND_DONE;
}

enum command_result
cmd_xackdel(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return xwork_run(bus, s, argv, argc, xackdel_run);
}
