#include "keyspace.h"

#include <errno.h>
#include <string.h>

#include "access.h"
#include "cmd-pubsub.h"
#include "command-keys.h"
#include "num.h"

#define KEYSPACE_OFF "ERR streams are off: set [store] directory, or start udsd with --store"

struct streams *
keyspace_require_streams(struct bus *bus, struct session *s)
{
	struct streams *streams = sessions_of(bus)->streams;

	sessions_use_streams(bus);
	if (streams && s->database == 0 && !streams->is_dead)
		return streams;
	if (!streams)
		reply_error(bus, s, KEYSPACE_OFF);
	else if (streams->is_dead)
		reply_error(bus, s, "%s", streams_failure(streams));
	else
		reply_error(bus, s, "ERR streams are in database 0, and this connection has selected database %d",
		            s->database);
	return NULL;
}

bool
keyspace_admits(struct bus *bus, const struct session *s, struct slice key, enum keyspace_right right)
{
	const struct identity *identity = &s->client.identity;
	const struct access_rule *rule;

	if (right == KEYSPACE_MANAGE || (!bus->access.rules && !protocol_is_reserved(key)))
		return true;
	bus->flow.work.done += bus->access.n_rules * WORK_VISIT;
	rule = access_find(bus->access.rules, key);
	if (right != KEYSPACE_READ && access_list_admits(&rule->publish, identity))
		return true;
	return right != KEYSPACE_ADD && access_list_admits(&rule->subscribe, identity);
}

bool
keyspace_require_key(struct bus *bus, struct session *s, struct slice key, enum keyspace_right right)
{
	const char *verb = right == KEYSPACE_ADD ? "add to" : "read";

	if (!cmd_require_name(bus, s, key))
		return false;
	if (protocol_is_reserved(key)) {
		reply_error(bus, s, "NOPERM No permissions to access a key: names that begin with '%s' are reserved",
		            PROTOCOL_RESERVED);
		return false;
	}
	if (keyspace_admits(bus, s, key, right))
		return true;
	bus->flow.stats.denied_channels++;
	flow_log(&bus->flow, &s->client, LOG_LEVEL_INFO, "may not %s '%.*s' ([channel %s])", verb, COMMAND_SHOWN(key),
	         access_find(bus->access.rules, key)->glob);
	reply_error(bus, s, "NOPERM No permissions to access a key: %s may not %s '%.*s'",
	            identity_text(&s->client.identity).text, verb, COMMAND_SHOWN(key));
	return false;
}

struct streams *
keyspace_open(struct bus *bus, struct session *s, struct slice key, enum keyspace_right right)
{
	struct streams *streams = keyspace_require_streams(bus, s);

	return streams && keyspace_require_key(bus, s, key, right) ? streams : NULL;
}

/* How many keys of one command are checked when it is queued; all are when it runs. */
#define KEYSPACE_QUEUED_MAX ((size_t)64)

bool
keyspace_require_queued(struct bus *bus, struct session *s, const struct command *row, const struct slice *argv,
                        size_t argc)
{
	enum keyspace_right right = row->flags & (KEYSPACE_ADD | KEYSPACE_READ | KEYSPACE_SEE);
	const char *text = row->keys;
	struct command_keys keys;

	if (right == KEYSPACE_MANAGE || !sessions_of(bus)->streams)
		return true;
	while (command_keys_next(&text, &keys)) {
		size_t first, n = command_keys_find(&keys, argv, argc, &first);

		if (n > KEYSPACE_QUEUED_MAX)
			n = KEYSPACE_QUEUED_MAX;
		bus->flow.work.done += n * WORK_VISIT;
		for (size_t i = first; i < first + n; i++)
			if (argv[i].len <= PROTOCOL_NAME_MAX && !keyspace_require_key(bus, s, argv[i], right))
				return false;
	}
	return true;
}

bool
keyspace_must_wait(struct bus *bus, struct session *s, struct streams *streams)
{
	return bus->flow.executing != &s->client && streams_must_wait(streams, &s->client);
}

bool
keyspace_exec_must_wait(struct bus *bus, struct session *s, const struct command *row)
{
	struct streams *streams = sessions_of(bus)->streams;

	return streams && row->flags & COMMAND_WRITE && streams_must_wait(streams, &s->client);
}

