/* XINFO: what there is to know of a stream, its groups and their consumers. */
#include "group-lag.h"
#include "handlers.h"
#include "producers.h"
#include "stream-index.h"
#include "xgroup.h"
#include "xwork.h"

/* FULL shows so many entries of each list unless COUNT says otherwise. */
#define XINFO_COUNT 10

/* Work after which FULL is refused, as it is one look at everything, and GROUPS counts no more lags. */
#define XINFO_WORK ((uint64_t)6 * 1000 * 1000)
/* For so many groups blocks are read from disk, so that their lag is exact. */
#define XINFO_LOADED 4

static enum command_result
xinfo_send(struct bus *bus, struct streams *streams, const struct stream *stream, struct answer *answer)
{
	if (answer_is_too_long(answer)) {
		struct session *s = answer->s;

		answer_drop(answer);
		reply_error(bus, s, "ERR the answer is over queue_limit, %llu bytes",
		            (unsigned long long)bus->flow.limits.queue_limit);
		return COMMAND_DONE;
	}
	keyspace_hold(bus, streams, stream);
	answer_send(answer);
	keyspace_release(bus);
	return COMMAND_DONE;
}

static void
xinfo_put_number(struct answer *answer, const char *name, uint64_t value)
{
	answer_text(answer, name);
	answer_integer(answer, (int64_t)value);
}

static void
xinfo_put_id(struct answer *answer, const char *name, struct stream_id id)
{
	answer_text(answer, name);
	answer_id(answer, id);
}

/* What both forms of XINFO STREAM begin with, in a map with `more` others. Blocks take the place of the nodes of
 * Redis's tree. */
static void
xinfo_put_stream(struct answer *answer, const struct stream *stream, size_t more)
{
	struct producers_figures figures;
	bool has_producers = producers_get_figures(stream, &figures);

	answer_map(answer, 7 + (has_producers ? 6 : 0) + more);
	xinfo_put_number(answer, "length", stream->length);
	xinfo_put_number(answer, "radix-tree-keys", stream->n_blocks);
	xinfo_put_number(answer, "radix-tree-nodes", stream->n_blocks + 1);
	xinfo_put_id(answer, "last-generated-id", stream->last);
	xinfo_put_id(answer, "max-deleted-entry-id", stream->max_deleted);
	xinfo_put_number(answer, "entries-added", stream->added);
	xinfo_put_id(answer, "recorded-first-entry-id", stream_first_id(stream));
	if (!has_producers)
		return;
	xinfo_put_number(answer, "idmp-duration", figures.duration_s);
	xinfo_put_number(answer, "idmp-maxsize", figures.size);
	xinfo_put_number(answer, "pids-tracked", figures.producers);
	xinfo_put_number(answer, "iids-tracked", figures.iids);
	xinfo_put_number(answer, "iids-added", figures.added);
	xinfo_put_number(answer, "iids-duplicates", figures.duplicates);
}

/* The first or the last entry, or null. */
static enum stream_step
xinfo_put_edge(struct answer *answer, struct streams *streams, struct stream *stream, const char *name, bool is_last)
{
	struct stream_cursor cursor;
	struct stream_entry entry;
	enum stream_step step;

	answer_text(answer, name);
	stream_seek(&cursor, stream, STREAM_ID_MIN, STREAM_ID_MAX, is_last);
	step = stream_step(streams, &cursor, &entry);
	if (step == STREAM_ENTRY)
		answer_entry(answer, &entry);
	else if (step == STREAM_END)
		answer_null(answer);
	return step;
}

static enum command_result
xinfo_refuse(struct bus *bus, struct session *s, struct streams *streams, struct answer *answer, enum stream_step step)
{
	answer_drop(answer);
	return step == STREAM_COLD ? keyspace_wait_cold(bus, s, streams, 0) : keyspace_refuse_error(bus, s);
}

/* Whether FULL is refused. begin: work.done when it began. */
static bool
xinfo_is_too_much(const struct answer *answer, uint64_t begin)
{
	return answer_is_too_long(answer) || answer->bus->flow.work.done - begin > XINFO_WORK;
}

static enum command_result
xinfo_stream(struct bus *bus, struct session *s, struct streams *streams, struct stream *stream)
{
	struct answer answer;
	enum stream_step step;

	answer_begin(&answer, bus, s);
	xinfo_put_stream(&answer, stream, 3);
	xinfo_put_number(&answer, "groups", stream->n_groups);
	step = xinfo_put_edge(&answer, streams, stream, "first-entry", false);
	if (step == STREAM_ENTRY || step == STREAM_END)
		step = xinfo_put_edge(&answer, streams, stream, "last-entry", true);
	if (step == STREAM_COLD || step == STREAM_ERROR)
		return xinfo_refuse(bus, s, streams, &answer, step);
	return xinfo_send(bus, streams, stream, &answer);
}

