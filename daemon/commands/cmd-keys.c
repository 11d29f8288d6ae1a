/*
 * Commands about keys as such: DEL, UNLINK, EXISTS, TOUCH, TYPE, DBSIZE, RENAME, RENAMENX, RANDOMKEY, FLUSHALL,
 * FLUSHDB and WAITAOF. What has many keys goes on in turns, so others may see it half done; in EXEC they do not.
 */
#include <stdlib.h>

#include "handlers.h"
#include "job.h"
#include "keyspace.h"
#include "num.h"

/* What DEL or EXISTS does with one key; returns whether that counts. stream: or NULL. */
typedef bool keys_visit(struct streams *streams, struct stream *stream);

/* Counts keys for which visit() returns true, in turns: place.state is only the number so far. */
static enum command_result
keys_count(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, enum keyspace_right right,
           keys_visit *visit)
{
	struct streams *streams = keyspace_require_streams(bus, s);
	struct place *place = &sessions_of(bus)->place;
	size_t begin = place->next > 0 ? place->next : 1, n = (size_t)(uintptr_t)place->state;

	if (!streams)
		return COMMAND_DONE;
	if (right == KEYSPACE_MANAGE && keyspace_must_wait(bus, s, streams))
		return COMMAND_WAIT;
	for (size_t i = begin; i < argc; i++) {
		if (i > begin && job_must_pause(bus, s, i)) {
			place->state = (void *)(uintptr_t)n;
			return COMMAND_MORE;
		}
		if (right != KEYSPACE_MANAGE && !keyspace_require_key(bus, s, argv[i], right))
			return COMMAND_DONE;
		n += visit(streams, keyspace_find(bus, streams, argv[i]));
	}
	keyspace_hold(bus, streams, NULL);
	reply_integer(bus, s, n);
	keyspace_release(bus);
	return COMMAND_DONE;
}

static bool
keys_delete(struct streams *streams, struct stream *stream)
{
	if (stream)
		streams_delete(streams, stream);
	return stream;
}

static bool
keys_exists(struct streams *streams, struct stream *stream)
{
	return stream;
}

enum command_result
cmd_del(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return keys_count(bus, s, argv, argc, KEYSPACE_MANAGE, keys_delete);
}

enum command_result
cmd_exists(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return keys_count(bus, s, argv, argc, KEYSPACE_SEE, keys_exists);
}

enum command_result
cmd_type(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct streams *streams = keyspace_open(bus, s, argv[1], KEYSPACE_SEE);
	const struct stream *stream;

	if (!streams)
		return COMMAND_DONE;
	stream = keyspace_find(bus, streams, argv[1]);
	keyspace_hold(bus, streams, stream);
	reply_status(bus, s, stream ? "stream" : "none");
	keyspace_release(bus);
	return COMMAND_DONE;
}

enum command_result
cmd_dbsize(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct streams *streams = keyspace_require_streams(bus, s);

	if (!streams)
		return COMMAND_DONE;
	keyspace_hold(bus, streams, NULL);
	reply_integer(bus, s, streams->table.n);
	keyspace_release(bus);
	return COMMAND_DONE;
}

static enum command_result
keys_rename(struct bus *bus, struct session *s, const struct slice *argv, bool replaces)
{
	struct streams *streams = keyspace_open(bus, s, argv[1], KEYSPACE_MANAGE);
	struct stream *stream, *other;
	bool is_renamed;

	if (!streams || !keyspace_require_key(bus, s, argv[2], KEYSPACE_MANAGE))
		return COMMAND_DONE;
	if (keyspace_must_wait(bus, s, streams))
		return COMMAND_WAIT;
	stream = keyspace_require_stream(bus, s, streams, argv[1]);
	if (!stream)
		return COMMAND_DONE;
	other = keyspace_find(bus, streams, argv[2]);
	is_renamed = replaces || !other;
	if (is_renamed && stream != other && streams_rename(streams, stream, argv[2]) < 0) {
		reply_error(bus, s, "ERR out of memory, the stream was not renamed");
		return COMMAND_DONE;
	}
	keyspace_hold(bus, streams, NULL);
	if (replaces)
		reply_status(bus, s, "OK");
	else
		reply_integer(bus, s, is_renamed);
	keyspace_release(bus);
	return COMMAND_DONE;
}

