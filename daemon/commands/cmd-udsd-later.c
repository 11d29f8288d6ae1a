/*
 * UDSD LATER: entries that are added to a stream later. ADD answers a ticket: the number of the stream, the time, and
 * the number of the entry. With IDMP, the identifiers of delayed entries and those of XADD are apart.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd-pubsub.h"
#include "handlers.h"
#include "later.h"
#include "num.h"
#include "producers.h"
#include "sender.h"
#include "streams-clock.h"
#include "xwork.h"

/* The latest time: the end of the year 9999. */
#define UDSD_LATER_MAX_MS ((int64_t)253402300799999)

#define UDSD_TICKET_TEXT (3 * NUM_DIGITS_MAX + 3)

static void
udsd_later_format(char text[UDSD_TICKET_TEXT], const struct stream *stream, struct stream_id id)
{
	snprintf(text, UDSD_TICKET_TEXT, "%" PRIu64 "-%" PRIu64 "-%" PRIu64, stream->no, id.ms, id.seq);
}

/* Returns whether it is one. */
static bool
udsd_later_parse(struct slice ticket, uint64_t *ret_no, struct stream_id *ret_id)
{
	const uint8_t *dash = memchr(ticket.p, '-', ticket.len);
	int64_t no;

	if (!dash || num_parse_resp(ticket.p, (size_t)(dash - ticket.p), &no) != 0 || no < 0)
		return false;
	*ret_no = (uint64_t)no;
	ticket.len -= (size_t)(dash + 1 - ticket.p);
	ticket.p = dash + 1;
	return memchr(ticket.p, '-', ticket.len) && stream_id_parse(ticket, 0, ret_id);
}

static enum command_result
udsd_later_refuse_usage(struct bus *bus, struct session *s)
{
	reply_error(bus, s, "ERR UDSD LATER takes ADD, LIST or CANCEL; udsd-protocol(7) says with what");
	return COMMAND_DONE;
}

/* What is parsed of an ADD. */
struct udsd_later {
	struct slice producer;
	struct producer_iid iid;
	uint64_t due_ms;
	size_t fields; /* the number of the argument */
};

/* [IDMP producer iid] */
static bool
udsd_later_take_producer(struct bus *bus, struct session *s, const struct slice *argv, size_t argc,
                         struct udsd_later *later)
{
	if (!slice_is_word(argv[later->fields], "IDMP") || later->fields + 2 >= argc)
		return true;
	later->producer = argv[later->fields + 1];
	later->iid = producer_iid_of(argv[later->fields + 2]);
	later->iid.hash[0] ^= UINT64_C(0x7564736c61746572);
	if (later->producer.len == 0 || argv[later->fields + 2].len == 0) {
		reply_error(bus, s, "ERR IDMP requires a non-empty producer ID and idempotent ID");
		return false;
	}
	later->fields += 3;
	return cmd_require_name(bus, s, later->producer);
}

/* milliseconds | AT unix-time-milliseconds */
static bool
udsd_later_take_time(struct bus *bus, struct session *s, const struct slice *argv, size_t argc,
                     struct udsd_later *later)
{
	bool is_absolute = later->fields < argc && slice_is_word(argv[later->fields], "AT");
	int64_t ms, now_ms = (int64_t)streams_unix_exact_ms();

	later->fields += is_absolute;
	if (later->fields >= argc) {
		udsd_later_refuse_usage(bus, s);
		return false;
	}
	if (!keyspace_require_integer(bus, s, argv[later->fields++], &ms))
		return false;
	if (ms < 0 || ms > UDSD_LATER_MAX_MS - (is_absolute ? 0 : now_ms)) {
		reply_error(bus, s, "ERR the time is out of range");
		return false;
	}
	later->due_ms = (uint64_t)(is_absolute ? ms : now_ms + ms);
	return true;
}

static bool
udsd_later_require(struct bus *bus, struct session *s, const struct slice *argv, size_t argc,
                   struct udsd_later *ret_later)
{
	struct udsd_later later = { .fields = 4 };

	if (argc < 7) {
		udsd_later_refuse_usage(bus, s);
		return false;
	}
	if (!udsd_later_take_producer(bus, s, argv, argc, &later) || !udsd_later_take_time(bus, s, argv, argc, &later))
		return false;
	if (argc < later.fields + 2 || (argc - later.fields) % 2 == 1) {
		reply_error(bus, s, "ERR wrong number of arguments for 'udsd|later' command");
		return false;
	}
	*ret_later = later;
	return true;
}

static void
udsd_later_reply_ticket(struct bus *bus, struct session *s, struct streams *streams, const struct stream *stream,
                        struct stream_id id)
{
	char ticket[UDSD_TICKET_TEXT];

	udsd_later_format(ticket, stream, id);
	keyspace_hold(bus, streams, stream);
	reply_text(bus, s, ticket);
	keyspace_release(bus);
}