struct stream *
keyspace_find(struct bus *bus, struct streams *streams, struct slice key)
{
	bus->flow.work.done += WORK_LOOKUP;
	return key.len <= PROTOCOL_NAME_MAX ? streams_find(streams, key) : NULL;
}

struct stream *
keyspace_require_stream(struct bus *bus, struct session *s, struct streams *streams, struct slice key)
{
	struct stream *stream = keyspace_find(bus, streams, key);

	if (stream)
		return stream;
	keyspace_hold(bus, streams, NULL);
	reply_error(bus, s, "ERR no such key");
	keyspace_release(bus);
	return NULL;
}

bool
keyspace_require_room(struct bus *bus, struct session *s, struct streams *streams, const struct stream *stream)
{
	const char *refusal = streams_refusal(streams, stream ? stream->uid : s->client.identity.uid);

	if (refusal)
		reply_error(bus, s, "%s", refusal);
	return !refusal;
}

bool
keyspace_require_room_for_entry(struct bus *bus, struct session *s, struct streams *streams, struct stream *stream)
{
	const char *refusal;

	if (!keyspace_require_room(bus, s, streams, stream))
		return false;
	refusal = stream ? stream_retain_refusal(streams, stream) : NULL;
	if (refusal)
		reply_error(bus, s, "%s", refusal);
	return !refusal;
}

struct stream *
keyspace_get(struct bus *bus, struct session *s, struct streams *streams, struct slice key)
{
	int r = 0;
	struct stream *stream = streams_get(streams, key, s->client.identity.uid, &r);

	if (stream)
		return stream;
	if (r == -ENFILE)
		reply_error(bus, s, "ERR too many streams; the limit is %llu (max_streams)",
		            (unsigned long long)streams->limits.max_streams);
	else if (r == -ENAMETOOLONG)
		cmd_require_name(bus, s, key);
	else
		reply_error(bus, s, "ERR out of memory, the stream was not made");
	return NULL;
}

enum command_result
keyspace_wait_cold(struct bus *bus, struct session *s, struct streams *streams, size_t next)
{
	if (bus->flow.executing == &s->client) {
		reply_error(
		    bus, s,
		    "ERR these entries are on disk, and EXEC could not know that it needs them before it began");
		return COMMAND_DONE;
	}
	sessions_of(bus)->place.next = next;
	if ((next > 0 || sessions_of(bus)->place.state) && !s->has_job)
		return COMMAND_MORE; /* what it has done is kept in a job, which then waits */
	return streams_wait_cold(streams, &s->client) ? COMMAND_WAIT : COMMAND_DONE;
}

enum command_result
keyspace_refuse_error(struct bus *bus, struct session *s)
{
	reply_error(bus, s, "ERR the stream cannot be read: the log says why");
	return COMMAND_DONE;
}

bool
keyspace_require_integer(struct bus *bus, struct session *s, struct slice text, int64_t *ret_value)
{
	if (num_parse_resp(text.p, text.len, ret_value) == 0)
		return true;
	reply_error(bus, s, "ERR value is not an integer or out of range");
	return false;
}

bool
keyspace_require_id(struct bus *bus, struct session *s, struct slice text, uint64_t missing_seq,
                    struct stream_id *ret_id)
{
	if (stream_id_parse(text, missing_seq, ret_id))
		return true;
	reply_error(bus, s, "ERR Invalid stream ID specified as stream command argument");
	return false;
}

void
keyspace_reply_id(struct bus *bus, struct session *s, struct stream_id id)
{
	char *p = reply_reserve(bus, s, STREAM_ID_TEXT + 8);
	size_t len, head = 5;

	if (!p)
		return;
	len = stream_id_format_next(p + head, id, &sessions_of(bus)->id_memo);
	if (len < 10) {
		memmove(p + 4, p + 5, len);
		head = 4;
	} else {
		p[1] = (char)('0' + len / 10);
	}
	p[0] = '$';
	p[head - 3] = (char)('0' + len % 10);
	memcpy(p + head - 2, "\r\n", 2);
	memcpy(p + head + len, "\r\n", 2);
	reply_commit(bus, s, head + len + 2, sessions_of(bus)->hold);
}
