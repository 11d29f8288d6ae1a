/*
 * XADD, the command that has to be quick: without options it looks at its arguments once, and its entry is copied once,
 * into the newest block of the stream. Its reply waits for the commit, as all answers do.
 *
 * If what is published to the channel of that name is stored, an entry that looks like such a message is one: it goes
 * to the receivers of the channel, too, and XADD waits for them as PUBLISH does.
 */
#include <string.h>

#include "blocked.h"
#include "cmd-pubsub.h"
#include "handlers.h"
#include "producers.h"
#include "publish.h"
#include "sender.h"
#include "stored.h"
#include "trim.h"

/* What is parsed of an XADD. */
struct xadd {
	struct trim_options trim;
	bool is_auto;        /* "*" */
	bool is_auto_seq;    /* "MS-*" */
	bool makes_no;       /* NOMKSTREAM */
	struct stream_id id; /* unless is_auto */
	size_t fields;       /* the number of the argument */
	/* IDMP and IDMPAUTO: the producer, or empty; and what it calls the entry, empty for IDMPAUTO. */
	struct slice producer, iid;
};

/* An explicit id: "MS-SEQ", "MS", or "MS-*". */
static bool
xadd_require_id(struct bus *bus, struct session *s, struct slice text, struct xadd *xadd)
{
	if (text.len > 2 && memcmp(text.p + text.len - 2, "-*", 2) == 0) {
		text.len -= 2;
		xadd->is_auto_seq = true;
		if (memchr(text.p, '-', text.len))
			text.len = 0; /* which is no id */
	}
	return keyspace_require_id(bus, s, text, 0, &xadd->id);
}

/* IDMP with a producer and an identifier, or IDMPAUTO with a producer. */
static enum trim_taken
xadd_take_producer(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, size_t *at,
                   struct xadd *xadd)
{
	bool is_auto = slice_is_word(argv[*at], "IDMPAUTO");
	size_t n = is_auto ? 1 : 2;

	if ((!is_auto && !slice_is_word(argv[*at], "IDMP")) || *at + n >= argc)
		return TRIM_OTHER;
	if (xadd->producer.len > 0) {
		reply_error(bus, s, "ERR IDMP/IDMPAUTO specified multiple times");
	} else if (argv[*at + 1].len == 0) {
		reply_error(bus, s, "ERR %s requires a non-empty producer ID", is_auto ? "IDMPAUTO" : "IDMP");
	} else if (!is_auto && argv[*at + 2].len == 0) {
		reply_error(bus, s, "ERR IDMP requires a non-empty idempotent ID");
	} else if (cmd_require_name(bus, s, argv[*at + 1])) {
		xadd->producer = argv[*at + 1];
		xadd->iid = is_auto ? (struct slice){ 0 } : argv[*at + 2];
		*at += 1 + n;
		return TRIM_TAKEN;
	}
	return TRIM_REFUSED;
}

/* Parses what stands before the fields. Returns false after an error reply. */
static bool __attribute__((noinline))
xadd_require_options(struct bus *bus, struct session *s, const struct streams *streams, const struct slice *argv,
                     size_t argc, struct xadd *xadd)
{
	size_t at = 2;

	for (; at < argc && !xadd->is_auto; at += xadd->is_auto) {
		enum trim_taken taken;

		bus->flow.work.done += 2 * WORK_VISIT;
		if (argv[at].len == 1 && argv[at].p[0] == '*') {
			xadd->is_auto = true;
			continue;
		}
		taken = trim_take(bus, s, argv, argc, &at, &xadd->trim);
		if (taken == TRIM_OTHER)
			taken = xadd_take_producer(bus, s, argv, argc, &at, xadd);
		if (taken == TRIM_REFUSED)
			return false;
		if (taken == TRIM_TAKEN)
			continue;
		if (slice_is_word(argv[at], "NOMKSTREAM")) {
			xadd->makes_no = true;
			at++;
			continue;
		}
		if (!xadd_require_id(bus, s, argv[at], xadd))
			return false;
		at++;
		break;
	}
	xadd->fields = at;
	if (xadd->producer.len > 0 && at <= argc && !xadd->is_auto) {
		reply_error(bus, s, "ERR IDMP/IDMPAUTO can be used only with auto-generated IDs");
		return false;
	}
	return trim_require_valid(bus, s, streams, &xadd->trim);
}