enum command_result
cmd_rename(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return keys_rename(bus, s, argv, true);
}

enum command_result
cmd_renamenx(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return keys_rename(bus, s, argv, false);
}

/* How many streams are looked up at once. */
#define KEYS_FOUND 64

/*
 * FLUSHALL and FLUSHDB. Streams that are made while it goes on stay: they have larger numbers. The place is the bucket,
 * counted from 1, and in place.state the largest number that there was, only a number.
 */
enum command_result
cmd_flush(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct streams *streams = keyspace_require_streams(bus, s);
	struct place *place = &sessions_of(bus)->place;
	struct streams_walk walk = { place->next > 0 ? place->next - 1 : 0 };
	struct stream *found[KEYS_FOUND];
	bool is_end = false;
	uint64_t last_no;

	if (!streams)
		return COMMAND_DONE;
	if (argc > 2 || (argc == 2 && !slice_is_word(argv[1], "ASYNC") && !slice_is_word(argv[1], "SYNC"))) {
		reply_error(bus, s, "ERR syntax error");
		return COMMAND_DONE;
	}
	if (keyspace_must_wait(bus, s, streams))
		return COMMAND_WAIT;
	last_no = place->next > 0 ? (uint64_t)(uintptr_t)place->state : streams->last_no;
	while (!is_end) {
		size_t n = streams_walk(streams, &walk, found, KEYS_FOUND, &is_end);

		bus->flow.work.done += (1 + n) * (uint64_t)WORK_LOOKUP;
		for (size_t i = 0; i < n; i++)
			if (found[i]->no <= last_no)
				streams_delete(streams, found[i]);
		if (!is_end && job_must_pause(bus, s, walk.bucket + 1)) {
			place->state = (void *)(uintptr_t)last_no;
			return COMMAND_MORE;
		}
	}
	keyspace_hold(bus, streams, NULL);
	reply_status(bus, s, "OK");
	keyspace_release(bus);
	return COMMAND_DONE;
}

/* An argument of WAITAOF that is a number of at least 0. */
static bool
keys_require_count(struct bus *bus, struct session *s, struct slice text, int64_t *ret_n)
{
	if (!keyspace_require_integer(bus, s, text, ret_n))
		return false;
	if (*ret_n >= 0)
		return true;
	reply_error(bus, s, "ERR value is out of range, must be positive");
	return false;
}

/* Every answer waits for the disk, so when this one leaves, all that the client has done is there. */
enum command_result
cmd_waitaof(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct streams *streams = sessions_of(bus)->streams;
	int64_t local, replicas, timeout;

	if (!keyspace_require_integer(bus, s, argv[1], &local))
		return COMMAND_DONE;
	if (local < 0 || local > 1) {
		reply_error(bus, s, "ERR value is out of range, value must between 0 and 1");
		return COMMAND_DONE;
	}
	if (!keys_require_count(bus, s, argv[2], &replicas))
		return COMMAND_DONE;
	if (num_parse_resp(argv[3].p, argv[3].len, &timeout) != 0) {
		reply_error(bus, s, "ERR timeout is not an integer or out of range");
	} else if (timeout < 0) {
		reply_error(bus, s, "ERR timeout is negative");
	} else if (local == 1 && !streams) {
		reply_error(bus, s, "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
	} else {
		if (streams)
			keyspace_hold(bus, streams, NULL);
		reply_array(bus, s, 2);
		reply_integer(bus, s, streams != NULL);
		reply_integer(bus, s, 0);
		keyspace_release(bus);
	}
	return COMMAND_DONE;
}
