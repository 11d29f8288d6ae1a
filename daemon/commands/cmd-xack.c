/* XACK, XACKDEL and XNACK: what consumers say about the entries that they were given. */
#include "blocked.h"
#include "handlers.h"
#include "num.h"
#include "refs.h"
#include "xgroup.h"
#include "xwork.h"

static bool
xack_require_ids(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, size_t first)
{
	struct stream_id id;

	bus->flow.work.done += (argc - first) * WORK_ARGUMENT;
	for (size_t i = first; i < argc; i++)
		if (!keyspace_require_id(bus, s, argv[i], 0, &id))
			return false;
	return true;
}

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
		if (group && !xack_require_ids(bus, s, argv, argc, i))
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

enum xnack_mode { XNACK_SILENT, XNACK_FAIL, XNACK_FATAL };

/* The arguments of XNACK. */
struct xnack {
	enum xnack_mode mode;
	bool is_forced, has_count;
	int64_t count;
	size_t first, n; /* ids: argv[first .. first + n) */
};

/* "IDS numids id..." at argv[at]. */
static bool
xnack_require_ids(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, size_t at,
                  struct xnack *xnack)
{
	int64_t n;

	if (at + 1 >= argc || num_parse_resp(argv[at + 1].p, argv[at + 1].len, &n) != 0 || n <= 0) {
		reply_error(bus, s, "ERR Number of IDs must be a positive integer");
		return false;
	}
	xnack->first = at + 2;
	if ((uint64_t)n > argc - xnack->first) {
		reply_error(bus, s, "ERR The `numids` parameter must match the number of arguments");
		return false;
	}
	xnack->n = (size_t)n;
	return true;
}

static bool
xnack_require(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, struct xnack *ret_xnack)
{
	static const char *const modes[] = { "SILENT", "FAIL", "FATAL" };
	struct xnack xnack = { 0 };
	size_t i = 0;

	while (i < 3 && !slice_is_word(argv[3], modes[i]))
		i++;
	if (i == 3) {
		reply_error(bus, s, "ERR syntax error");
		return false;
	}
	xnack.mode = (enum xnack_mode)i;
	for (i = 4; i < argc; i++) {
		if (slice_is_word(argv[i], "IDS") && xnack.n == 0) {
			if (!xnack_require_ids(bus, s, argv, argc, i, &xnack))
				return false;
			i += 1 + xnack.n;
		} else if (slice_is_word(argv[i], "RETRYCOUNT") && i + 1 < argc) {
			if (!keyspace_require_integer(bus, s, argv[++i], &xnack.count))
				return false;
			xnack.has_count = true;
			if (xnack.count < 0) {
				reply_error(bus, s, "ERR RETRYCOUNT must be >= 0");
				return false;
			}
		} else if (slice_is_word(argv[i], "FORCE")) {
			xnack.is_forced = true;
		} else {
			xnack.n = 0;
			break;
		}
	}
	if (xnack.n == 0)
		reply_error(bus, s, "ERR syntax error");
	*ret_xnack = xnack;
	return xnack.n > 0;
}

/* Gives one entry back. Returns ENTRY, END if there is none, or why it cannot go on. */
static enum stream_step
xnack_one(struct streams *streams, struct stream_group *group, struct stream_id id, const struct xnack *xnack)
{
	struct stream_pending *pending = pending_find(&group->pending, id);
	uint64_t deliveries = pending ? pending->deliveries : 0;
	struct stream_entry entry;
	enum stream_step step;

	if (!pending) {
		if (!xnack->is_forced || group->pending.n_entries >= stream_rule(streams, group->stream)->max_pending)
			return STREAM_END;
		step = stream_find(streams, group->stream, id, &entry);
		if (step != STREAM_ENTRY)
			return step;
	}
	if (xnack->has_count)
		deliveries = (uint64_t)xnack->count;
	else if (xnack->mode == XNACK_FATAL)
		deliveries = INT64_MAX;
	else if (xnack->mode == XNACK_SILENT && deliveries > 0)
		deliveries--;
	pending = group_give(streams, group, NULL, id);
	if (!pending)
		return STREAM_ERROR;
	pending->delivered_ms = 0;
	pending->deliveries = deliveries;
	group_take_back(streams, group, pending);
	return STREAM_ENTRY;
}

static enum command_result
xnack_run(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, struct xwork *work, size_t next)
{
	struct streams *streams = keyspace_open(bus, s, argv[1], KEYSPACE_READ);
	struct stream_group *group;
	struct xnack xnack;
	size_t i = next;

	if (!streams || !xnack_require(bus, s, argv, argc, &xnack))
		return COMMAND_DONE;
	if (next == 0 && keyspace_must_wait(bus, s, streams))
		return COMMAND_WAIT;
	if (i == 0)
		i = xnack.first;
	group = xgroup_require(bus, s, streams, argv[1], argv[2]);
	if (!group || (next == 0 && !xack_require_ids(bus, s, argv, xnack.first + xnack.n, xnack.first)))
		return COMMAND_DONE;
	if (next == 0 && xnack.is_forced && !xgroup_require_room(bus, s, streams, group))
		return COMMAND_DONE;
	for (; i < xnack.first + xnack.n; i++) {
		enum stream_step step;
		struct stream_id id;

		if (xwork_must_pause(bus, s, work, i))
			return COMMAND_MORE;
		bus->flow.work.done += WORK_LOOKUP;
		stream_id_parse(argv[i], 0, &id);
		step = xnack_one(streams, group, id, &xnack);
		if (step == STREAM_COLD)
			return xwork_wait_cold(bus, s, streams, work, i);
		if (step == STREAM_ERROR)
			return keyspace_refuse_error(bus, s);
		work->n += step == STREAM_ENTRY;
	}
	if (work->n > 0)
		blocked_wake_claims(streams, group->stream, group->no);
	keyspace_hold(bus, streams, group->stream);
	reply_integer(bus, s, work->n);
	keyspace_release(bus);
	return COMMAND_DONE;
}

enum command_result
cmd_xnack(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return xwork_run(bus, s, argv, argc, xnack_run);
}