/* The id of the new entry. Returns NULL, or the text of an error reply. */
static const char *
xadd_choose_id(struct streams *streams, const struct stream *stream, struct xadd *xadd)
{
	if (stream->last.ms == UINT64_MAX && stream->last.seq == UINT64_MAX)
		return "ERR The stream has exhausted the last possible ID, unable to add more items";
	if (xadd->is_auto) {
		stream_next_id(stream, streams_now_ms(streams), &xadd->id);
		return NULL;
	}
	if (xadd->is_auto_seq && xadd->id.ms == stream->last.ms && stream->last.seq < UINT64_MAX)
		xadd->id.seq = stream->last.seq + 1;
	if (stream_id_cmp(xadd->id, stream->last) <= 0)
		return "ERR The ID specified in XADD is equal or smaller than the target stream top item";
	return NULL;
}

/* Whether the producer has added the entry already: then its id is replied. */
static bool
xadd_is_duplicate(struct bus *bus, struct session *s, struct streams *streams, struct stream *stream,
                  const struct xadd *xadd, struct producer_iid iid)
{
	struct stream_id id;

	if (!stream || !producers_find(streams, stream, xadd->producer, iid, streams_now_ms(streams), &id))
		return false;
	keyspace_hold(bus, streams, stream);
	keyspace_reply_id(bus, s, id);
	keyspace_release(bus);
	return true;
}

/* Trims after the entry was added and its id replied, in as many turns as it takes. */
static enum command_result __attribute__((noinline))
xadd_trim(struct bus *bus, struct session *s, struct streams *streams, struct slice key, const struct xadd *xadd)
{
	struct stream *stream = streams_find(streams, key);
	struct trim_progress progress = trim_resume(bus);
	enum stream_step step = STREAM_END;

	if (stream)
		step = trim_run(streams, stream, &xadd->trim, &progress);
	/* EXEC does not wait for the disk, nor is there a second reply: what is too much now, a later XADD removes. */
	if (step == STREAM_END || step == STREAM_ERROR || (step == STREAM_COLD && bus->flow.executing == &s->client) ||
	    !trim_pause(bus, &progress, 1))
		return COMMAND_DONE;
	return step == STREAM_MORE ? COMMAND_MORE : keyspace_wait_cold(bus, s, streams, 1);
}

static enum command_result
xadd_refuse(struct bus *bus, struct session *s, const char *text)
{
	reply_error(bus, s, "%s", text);
	return COMMAND_DONE;
}

/* Adds the entry and replies its id. Returns false after another reply. */
static bool
xadd_append(struct bus *bus, struct session *s, struct streams *streams, struct stream *stream, struct slice key,
            struct xadd *xadd, struct stream_fields fields)
{
	bool is_new = !stream, is_idmp = xadd->producer.len > 0;
	struct producer_iid iid = { 0 };
	const char *mistake;

	if (is_new && xadd->makes_no) {
		reply_null(bus, s);
		return false;
	}
	if (is_idmp) {
		iid = xadd->iid.len > 0 ? producer_iid_of(xadd->iid) : producer_iid_of_fields(fields);
		if (xadd_is_duplicate(bus, s, streams, stream, xadd, iid))
			return false;
	}
	if (!keyspace_require_room_for_entry(bus, s, streams, stream))
		return false;
	if (is_new && !(stream = keyspace_get(bus, s, streams, key)))
		return false;
	mistake = xadd_choose_id(streams, stream, xadd);
	if (!mistake && is_idmp && producers_reserve(streams, stream, xadd->producer, streams_now_ms(streams)) < 0)
		mistake = "ERR out of memory, the entry was not added";
	if (!mistake && sender_append(bus, &s->client, streams, stream, xadd->id, fields) < 0)
		mistake = "ERR out of memory, the entry was not added";
	if (mistake) {
		if (is_new)
			streams_delete(streams, stream);
		keyspace_hold(bus, streams, is_new ? NULL : stream);
		reply_error(bus, s, "%s", mistake);
		keyspace_release(bus);
		return false;
	}
	if (is_idmp)
		producers_add(streams, stream, xadd->producer, iid, xadd->id, streams_now_ms(streams));
	keyspace_hold(bus, streams, stream);
	keyspace_reply_id(bus, s, xadd->id);
	keyspace_release(bus);
	blocked_wake(streams, stream);
	return true;
}

/* An entry that is published, too. */
struct xadd_message {
	struct session *s;
	struct slice key;
	struct xadd *xadd;
	struct stream_fields fields;
	bool is_added;
};

