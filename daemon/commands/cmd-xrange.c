/*
 * XRANGE and XREVRANGE. A long answer is made in turns: what there is of it is kept with the place where it goes on, so
 * it shows each entry as it is when its turn comes.
 */
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "handlers.h"
#include "job.h"
#include "keyspace.h"
#include "listing.h"
#include "output-limit.h"

/* An answer of so few entries is made in one turn. */
#define XRANGE_SHORT 100

struct xrange {
	struct answer answer;
	struct stream_id from, to; /* what is left of the range */
	bool is_backward;
	bool is_long;   /* it holds the user's right to make one long answer at a time */
	int64_t most;   /* entries; -1: all */
	size_t n;       /* entries so far */
	size_t hole;    /* the header */
	size_t charged; /* memory that the user is charged with, in bytes */
};

/* Ends the answer without sending it. */
static void
xrange_end(struct bus *bus, struct xrange *range)
{
	struct user *user = range->answer.s->client.user;

	output_limit_charge(&bus->flow, user, &range->charged, 0);
	answer_drop(&range->answer);
	if (range->is_long)
		listing_leave(bus, user);
}

static void
xrange_free(struct bus *bus, void *state)
{
	xrange_end(bus, state);
	free(state);
}

/* Keeps the answer so far. Returns false without memory, and then it has ended. */
static bool
xrange_pause(struct bus *bus, struct xrange *range)
{
	struct place *place = &sessions_of(bus)->place;

	if (place->state != range) {
		struct xrange *kept = malloc(sizeof(*kept));

		if (!kept) {
			xrange_end(bus, range);
			return false;
		}
		*kept = *range;
		*place = (struct place){ .next = 1, .state = kept, .free = xrange_free };
		range = kept;
	}
	if (range->answer.out)
		output_limit_charge(&bus->flow, range->answer.s->client.user, &range->charged,
		                    chunk_size(range->answer.out));
	return true;
}

static void
xrange_forget(struct bus *bus, struct xrange *range)
{
	if (sessions_of(bus)->place.state == range)
		place_clear(bus, &sessions_of(bus)->place);
	else
		xrange_end(bus, range);
}

/* Parses one end of the range. Returns false after an error reply. */
static bool
xrange_require_bound(struct bus *bus, struct session *s, struct slice text, bool is_end, struct stream_id *ret_id)
{
	const char *mistake = stream_id_parse_bound(text, is_end, ret_id);

	if (mistake)
		reply_error(bus, s, "%s", mistake);
	return !mistake;
}

static bool
xrange_require_arguments(struct bus *bus, struct session *s, const struct slice *argv, size_t argc,
                         struct xrange *range)
{
	if (!xrange_require_bound(bus, s, argv[range->is_backward ? 3 : 2], false, &range->from) ||
	    !xrange_require_bound(bus, s, argv[range->is_backward ? 2 : 3], true, &range->to))
		return false;
	for (size_t i = 4; i < argc; i += 2) {
		if (!slice_is_word(argv[i], "COUNT") || i + 1 == argc) {
			reply_error(bus, s, "ERR syntax error");
			return false;
		}
		if (!keyspace_require_integer(bus, s, argv[i + 1], &range->most))
			return false;
		if (range->most < 0)
			range->most = 0;
	}
	return true;
}

/* Adds entries until the answer is whole (STREAM_END), a block is missing, or, with STREAM_ENTRY, the turn is over. */
static enum stream_step
xrange_walk(struct bus *bus, struct session *s, struct streams *streams, struct stream *stream, struct xrange *range)
{
	struct stream_cursor cursor;
	struct stream_entry entry;
	enum stream_step step;

	stream_seek(&cursor, stream, range->from, range->to, range->is_backward);
	while (range->most < 0 || range->n < (uint64_t)range->most) {
		step = stream_step(streams, &cursor, &entry);
		if (step != STREAM_ENTRY)
			return step;
		range->n++;
		if (range->is_backward)
			range->to = entry.id;
		else
			range->from = entry.id;
		answer_entry(&range->answer, &entry);
		if (!(range->is_backward ? stream_id_prev(&range->to) : stream_id_next(&range->from)))
			return STREAM_END;
		if (answer_is_too_long(&range->answer) || (range->is_long && job_must_pause(bus, s, 1)))
			return STREAM_ENTRY;
	}
	return STREAM_END;
}

/* Begins the answer, or finds what there is of it. NULL: the handler returns *ret_result. */
static struct xrange *
xrange_begin(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, struct xrange *range,
             enum command_result *ret_result)
{
	if (sessions_of(bus)->place.state)
		return sessions_of(bus)->place.state;
	*ret_result = COMMAND_DONE;
	if (!xrange_require_arguments(bus, s, argv, argc, range))
		return NULL;
	range->is_long = range->most < 0 || range->most > XRANGE_SHORT;
	if (range->is_long && listing_waits(bus, s)) {
		*ret_result = COMMAND_WAIT;
		return NULL;
	}
	if (range->is_long)
		listing_enter(s);
	answer_begin(&range->answer, bus, s);
	range->hole = answer_open(&range->answer);
	return range;
}

static enum command_result
xrange_reply(struct bus *bus, struct session *s, struct streams *streams, const struct stream *stream,
             struct xrange *range)
{
	keyspace_hold(bus, streams, stream);
	if (stream && range->most == 0) {
		reply_null_array(bus, s);
	} else {
		answer_close_array(&range->answer, range->hole, range->n);
		answer_send(&range->answer);
	}
	keyspace_release(bus);
	xrange_forget(bus, range);
	return COMMAND_DONE;
}

static enum command_result
xrange_run(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, bool is_backward)
{
	struct streams *streams = keyspace_open(bus, s, argv[1], KEYSPACE_READ);
	struct xrange begun = { .most = -1, .is_backward = is_backward }, *range;
	enum command_result result;
	enum stream_step step = STREAM_END;
	struct stream *stream;

	if (!streams)
		return COMMAND_DONE;
	range = xrange_begin(bus, s, argv, argc, &begun, &result);
	if (!range)
		return result;
	stream = keyspace_find(bus, streams, argv[1]);
	if (stream && stream_id_cmp(range->from, range->to) <= 0)
		step = xrange_walk(bus, s, streams, stream, range);
	if (answer_is_too_long(&range->answer)) {
		xrange_forget(bus, range);
		reply_error(bus, s, "ERR the answer takes more than queue_limit (%llu bytes): ask for less, with COUNT",
		            (unsigned long long)bus->flow.limits.queue_limit);
		return COMMAND_DONE;
	}
	if (step == STREAM_END)
		return xrange_reply(bus, s, streams, stream, range);
	if (step == STREAM_ERROR || (step == STREAM_COLD && (range->n == 0 || bus->flow.executing == &s->client))) {
		xrange_forget(bus, range);
		return step == STREAM_ERROR ? keyspace_refuse_error(bus, s) : keyspace_wait_cold(bus, s, streams, 0);
	}
	if (!xrange_pause(bus, range)) {
		reply_error(bus, s, "ERR out of memory");
		return COMMAND_DONE;
	}
	return step == STREAM_COLD ? keyspace_wait_cold(bus, s, streams, 1) : COMMAND_MORE;
}

enum command_result
cmd_xrange(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return xrange_run(bus, s, argv, argc, false);
}

enum command_result
cmd_xrevrange(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return xrange_run(bus, s, argv, argc, true);
}
