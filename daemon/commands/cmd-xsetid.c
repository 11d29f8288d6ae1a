/* XLEN, XSETID and XCFGSET. */
#include "group-lag.h"
#include "handlers.h"
#include "keyspace.h"
#include "producers.h"

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
	stream = keyspace_require_stream(bus, s, streams, argv[1]);
	if (!stream)
		return COMMAND_DONE;
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
	group_lag_limit(streams, stream);
	if (xsetid.max_deleted.ms > 0 || xsetid.max_deleted.seq > 0)
		stream->max_deleted = xsetid.max_deleted;
	stream_touch(streams, stream);
	keyspace_hold(bus, streams, stream);
	reply_status(bus, s, "OK");
	keyspace_release(bus);
	return COMMAND_DONE;
}

/* A value of XCFGSET. */
static bool
xcfgset_require_value(struct bus *bus, struct session *s, struct slice text, const char *name, const char *unit,
                      int64_t max, uint32_t *ret_value)
{
	int64_t value;

	if (!keyspace_require_integer(bus, s, text, &value))
		return false;
	if (value < 1 || value > max) {
		reply_error(bus, s, "ERR %s must be between 1 and %lld %s", name, (long long)max, unit);
		return false;
	}
	*ret_value = (uint32_t)value;
	return true;
}

enum command_result
cmd_xcfgset(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct streams *streams = keyspace_open(bus, s, argv[1], KEYSPACE_MANAGE);
	uint32_t duration_s = 0, size = 0;
	struct stream *stream;

	if (!streams)
		return COMMAND_DONE;
	if (argc == 2) {
		reply_error(bus, s, "ERR At least one parameter (IDMP-DURATION or IDMP-MAXSIZE) is required");
		return COMMAND_DONE;
	}
	for (size_t i = 2; i < argc; i += 2) {
		bool is_duration = slice_is_word(argv[i], "IDMP-DURATION");

		if (i + 1 == argc || (!is_duration && !slice_is_word(argv[i], "IDMP-MAXSIZE"))) {
			reply_error(bus, s, "ERR syntax error");
			return COMMAND_DONE;
		}
		if (is_duration ? !xcfgset_require_value(bus, s, argv[i + 1], "IDMP-DURATION", "seconds",
		                                         PRODUCERS_DURATION_MAX, &duration_s)
		                : !xcfgset_require_value(bus, s, argv[i + 1], "IDMP-MAXSIZE", "entries",
		                                         PRODUCERS_SIZE_MAX, &size))
			return COMMAND_DONE;
	}
	if (keyspace_must_wait(bus, s, streams))
		return COMMAND_WAIT;
	stream = keyspace_require_stream(bus, s, streams, argv[1]);
	if (!stream)
		return COMMAND_DONE;
	if (producers_configure(streams, stream, duration_s, size) < 0) {
		reply_error(bus, s, "ERR out of memory");
		return COMMAND_DONE;
	}
	keyspace_hold(bus, streams, stream);
	reply_status(bus, s, "OK");
	keyspace_release(bus);
	return COMMAND_DONE;
}
