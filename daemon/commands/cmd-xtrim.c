/* XLEN, XTRIM and XSETID. */
#include "handlers.h"
#include "trim.h"

enum command_result
cmd_xlen(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct streams *streams = keyspace_open(bus, s, argv[1], KEYSPACE_SEE);
	const struct stream *stream;

	if (!streams)
		return COMMAND_DONE;
	stream = keyspace_find(bus, streams, argv[1]);
	keyspace_hold(bus, streams, stream);
	reply_integer(bus, s, stream ? stream->length : 0);
	keyspace_release(bus);
	return COMMAND_DONE;
}

/* Parses the arguments of XTRIM. Returns false after an error reply. */
static bool
xtrim_require_options(struct bus *bus, struct session *s, const struct streams *streams, const struct slice *argv,
                      size_t argc, struct trim_options *options)
{
	size_t at = 2;

	while (at < argc) {
		enum trim_taken taken = trim_take(bus, s, argv, argc, &at, options);

		if (taken == TRIM_OTHER)
			reply_error(bus, s, "ERR syntax error");
		if (taken != TRIM_TAKEN)
			return false;
	}
	if (!options->is_given && options->trim.limit == 0) {
		reply_error(bus, s, "ERR syntax error, XTRIM must be called with a trimming strategy");
		return false;
	}
	return trim_require_valid(bus, s, streams, options);
}

enum command_result
cmd_xtrim(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct streams *streams = keyspace_open(bus, s, argv[1], KEYSPACE_MANAGE);
	struct trim_progress progress = trim_resume(bus);
	struct trim_options options = { 0 };
	enum stream_step step = STREAM_END;
	struct stream *stream;

	if (!streams || !xtrim_require_options(bus, s, streams, argv, argc, &options))
		return COMMAND_DONE;
	if (keyspace_must_wait(bus, s, streams))
		return COMMAND_WAIT;
	stream = keyspace_find(bus, streams, argv[1]);
	if (stream)
		step = trim_run(streams, stream, &options, &progress);
	if (step == STREAM_ERROR)
		return keyspace_refuse_error(bus, s);
	if (step == STREAM_COLD && progress.removed == 0 && progress.at.ms == 0 && progress.at.seq == 0)
		return keyspace_wait_cold(bus, s, streams, 0);
	if (step != STREAM_END && !trim_pause(bus, &progress, 1)) {
		reply_error(bus, s, "ERR out of memory");
		return COMMAND_DONE;
	}
	if (step == STREAM_MORE)
		return COMMAND_MORE;
	if (step == STREAM_COLD)
		return keyspace_wait_cold(bus, s, streams, 1);
	keyspace_hold(bus, streams, stream);
	reply_integer(bus, s, progress.removed);
	keyspace_release(bus);
	return COMMAND_DONE;
}

/* The arguments of XSETID. */
struct xsetid {
	struct stream_id last, max_deleted;
	int64_t added; /* -1: not given */
};

static bool
xsetid_require_options(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, struct xsetid *xsetid)
{
	if (!keyspace_require_id(bus, s, argv[2], 0, &xsetid->last))
		return false;
	for (size_t i = 3; i < argc; i += 2) {
		const char *mistake = NULL;

		if (i + 1 < argc && slice_is_word(argv[i], "ENTRIESADDED")) {
			if (!keyspace_require_integer(bus, s, argv[i + 1], &xsetid->added))
				return false;
			if (xsetid->added < 0)
				mistake = "ERR entries_added must be positive";
		} else if (i + 1 < argc && slice_is_word(argv[i], "MAXDELETEDID")) {
			if (!keyspace_require_id(bus, s, argv[i + 1], 0, &xsetid->max_deleted))
				return false;
			if (stream_id_cmp(xsetid->last, xsetid->max_deleted) < 0)
				mistake = "ERR The ID specified in XSETID is smaller than the provided "
					  "max_deleted_entry_id";
		} else {
			mistake = "ERR syntax error";
		}
		if (mistake) {
			reply_error(bus, s, "%s", mistake);
			return false;
		}
	}
	return true;
}

/* Whether the stream may get these figures. Returns STREAM_END, after an error reply if *ret_mistake was set. */
static enum stream_step
xsetid_check(struct streams *streams, struct stream *stream, const struct xsetid *xsetid, const char **ret_mistake)
{
	struct stream_cursor cursor;
	struct stream_entry entry;
	enum stream_step step;

	if (stream_id_cmp(xsetid->last, stream->max_deleted) < 0) {
		*ret_mistake = "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id";
		return STREAM_END;
	}
	if (stream->length == 0)
		return STREAM_END;
	if (stream_id_cmp(xsetid->last, stream->last) < 0) { /* the last id may belong to an entry that is gone */
		stream_seek(&cursor, stream, STREAM_ID_MIN, STREAM_ID_MAX, true);
		step = stream_step(streams, &cursor, &entry);
		if (step != STREAM_ENTRY)
			return step;
		if (stream_id_cmp(xsetid->last, entry.id) < 0) {
			*ret_mistake = "ERR The ID specified in XSETID is smaller than the target stream top item";
			return STREAM_END;
		}
	}
	if (xsetid->added != -1 && stream->length > (uint64_t)xsetid->added)
		*ret_mistake = "ERR The entries_added specified in XSETID is smaller than the target stream length";
	return STREAM_END;
}

enum command_result
cmd_xsetid(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct streams *streams = keyspace_open(bus, s, argv[1], KEYSPACE_MANAGE);
	struct xsetid xsetid = { .added = -1 };
	const char *mistake = NULL;
	struct stream *stream;
	enum stream_step step;

	if (!streams || !xsetid_require_options(bus, s, argv, argc, &xsetid))
		return COMMAND_DONE;
	if (keyspace_must_wait(bus, s, streams))
		return COMMAND_WAIT;
	stream = keyspace_find(bus, streams, argv[1]);
	if (!stream) {
		reply_error(bus, s, "ERR no such key");
		return COMMAND_DONE;
	}
	step = xsetid_check(streams, stream, &xsetid, &mistake);
	if (step == STREAM_COLD)
		return keyspace_wait_cold(bus, s, streams, 0);
	if (step == STREAM_ERROR)
		return keyspace_refuse_error(bus, s);
	if (mistake) {
		reply_error(bus, s, "%s", mistake);
		return COMMAND_DONE;
	}
	stream_set_last(streams, stream, xsetid.last);
	if (xsetid.added != -1)
		stream->added = (uint64_t)xsetid.added;
	if (xsetid.max_deleted.ms > 0 || xsetid.max_deleted.seq > 0)
		stream->max_deleted = xsetid.max_deleted;
	stream_touch(streams, stream);
	keyspace_hold(bus, streams, stream);
	reply_status(bus, s, "OK");
	keyspace_release(bus);
	return COMMAND_DONE;
}
