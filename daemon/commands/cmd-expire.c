/* EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT, TTL, PTTL, EXPIRETIME, PEXPIRETIME and PERSIST. */
#include "handlers.h"
#include "keyspace.h"

/* The conditions that EXPIRE takes. */
struct expire {
	bool nx, xx, gt, lt;
};

static bool
expire_require_options(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, struct expire *expire)
{
	for (size_t i = 3; i < argc; i++) {
		if (slice_is_word(argv[i], "NX")) {
			expire->nx = true;
		} else if (slice_is_word(argv[i], "XX")) {
			expire->xx = true;
		} else if (slice_is_word(argv[i], "GT")) {
			expire->gt = true;
		} else if (slice_is_word(argv[i], "LT")) {
			expire->lt = true;
		} else {
			reply_error(bus, s, "ERR Unsupported option %.*s", argv[i].len < 900 ? (int)argv[i].len : 900,
			            (const char *)argv[i].p);
			return false;
		}
	}
	if (expire->nx && (expire->xx || expire->gt || expire->lt)) {
		reply_error(bus, s, "ERR NX and XX, GT or LT options at the same time are not compatible");
		return false;
	}
	if (expire->gt && expire->lt) {
		reply_error(bus, s, "ERR GT and LT options at the same time are not compatible");
		return false;
	}
	return true;
}

/* Whether the conditions hold for a new time; old 0: none is set, which counts as never. */
static bool
expire_is_wanted(const struct expire *expire, uint64_t old, int64_t new_ms)
{
	if (expire->nx && old != 0)
		return false;
	if (expire->xx && old == 0)
		return false;
	if (expire->gt && (old == 0 || new_ms <= (int64_t)old))
		return false;
	return !(expire->lt && old != 0 && new_ms >= (int64_t)old);
}

/* command: its name, for errors. */
static enum command_result
expire_run(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, bool is_absolute, int64_t unit,
           const char *command)
{
	struct streams *streams = keyspace_open(bus, s, argv[1], KEYSPACE_MANAGE);
	struct expire expire = { 0 };
	struct stream *stream;
	int64_t when, now;
	bool is_wanted;

	if (!streams || !expire_require_options(bus, s, argv, argc, &expire) ||
	    !keyspace_require_integer(bus, s, argv[2], &when))
		return COMMAND_DONE;
	now = (int64_t)streams_now_ms(streams);
	if (__builtin_mul_overflow(when, unit, &when) || (!is_absolute && __builtin_add_overflow(when, now, &when))) {
		reply_error(bus, s, "ERR invalid expire time in '%s' command", command);
		return COMMAND_DONE;
	}
	if (keyspace_must_wait(bus, s, streams))
		return COMMAND_WAIT;
	stream = keyspace_find(bus, streams, argv[1]);
	is_wanted = stream && expire_is_wanted(&expire, stream->expires_ms, when);
	if (is_wanted && when <= now) {
		streams_delete(streams, stream);
		stream = NULL;
	} else if (is_wanted && streams_expire(streams, stream, (uint64_t)when) < 0) {
		reply_error(bus, s, "ERR out of memory");
		return COMMAND_DONE;
	}
	keyspace_hold(bus, streams, stream);
	reply_integer(bus, s, is_wanted);
	keyspace_release(bus);
	return COMMAND_DONE;
}

enum command_result
cmd_expire(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return expire_run(bus, s, argv, argc, false, 1000, "expire");
}

enum command_result
cmd_pexpire(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return expire_run(bus, s, argv, argc, false, 1, "pexpire");
}

enum command_result
cmd_expireat(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return expire_run(bus, s, argv, argc, true, 1000, "expireat");
}

enum command_result
cmd_pexpireat(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return expire_run(bus, s, argv, argc, true, 1, "pexpireat");
}

/* Replies when the stream expires, or in how long: -1: never, -2: there is none. */
static enum command_result
expire_reply_time(struct bus *bus, struct session *s, struct slice key, bool is_absolute, int64_t unit)
{
	struct streams *streams = keyspace_open(bus, s, key, KEYSPACE_SEE);
	const struct stream *stream;
	int64_t ms;

	if (!streams)
		return COMMAND_DONE;
	stream = keyspace_find(bus, streams, key);
	keyspace_hold(bus, streams, stream);
	if (!stream || stream->expires_ms == 0) {
		reply_integer_signed(bus, s, stream ? -1 : -2);
	} else {
		ms = (int64_t)stream->expires_ms - (is_absolute ? 0 : (int64_t)streams_now_ms(streams));
		if (ms < 0)
			ms = 0;
		reply_integer(bus, s, (uint64_t)(unit == 1 ? ms : (ms + unit / 2) / unit));
	}
	keyspace_release(bus);
	return COMMAND_DONE;
}

enum command_result
cmd_ttl(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return expire_reply_time(bus, s, argv[1], false, 1000);
}

enum command_result
cmd_pttl(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return expire_reply_time(bus, s, argv[1], false, 1);
}

enum command_result
cmd_expiretime(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return expire_reply_time(bus, s, argv[1], true, 1000);
}

enum command_result
cmd_pexpiretime(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return expire_reply_time(bus, s, argv[1], true, 1);
}

enum command_result
cmd_persist(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct streams *streams = keyspace_open(bus, s, argv[1], KEYSPACE_MANAGE);
	struct stream *stream;
	bool had_time;

	if (!streams)
		return COMMAND_DONE;
	if (keyspace_must_wait(bus, s, streams))
		return COMMAND_WAIT;
	stream = keyspace_find(bus, streams, argv[1]);
	had_time = stream && stream->expires_ms != 0;
	if (had_time)
		streams_expire(streams, stream, 0);
	keyspace_hold(bus, streams, stream);
	reply_integer(bus, s, had_time);
	keyspace_release(bus);
	return COMMAND_DONE;
}