/* Adds the entry. Returns NULL, or the text of an error reply. */
static const char *
udsd_later_put(struct bus *bus, struct session *s, struct streams *streams, struct stream *stream,
               const struct udsd_later *later, struct stream_fields fields, struct stream_id *ret_id)
{
	static const char *const no_memory = "ERR out of memory, the entry was not added";
	uint64_t now_ms = streams_now_ms(streams);
	struct sender_fields sent;
	int r;

	if (later->producer.len > 0 && producers_reserve(streams, stream, later->producer, now_ms) < 0)
		return no_memory;
	r = sender_begin(bus, &s->client, streams, stream, fields, &sent);
	if (r == 0) {
		r = later_add(streams, stream, later->due_ms, sent.fields, ret_id);
		sender_end(&sent);
	}
	if (r < 0)
		return no_memory;
	if (later->producer.len > 0)
		producers_add(streams, stream, later->producer, later->iid, *ret_id, now_ms);
	return NULL;
}

/* Whether the producer has delayed it already: *ret_id is of its ticket. One that was cancelled is forgotten. */
static bool
udsd_later_is_duplicate(struct streams *streams, struct stream *stream, const struct udsd_later *later,
                        struct stream_id *ret_id)
{
	if (later->producer.len == 0 ||
	    !producers_find(streams, stream, later->producer, later->iid, streams_now_ms(streams), ret_id))
		return false;
	streams->flow->work.done += WORK_LOOKUP;
	if (!later_was_cancelled(stream, *ret_id, streams_unix_exact_ms()))
		return true;
	producers_forget(streams, stream, later->producer, later->iid);
	return false;
}

static enum command_result
udsd_later_add(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct streams *streams = argc > 3 ? keyspace_open(bus, s, argv[3], KEYSPACE_ADD) : NULL;
	struct udsd_later later;
	struct stream *stream;
	const char *mistake;
	struct stream_id id;
	bool is_new;

	if (argc <= 3)
		return udsd_later_refuse_usage(bus, s);
	if (!streams || !udsd_later_require(bus, s, argv, argc, &later))
		return COMMAND_DONE;
	if (keyspace_must_wait(bus, s, streams))
		return COMMAND_WAIT;
	bus->flow.work.done += 4 * argc;
	stream = keyspace_find(bus, streams, argv[3]);
	if (stream && udsd_later_is_duplicate(streams, stream, &later, &id)) {
		udsd_later_reply_ticket(bus, s, streams, stream, id);
		return COMMAND_DONE;
	}
	is_new = !stream;
	if (!keyspace_require_room(bus, s, streams, stream) ||
	    (is_new && !(stream = keyspace_get(bus, s, streams, argv[3]))))
		return COMMAND_DONE;
	mistake = udsd_later_put(bus, s, streams, stream, &later,
	                         (struct stream_fields){ argv + later.fields, (argc - later.fields) / 2 }, &id);
	if (mistake) {
		if (is_new)
			streams_delete(streams, stream);
		reply_error(bus, s, "%s", mistake);
		return COMMAND_DONE;
	}
	udsd_later_reply_ticket(bus, s, streams, stream, id);
	return COMMAND_DONE;
}

static enum command_result
udsd_later_cancel(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct streams *streams = keyspace_require_streams(bus, s);
	struct later *later = NULL;
	struct stream_id id;
	uint64_t no;
	bool is_found = false;

	if (argc != 4)
		return udsd_later_refuse_usage(bus, s);
	if (!streams)
		return COMMAND_DONE;
	if (keyspace_must_wait(bus, s, streams))
		return COMMAND_WAIT;
	bus->flow.work.done += WORK_LOOKUP;
	if (udsd_later_parse(argv[3], &no, &id))
		later = later_from(streams, no);
	if (later && later->stream->no != no)
		later = NULL;
	if (later &&
	    !keyspace_require_key(bus, s, (struct slice){ later->stream->name, later->stream->name_len }, KEYSPACE_ADD))
		return COMMAND_DONE;
	if (later)
		is_found = later_cancel(streams, later->stream, id);
	keyspace_hold(bus, streams, NULL);
	reply_integer(bus, s, is_found);
	keyspace_release(bus);
	return COMMAND_DONE;
}

/* Where a LIST goes on. */
struct udsd_later_place {
	uint64_t no; /* of a stream */
	struct stream_id at;
};

static void
udsd_later_put_entry(struct answer *answer, const struct stream *stream, const struct later_entry *entry)
{
	struct stream_entry fields = later_fields(entry);
	char ticket[UDSD_TICKET_TEXT];

	udsd_later_format(ticket, stream, entry->id);
	answer_map(answer, 4);
	answer_text(answer, "ticket");
	answer_text(answer, ticket);
	answer_text(answer, "key");
	answer_bulk(answer, (struct slice){ stream->name, stream->name_len });
	answer_text(answer, "due");
	answer_integer(answer, (int64_t)entry->id.ms);
	answer_text(answer, "fields");
	answer_fields(answer, &fields);
}