/* entries-read and lag. begin: work.done when the command began. */
static void
xinfo_put_read(struct answer *answer, struct streams *streams, const struct stream_group *group, uint64_t begin)
{
	int64_t lag;

	answer_text(answer, "entries-read");
	if (group->entries_read == GROUP_READ_UNKNOWN)
		answer_null(answer);
	else
		answer_integer(answer, (int64_t)group->entries_read);
	answer_text(answer, "lag");
	if (group_lag_get(group, &lag))
		answer_integer(answer, lag);
	else if (xinfo_is_too_much(answer, begin))
		answer_null(answer);
	else /* Redis does not know it */
		answer_integer(answer, (int64_t)stream_count_about_after(streams, group->stream, group->last));
}

/* The first pending entries of a group (consumer NULL) or of one consumer. */
static void
xinfo_put_pending(struct answer *answer, const struct stream_group *group, const struct stream_consumer *consumer,
                  uint64_t count)
{
	uint64_t left = consumer ? consumer->n_pending : group->pending.n_entries, n = left < count ? left : count;
	struct pending_walk walk = { 0 };
	const struct stream_pending *pending;

	answer_text(answer, "pending");
	answer_array(answer, n);
	while (n > 0 && (pending = pending_walk(&group->pending, &walk))) {
		answer->bus->flow.work.done += WORK_VISIT / 2;
		if (consumer && pending->consumer != consumer)
			continue;
		n--;
		answer_array(answer, consumer ? 3 : 4);
		answer_id(answer, pending->id);
		if (!consumer)
			answer_bulk(answer, pending->consumer
			                        ? (struct slice){ pending->consumer->name, pending->consumer->name_len }
			                        : (struct slice){ NULL, 0 });
		answer_integer(answer, (int64_t)pending->delivered_ms);
		answer_integer(answer, (int64_t)pending->deliveries);
	}
}

static void
xinfo_put_group(struct answer *answer, struct streams *streams, const struct stream_group *group, uint64_t count,
                uint64_t begin)
{
	answer_map(answer, 7);
	answer_text(answer, "name");
	answer_bulk(answer, (struct slice){ group->name, group->name_len });
	xinfo_put_id(answer, "last-delivered-id", group->last);
	xinfo_put_read(answer, streams, group, begin);
	xinfo_put_number(answer, "pel-count", group->pending.n_entries);
	xinfo_put_pending(answer, group, NULL, count);
	answer_text(answer, "consumers");
	answer_array(answer, group->n_consumers);
	for (size_t i = 0; i < group->n_consumers && !xinfo_is_too_much(answer, begin); i++) {
		const struct stream_consumer *consumer = group->consumers[i];

		answer_map(answer, 5);
		answer_text(answer, "name");
		answer_bulk(answer, (struct slice){ consumer->name, consumer->name_len });
		xinfo_put_number(answer, "seen-time", consumer->seen_ms);
		answer_text(answer, "active-time");
		answer_integer(answer, consumer->active_ms > 0 ? (int64_t)consumer->active_ms : -1);
		xinfo_put_number(answer, "pel-count", consumer->n_pending);
		xinfo_put_pending(answer, group, consumer, count);
	}
}

/* The entries of FULL. Returns END when they are all in the answer, or why it cannot go on. */
static enum stream_step
xinfo_put_entries(struct xwork *work, struct streams *streams, struct stream *stream, uint64_t count, uint64_t begin)
{
	enum stream_step step = STREAM_ENTRY;
	struct stream_cursor cursor;
	struct stream_entry entry;

	stream_seek(&cursor, stream, work->at, STREAM_ID_MAX, false);
	while (work->n < count && !xinfo_is_too_much(&work->answer, begin) &&
	       (step = stream_step(streams, &cursor, &entry)) == STREAM_ENTRY) {
		work->at = entry.id;
		work->n++;
		answer_entry(&work->answer, &entry);
		if (!stream_id_next(&work->at))
			break;
	}
	return step == STREAM_ENTRY ? STREAM_END : step;
}

static enum command_result
xinfo_full(struct bus *bus, struct session *s, struct streams *streams, struct stream *stream, uint64_t count,
           struct xwork *work, size_t next)
{
	uint64_t begin = bus->flow.work.done;
	struct answer *answer = &work->answer;
	struct stream_group *group;
	enum stream_step step;

	if (next == 0) {
		answer_begin(answer, bus, s);
		work->has_answer = true;
		xinfo_put_stream(answer, stream, 2);
		answer_text(answer, "entries");
		work->list = answer_open(answer);
	}
	step = xinfo_put_entries(work, streams, stream, count, begin);
	if (step == STREAM_COLD)
		return xwork_wait_cold(bus, s, streams, work, 1);
	if (step == STREAM_ERROR)
		return keyspace_refuse_error(bus, s);
	answer_close_array(answer, work->list, work->n);
	answer_text(answer, "groups");
	answer_array(answer, stream->n_groups);
	TAILQ_FOREACH(group, &stream->groups, link)
		if (!xinfo_is_too_much(answer, begin))
			xinfo_put_group(answer, streams, group, count, begin);
	if (xinfo_is_too_much(answer, begin)) {
		reply_error(bus, s, "ERR the answer is too long; use COUNT, or XRANGE, XINFO GROUPS and XPENDING");
		return COMMAND_DONE;
	}
	return xwork_send(bus, streams, stream, work);
}