/* For publish_message(). */
static const char *
xadd_store(struct bus *bus, void *arg)
{
	struct xadd_message *message = arg;
	struct streams *streams = bus->streams;

	message->is_added = xadd_append(bus, message->s, streams, streams_find(streams, message->key), message->key,
	                                message->xadd, message->fields);
	return message->is_added ? NULL : "it has replied";
}

/* Whether the entry is a message of a channel that is stored; then what receivers get. */
static bool
xadd_is_message(struct bus *bus, struct slice key, struct stream_fields fields, struct slice *ret_payload)
{
	for (size_t i = 0; i < fields.n_fields; i++) {
		if (!stored_is_field(fields.argv[2 * i]))
			continue;
		*ret_payload = fields.argv[2 * i + 1];
		return access_is_stored(&bus->access, key, &bus->flow.work.done);
	}
	return false;
}

/* Adds the message, and publishes it. Returns COMMAND_WAIT; or COMMAND_DONE after a reply, and whether it was added. */
static enum command_result
xadd_publish(struct bus *bus, struct xadd_message *message, struct slice payload)
{
	struct client *c = &message->s->client;
	enum publish_result result = publish_message(bus, c,
	                                             &(struct publish_request){
							 .name = message->key,
							 .may_wait = !bus->flow.executing,
							 .payload = payload,
							 .store = xadd_store,
							 .store_arg = message,
						     });

	if (result == PUBLISH_WAIT)
		return COMMAND_WAIT;
	if (result == PUBLISH_NOMEM)
		reply_error(bus, message->s, "ERR out of memory, the entry was not added");
	if (result == PUBLISH_LOST)
		flow_mark_dead(&bus->flow, c); /* receivers have missed it, and the answer does not say so */
	return COMMAND_DONE;
}

enum command_result
cmd_xadd(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	bool goes_on = sessions_of(bus)->place.next > 0; /* it has replied */
	struct streams *streams = goes_on ? sessions_of(bus)->streams : keyspace_open(bus, s, argv[1], KEYSPACE_ADD);
	struct stream_fields fields;
	struct stream *stream;
	struct slice payload;
	struct xadd xadd;
	bool is_added;

	if (!streams)
		return COMMAND_DONE;
	if (argv[2].len == 1 && argv[2].p[0] == '*') {
		xadd.trim.is_given = xadd.makes_no = false;
		xadd.is_auto = true;
		xadd.producer.len = 0;
		xadd.fields = 3;
	} else {
		memset(&xadd, 0, sizeof(xadd));
		if (!xadd_require_options(bus, s, streams, argv, argc, &xadd))
			return COMMAND_DONE;
		if (goes_on)
			return xadd_trim(bus, s, streams, argv[1], &xadd);
	}
	if (argc < xadd.fields + 2 || (argc - xadd.fields) % 2 == 1)
		return xadd_refuse(bus, s, "ERR wrong number of arguments for 'xadd' command");
	if (!xadd.is_auto && !xadd.is_auto_seq && xadd.id.ms == 0 && xadd.id.seq == 0)
		return xadd_refuse(bus, s, "ERR The ID specified in XADD must be greater than 0-0");
	if (keyspace_must_wait(bus, s, streams))
		return COMMAND_WAIT;
	bus->flow.work.done += WORK_LOOKUP + 4 * argc;
	stream = streams_find(streams, argv[1]);
	if (xadd.trim.is_given && stream) { /* what it needs is fetched before anything changes */
		enum stream_step step = trim_prepare(streams, stream, &xadd.trim);

		if (step != STREAM_END)
			return step == STREAM_COLD ? keyspace_wait_cold(bus, s, streams, 0)
			                           : keyspace_refuse_error(bus, s);
	}
	fields = (struct stream_fields){ argv + xadd.fields, (argc - xadd.fields) / 2 };
	if (bus->access.stored && xadd_is_message(bus, argv[1], fields, &payload)) {
		struct xadd_message message = { s, argv[1], &xadd, fields, false };

		if (xadd_publish(bus, &message, payload) == COMMAND_WAIT)
			return COMMAND_WAIT;
		is_added = message.is_added;
	} else {
		is_added = xadd_append(bus, s, streams, stream, argv[1], &xadd, fields);
	}
	if (!is_added)
		return COMMAND_DONE;
	return xadd.trim.is_given ? xadd_trim(bus, s, streams, argv[1], &xadd) : COMMAND_DONE;
}