/* What the stream at the place has, or the next stream that has some; NULL at the end. */
static const struct later *
udsd_later_seek(struct streams *streams, const struct stream *only, struct udsd_later_place *place)
{
	const struct later *later = only ? only->later : later_from(streams, place->no);

	if (!later || later->stream->no < place->no)
		return NULL;
	if (later->stream->no > place->no)
		*place = (struct udsd_later_place){ .no = later->stream->no };
	return later;
}

/* Lists the entry at the place, or goes on to the next stream. */
static void
udsd_later_list_one(struct bus *bus, struct session *s, struct xwork *work, const struct later *later)
{
	struct slice name = { later->stream->name, later->stream->name_len };
	struct udsd_later_place *place = work->extra;
	const struct later_entry *entry =
	    keyspace_admits(bus, s, name, KEYSPACE_ADD) ? later_next(later->stream, place->at) : NULL;

	bus->flow.work.done += 2 * WORK_LOOKUP;
	if (!entry) {
		*place = (struct udsd_later_place){ .no = later->stream->no + 1 };
		return;
	}
	udsd_later_put_entry(&work->answer, later->stream, entry);
	work->n++;
	place->at = entry->id;
	stream_id_next(&place->at);
}

/* What is parsed of a LIST. */
struct udsd_later_wanted {
	bool has_key;
	struct stream_id from;
	uint64_t count;
};

/* [key [AFTER ticket]] [COUNT count] */
static bool
udsd_later_require_list(struct bus *bus, struct session *s, const struct slice *argv, size_t argc,
                        struct udsd_later_wanted *ret_wanted)
{
	struct udsd_later_wanted wanted = { .has_key = argc % 2 == 0, .count = UINT64_MAX };
	int64_t count;
	uint64_t no;

	for (size_t at = 3 + wanted.has_key; at + 1 < argc; at += 2) {
		if (slice_is_word(argv[at], "AFTER") && wanted.has_key &&
		    udsd_later_parse(argv[at + 1], &no, &wanted.from)) {
			if (!stream_id_next(&wanted.from))
				wanted.count = 0;
			continue;
		}
		if (!slice_is_word(argv[at], "COUNT")) {
			udsd_later_refuse_usage(bus, s);
			return false;
		}
		if (!keyspace_require_integer(bus, s, argv[at + 1], &count))
			return false;
		wanted.count = count > 0 ? (uint64_t)count : 0;
	}
	*ret_wanted = wanted;
	return true;
}

static enum command_result
udsd_later_list(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, struct xwork *work,
                size_t next)
{
	struct streams *streams = keyspace_require_streams(bus, s);
	const struct stream *only = NULL;
	struct udsd_later_wanted wanted;
	const struct later *later;
	struct udsd_later_place *place;

	if (!streams || !udsd_later_require_list(bus, s, argv, argc, &wanted) ||
	    (wanted.has_key && !keyspace_require_key(bus, s, argv[3], KEYSPACE_ADD)))
		return COMMAND_DONE;
	if (wanted.has_key)
		only = keyspace_find(bus, streams, argv[3]);
	if (next == 0) {
		place = work->extra = calloc(1, sizeof(*place));
		if (place && only && only->later)
			*place = (struct udsd_later_place){ only->no, wanted.from };
		answer_begin(&work->answer, bus, s);
		work->has_answer = true;
		work->list = answer_open(&work->answer);
	}
	place = work->extra;
	while (place && work->n < wanted.count && (!wanted.has_key || only) &&
	       (later = udsd_later_seek(streams, only, place))) {
		udsd_later_list_one(bus, s, work, later);
		if (work->n > 1 && answer_is_too_long(&work->answer)) {
			reply_error(bus, s, "ERR the answer is over queue_limit, %llu bytes; ask for a smaller COUNT",
			            (unsigned long long)bus->flow.limits.queue_limit);
			return COMMAND_DONE;
		}
		if (xwork_must_pause(bus, s, work, 1))
			return COMMAND_MORE;
	}
	if (!place)
		return keyspace_refuse_error(bus, s);
	answer_close_array(&work->answer, work->list, work->n);
	return xwork_send(bus, streams, only, work);
}

static enum command_result
udsd_later_run(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, struct xwork *work,
               size_t next)
{
	if (slice_is_word(argv[2], "ADD"))
		return udsd_later_add(bus, s, argv, argc);
	if (slice_is_word(argv[2], "LIST"))
		return udsd_later_list(bus, s, argv, argc, work, next);
	if (slice_is_word(argv[2], "CANCEL"))
		return udsd_later_cancel(bus, s, argv, argc);
	return udsd_later_refuse_usage(bus, s);
}

enum command_result
cmd_udsd_later(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return xwork_run(bus, s, argv, argc, udsd_later_run);
}