static enum command_result
xinfo_stream_run(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, struct xwork *work,
                 size_t next)
{
	struct streams *streams = keyspace_open(bus, s, argv[2], KEYSPACE_READ);
	struct stream *stream = streams ? keyspace_require_stream(bus, s, streams, argv[2]) : NULL;
	int64_t count = XINFO_COUNT;

	if (!stream)
		return COMMAND_DONE;
	if (argc == 3)
		return xinfo_stream(bus, s, streams, stream);
	if (!slice_is_word(argv[3], "FULL") || (argc != 4 && argc != 6) ||
	    (argc == 6 && !slice_is_word(argv[4], "COUNT"))) {
		reply_error(bus, s, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try XINFO HELP.",
		            COMMAND_SHOWN(argv[1]));
		return COMMAND_DONE;
	}
	if (argc == 6 && !keyspace_require_integer(bus, s, argv[5], &count))
		return COMMAND_DONE;
	if (count < 0)
		count = XINFO_COUNT;
	return xinfo_full(bus, s, streams, stream, count > 0 ? (uint64_t)count : UINT64_MAX, work, next);
}

enum command_result
cmd_xinfo_stream(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return xwork_run(bus, s, argv, argc, xinfo_stream_run);
}

/* What has to be read for the lags of groups, unless those are many. Returns COLD, or END. */
static enum stream_step
xinfo_load(struct bus *bus, struct session *s, struct streams *streams, struct stream *stream)
{
	struct stream_group *group;
	size_t n = 0, i;
	int64_t lag;

	bus->flow.work.done += 2 * stream->n_groups * WORK_VISIT;
	TAILQ_FOREACH(group, &stream->groups, link)
		n += !group_lag_get(group, &lag);
	if (n == 0 || n > XINFO_LOADED || bus->flow.executing == &s->client)
		return STREAM_END;
	TAILQ_FOREACH(group, &stream->groups, link) {
		i = group_lag_get(group, &lag) ? 0 : stream_index_search(stream, group->last);
		if (i > 0 && stream_open_block(streams, stream, i - 1, i - 1) == STREAM_COLD)
			return STREAM_COLD;
	}
	return STREAM_END;
}

enum command_result
cmd_xinfo_groups(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct streams *streams = keyspace_open(bus, s, argv[2], KEYSPACE_READ);
	struct stream *stream = streams ? keyspace_require_stream(bus, s, streams, argv[2]) : NULL;
	uint64_t begin = bus->flow.work.done;
	struct stream_group *group;
	struct answer answer;

	if (!stream)
		return COMMAND_DONE;
	if (xinfo_load(bus, s, streams, stream) == STREAM_COLD)
		return keyspace_wait_cold(bus, s, streams, 0);
	answer_begin(&answer, bus, s);
	answer_array(&answer, stream->n_groups);
	TAILQ_FOREACH(group, &stream->groups, link) {
		answer_map(&answer, 6);
		answer_text(&answer, "name");
		answer_bulk(&answer, (struct slice){ group->name, group->name_len });
		xinfo_put_number(&answer, "consumers", group->n_consumers);
		xinfo_put_number(&answer, "pending", group->pending.n_entries);
		xinfo_put_id(&answer, "last-delivered-id", group->last);
		xinfo_put_read(&answer, streams, group, begin);
	}
	return xinfo_send(bus, streams, stream, &answer);
}

enum command_result
cmd_xinfo_consumers(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct streams *streams = keyspace_open(bus, s, argv[2], KEYSPACE_READ);
	struct stream *stream = streams ? keyspace_require_stream(bus, s, streams, argv[2]) : NULL;
	struct stream_group *group = stream ? group_find(stream, argv[3]) : NULL;
	struct answer answer;

	if (!stream)
		return COMMAND_DONE;
	if (!group) {
		keyspace_hold(bus, streams, stream);
		reply_error(bus, s, "NOGROUP No such consumer group '%.*s' for key name '%.*s'", COMMAND_SHOWN(argv[3]),
		            COMMAND_SHOWN(argv[2]));
		keyspace_release(bus);
		return COMMAND_DONE;
	}
	answer_begin(&answer, bus, s);
	answer_array(&answer, group->n_consumers);
	for (size_t i = 0; i < group->n_consumers; i++) {
		const struct stream_consumer *consumer = group->consumers[i];
		uint64_t now_ms = streams_now_ms(streams);

		answer_map(&answer, 4);
		answer_text(&answer, "name");
		answer_bulk(&answer, (struct slice){ consumer->name, consumer->name_len });
		xinfo_put_number(&answer, "pending", consumer->n_pending);
		xinfo_put_number(&answer, "idle", now_ms > consumer->seen_ms ? now_ms - consumer->seen_ms : 0);
		answer_text(&answer, "inactive");
		answer_integer(&answer, consumer->active_ms == 0       ? -1
		                        : now_ms > consumer->active_ms ? (int64_t)(now_ms - consumer->active_ms)
		                                                       : 0);
	}
	return xinfo_send(bus, streams, stream, &answer);
}
