/* XGROUP: makes, moves and deletes groups and their consumers. */
#include "handlers.h"
#include "xgroup.h"
#include "xwork.h"

/* The options of CREATE and SETID. */
struct xgroup_options {
	bool makes_stream;     /* MKSTREAM */
	uint64_t entries_read; /* ENTRIESREAD, or GROUP_READ_UNKNOWN */
};

static enum command_result
xgroup_refuse_usage(struct bus *bus, struct session *s, struct slice subcommand)
{
	reply_error(bus, s, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try XGROUP HELP.",
	            COMMAND_SHOWN(subcommand));
	return COMMAND_DONE;
}

static bool
xgroup_require_options(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, bool is_create,
                       struct xgroup_options *ret_options)
{
	struct xgroup_options options = { .entries_read = GROUP_READ_UNKNOWN };
	int64_t read;

	for (size_t i = 5; i < argc; i++) {
		if (is_create && slice_is_word(argv[i], "MKSTREAM")) {
			options.makes_stream = true;
		} else if (slice_is_word(argv[i], "ENTRIESREAD") && i + 1 < argc) {
			if (!keyspace_require_integer(bus, s, argv[++i], &read))
				return false;
			if (read < -1) {
				reply_error(bus, s, "ERR value for ENTRIESREAD must be positive or -1");
				return false;
			}
			options.entries_read = (uint64_t)read; /* -1 is GROUP_READ_UNKNOWN */
		} else {
			xgroup_refuse_usage(bus, s, argv[1]);
			return false;
		}
	}
	*ret_options = options;
	return true;
}

/* The stream; NULL after an error reply. */
static struct stream *
xgroup_require_stream(struct bus *bus, struct session *s, struct streams *streams, struct slice key)
{
	struct stream *stream = streams_find(streams, key);

	keyspace_hold(bus, streams, NULL);
	if (!stream)
		reply_error(bus, s,
		            "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to "
		            "use the MKSTREAM option to create an empty stream automatically.");
	keyspace_release(bus);
	return stream;
}

/* The group of a stream that must exist; NULL after an error reply. */
static struct stream_group *
xgroup_require_group(struct bus *bus, struct session *s, struct streams *streams, struct slice key, struct slice name)
{
	struct stream *stream = xgroup_require_stream(bus, s, streams, key);
	struct stream_group *group = stream ? group_find(stream, name) : NULL;

	bus->flow.work.done += 2 * WORK_LOOKUP;
	keyspace_hold(bus, streams, stream);
	if (stream && !group)
		reply_error(bus, s, "NOGROUP No such consumer group '%.*s' for key name '%.*s'", COMMAND_SHOWN(name),
		            COMMAND_SHOWN(key));
	keyspace_release(bus);
	return group;
}

/* The id that a group is set to. */
static bool
xgroup_require_id(struct bus *bus, struct session *s, const struct stream *stream, struct slice text,
                  struct stream_id *ret_id)
{
	if (text.len != 1 || text.p[0] != '$')
		return keyspace_require_id(bus, s, text, 0, ret_id);
	*ret_id = stream ? stream->last : STREAM_ID_MIN;
	return true;
}

static void
xgroup_reply_changed(struct bus *bus, struct session *s, struct streams *streams, const struct stream *stream,
                     int64_t value)
{
	keyspace_hold(bus, streams, stream);
	if (value < 0)
		reply_status(bus, s, "OK");
	else
		reply_integer(bus, s, (uint64_t)value);
	keyspace_release(bus);
}

/*
 * Whether one group more may be made; otherwise replies an error. A group of a stream that there is needs no more room
 * than a consumer: a queue that is full may not have had a worker yet.
 */
static bool
xgroup_require_new(struct bus *bus, struct session *s, struct streams *streams, const struct stream *stream,
                   struct slice name)
{
	if (name.len > PROTOCOL_NAME_MAX)
		reply_error(bus, s, "ERR the name of the group is too long, %zu bytes; the limit is %zu", name.len,
		            PROTOCOL_NAME_MAX);
	else if (stream && stream->n_groups >= GROUP_MAX)
		reply_error(bus, s, "ERR too many groups; a stream has at most %d", GROUP_MAX);
	else if (stream && storage_state(streams->storage) <= STORAGE_SCARCE)
		return xgroup_require_room(bus, s, streams, stream);
	else
		return keyspace_require_room(bus, s, streams, stream);
	return false;
}

static void
xgroup_create(struct bus *bus, struct session *s, struct streams *streams, const struct slice *argv,
              const struct xgroup_options *options)
{
	struct stream *stream = streams_find(streams, argv[2]);
	struct stream_id id;

	bus->flow.work.done += 2 * WORK_LOOKUP;
	if (!stream && !options->makes_stream) {
		xgroup_require_stream(bus, s, streams, argv[2]);
		return;
	}
	if (!xgroup_require_id(bus, s, stream, argv[4], &id))
		return;
	if (stream && group_find(stream, argv[3])) {
		keyspace_hold(bus, streams, stream);
		reply_error(bus, s, "BUSYGROUP Consumer Group name already exists");
		keyspace_release(bus);
		return;
	}
	if (!xgroup_require_new(bus, s, streams, stream, argv[3]))
		return;
	if (!stream && (!keyspace_require_key(bus, s, argv[2], KEYSPACE_ADD) ||
	                !(stream = keyspace_get(bus, s, streams, argv[2]))))
		return;
	if (!group_new(streams, stream, argv[3], id, options->entries_read)) {
		reply_error(bus, s, "ERR out of memory, the group was not made");
		return;
	}
	xgroup_reply_changed(bus, s, streams, stream, -1);
}

enum command_result
cmd_xgroup_create(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct streams *streams = keyspace_open(bus, s, argv[2], KEYSPACE_READ);
	struct xgroup_options options;

	if (!streams || !xgroup_require_options(bus, s, argv, argc, true, &options))
		return COMMAND_DONE;
	if (keyspace_must_wait(bus, s, streams))
		return COMMAND_WAIT;
	if (argc > 8)
		return xgroup_refuse_usage(bus, s, argv[1]);
	xgroup_create(bus, s, streams, argv, &options);
	return COMMAND_DONE;
}

enum command_result
cmd_xgroup_setid(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct streams *streams = keyspace_open(bus, s, argv[2], KEYSPACE_READ);
	struct xgroup_options options;
	struct stream_group *group;
	struct stream_id id;

	if (!streams || !xgroup_require_options(bus, s, argv, argc, false, &options))
		return COMMAND_DONE;
	if (keyspace_must_wait(bus, s, streams))
		return COMMAND_WAIT;
	group = xgroup_require_group(bus, s, streams, argv[2], argv[3]);
	if (!group)
		return COMMAND_DONE;
	if (argc != 5 && argc != 7)
		return xgroup_refuse_usage(bus, s, argv[1]);
	if (argv[4].len == 1 && (argv[4].p[0] == '-' || argv[4].p[0] == '+'))
		id = argv[4].p[0] == '-' ? STREAM_ID_MIN : STREAM_ID_MAX; /* as in Redis, unlike in CREATE */
	else if (!xgroup_require_id(bus, s, group->stream, argv[4], &id))
		return COMMAND_DONE;
	group_set_last(streams, group, id, options.entries_read);
	xgroup_wake(streams, group);
	xgroup_reply_changed(bus, s, streams, group->stream, -1);
	return COMMAND_DONE;
}

enum command_result
cmd_xgroup_destroy(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct streams *streams = keyspace_open(bus, s, argv[2], KEYSPACE_READ);
	struct stream_group *group;
	struct stream *stream;

	if (!streams)
		return COMMAND_DONE;
	if (keyspace_must_wait(bus, s, streams))
		return COMMAND_WAIT;
	stream = xgroup_require_stream(bus, s, streams, argv[2]);
	if (!stream)
		return COMMAND_DONE;
	group = group_find(stream, argv[3]);
	if (group)
		group_delete(streams, stream, group);
	xgroup_reply_changed(bus, s, streams, stream, group != NULL);
	return COMMAND_DONE;
}

enum command_result
cmd_xgroup_createconsumer(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct streams *streams = keyspace_open(bus, s, argv[2], KEYSPACE_READ);
	struct stream_group *group;
	bool is_known;

	if (!streams)
		return COMMAND_DONE;
	if (keyspace_must_wait(bus, s, streams))
		return COMMAND_WAIT;
	group = xgroup_require_group(bus, s, streams, argv[2], argv[3]);
	if (!group)
		return COMMAND_DONE;
	is_known = group_find_consumer(group, argv[4]);
	if (xgroup_require_consumer(bus, s, streams, group, argv[4]))
		xgroup_reply_changed(bus, s, streams, group->stream, !is_known);
	return COMMAND_DONE;
}

/* Deletes what the consumer has, in as many turns as that takes, and then the consumer. */
static enum command_result
xgroup_delconsumer_run(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, struct xwork *work,
                       size_t next)
{
	struct streams *streams = keyspace_open(bus, s, argv[2], KEYSPACE_READ);
	const struct stream_pending *entry;
	struct stream_consumer *consumer;
	struct stream_group *group;
	uint64_t before;

	if (!streams)
		return COMMAND_DONE;
	if (next == 0 && keyspace_must_wait(bus, s, streams))
		return COMMAND_WAIT;
	group = xgroup_require_group(bus, s, streams, argv[2], argv[3]);
	if (!group)
		return COMMAND_DONE;
	before = group->pending.n_entries;
	consumer = group_find_consumer(group, argv[4]);
	while (consumer && consumer->n_pending > 0 && (entry = pending_next(&group->pending, work->at))) {
		if (xwork_must_pause(bus, s, work, 1)) {
			xgroup_wake_if_full(streams, group, before);
			return COMMAND_MORE;
		}
		work->at = entry->id;
		bus->flow.work.done += WORK_LOOKUP / 2;
		if (entry->consumer == consumer) {
			bus->flow.work.done += WORK_LOOKUP;
			work->n += group_acknowledge(streams, group, work->at);
		}
		if (!stream_id_next(&work->at))
			break;
	}
	if (consumer) {
		work->n += consumer->n_pending; /* what it was given meanwhile */
		group_delete_consumer(streams, group, consumer);
		xgroup_wake_if_full(streams, group, before);
	}
	xgroup_reply_changed(bus, s, streams, group->stream, (int64_t)work->n);
	return COMMAND_DONE;
}

enum command_result
cmd_xgroup_delconsumer(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return xwork_run(bus, s, argv, argc, xgroup_delconsumer_run);
}
