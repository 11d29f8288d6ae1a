/*
 * XNACK and UDSD NACK: entries that consumers give back. In a group that has a dead-letter stream, those that were
 * given too often, or that nobody can handle (FATAL), go there, before the reply if they are in memory.
 */
#include <errno.h>

#include "blocked.h"
#include "dead-letters.h"
#include "handlers.h"
#include "num.h"
#include "xgroup.h"
#include "xwork.h"

/* The last two are only of UDSD NACK. RETURN: the consumer has not begun with it; DROP: nobody is to have it. */
enum xnack_mode { XNACK_SILENT, XNACK_FAIL, XNACK_FATAL, XNACK_RETURN, XNACK_DROP };

/* The arguments of XNACK. */
struct xnack {
	enum xnack_mode mode;
	bool is_forced, has_count;
	int64_t count;
	size_t first, n; /* ids: argv[first .. first + n) */
	bool is_udsd;    /* UDSD NACK, which has what follows */
	bool has_status;
	int64_t status;
	struct slice text;
};

/* "IDS numids id..." at argv[at]. */
static bool
xnack_require_ids(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, size_t at,
                  struct xnack *xnack)
{
	int64_t n;

	if (at + 1 >= argc || num_parse_resp(argv[at + 1].p, argv[at + 1].len, &n) != 0 || n <= 0) {
		reply_error(bus, s, "ERR Number of IDs must be a positive integer");
		return false;
	}
	xnack->first = at + 2;
	if ((uint64_t)n > argc - xnack->first) {
		reply_error(bus, s, "ERR The `numids` parameter must match the number of arguments");
		return false;
	}
	xnack->n = (size_t)n;
	return true;
}

static bool
xnack_take_mode(struct slice word, struct xnack *xnack)
{
	static const char *const modes[] = { "SILENT", "FAIL", "FATAL", "RETURN", "DROP" };

	for (size_t i = 0; i < (xnack->is_udsd ? 5 : 3); i++)
		if (slice_is_word(word, modes[i])) {
			xnack->mode = (enum xnack_mode)i;
			return true;
		}
	return false;
}

static bool
xnack_require(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, struct xnack *ret_xnack)
{
	struct xnack xnack = { 0 };

	if (!xnack_take_mode(argv[3], &xnack)) {
		reply_error(bus, s, "ERR syntax error");
		return false;
	}
	for (size_t i = 4; i < argc; i++) {
		if (slice_is_word(argv[i], "IDS") && xnack.n == 0) {
			if (!xnack_require_ids(bus, s, argv, argc, i, &xnack))
				return false;
			i += 1 + xnack.n;
		} else if (slice_is_word(argv[i], "RETRYCOUNT") && i + 1 < argc) {
			if (!keyspace_require_integer(bus, s, argv[++i], &xnack.count))
				return false;
			xnack.has_count = true;
			if (xnack.count < 0) {
				reply_error(bus, s, "ERR RETRYCOUNT must be >= 0");
				return false;
			}
		} else if (slice_is_word(argv[i], "FORCE")) {
			xnack.is_forced = true;
		} else {
			xnack.n = 0;
			break;
		}
	}
	if (xnack.n == 0)
		reply_error(bus, s, "ERR syntax error");
	*ret_xnack = xnack;
	return xnack.n > 0;
}

/* Notes what becomes known with it. Returns 0 or -ENOMEM. */
static int
xnack_note(struct stream_group *group, struct stream_pending *pending, const struct xnack *xnack, uint64_t consumer,
           bool is_fatal)
{
	struct pending_history *history = pending_history_get(&group->pending.histories, &pending->history);

	if (!history)
		return -ENOMEM;
	history->consumer = consumer;
	history->is_fatal = is_fatal;
	if (!xnack->is_udsd)
		return 0;
	history->has_status = xnack->has_status;
	history->status = xnack->status;
	return pending_history_set_text(&group->pending.histories, history, xnack->text);
}

/*
 * Takes one entry away, pending or not given yet: it is acknowledged, and deleted if no other group needs it. If
 * another one does, what was not given yet stays. Returns as xnack_one().
 */
static enum stream_step
xnack_drop(struct streams *streams, struct stream_group *group, struct stream_id id)
{
	bool is_pending = pending_find(&group->pending, id), is_ahead = stream_id_cmp(id, group->last) > 0;
	struct stream *stream = group->stream;
	struct stream_group *other;
	struct stream_entry entry;
	enum stream_step step;
	bool is_needed = false;

	if (!is_pending && !is_ahead)
		return STREAM_END;
	TAILQ_FOREACH(other, &stream->groups, link) {
		streams->flow->work.done += WORK_LOOKUP;
		is_needed |=
		    other != group && (stream_id_cmp(other->last, id) < 0 || pending_find(&other->pending, id));
	}
	step = is_needed ? STREAM_END : stream_find(streams, stream, id, &entry);
	if (step == STREAM_COLD || step == STREAM_ERROR || (step == STREAM_END && !is_pending))
		return step;
	group_acknowledge(streams, group, id);
	return is_needed || step == STREAM_END ? STREAM_ENTRY : stream_delete(streams, stream, id);
}

/* Gives one entry back. Returns ENTRY, END if there is none, or why it cannot go on. */
static enum stream_step
xnack_one(struct streams *streams, struct stream_group *group, struct stream_id id, const struct xnack *xnack)
{
	const struct stream_delivery *delivery = group_delivery(streams, group->stream, group->values);
	struct stream_pending *pending = pending_find(&group->pending, id);
	uint64_t deliveries = pending ? pending->deliveries : 0, consumer;
	bool is_fatal = xnack->mode == XNACK_FATAL && stream_delivery_has_dead_letter(delivery);
	struct stream_entry entry;
	enum stream_step step;

	if (xnack->mode == XNACK_DROP)
		return xnack_drop(streams, group, id);
	if (!pending) {
		if (!xnack->is_forced || group->pending.n_entries >= stream_rule(streams, group->stream)->max_pending)
			return STREAM_END;
		step = stream_find(streams, group->stream, id, &entry);
		if (step != STREAM_ENTRY)
			return step;
	}
	if (xnack->has_count)
		deliveries = (uint64_t)xnack->count;
	else if (xnack->mode == XNACK_FATAL && !is_fatal)
		deliveries = INT64_MAX;
	else if ((xnack->mode == XNACK_SILENT || xnack->mode == XNACK_RETURN) && deliveries > 0)
		deliveries--;
	consumer = pending && pending->consumer ? pending->consumer->no : 0;
	pending = group_give(streams, group, NULL, id);
	if (!pending)
		return STREAM_ERROR;
	pending->delivered_ms = 0;
	pending->deliveries = deliveries;
	if (xnack->mode != XNACK_RETURN && stream_delivery_redelivers(delivery) &&
	    xnack_note(group, pending, xnack, consumer, is_fatal) < 0 && is_fatal)
		pending->deliveries = INT64_MAX;
	if (xnack->mode == XNACK_RETURN)
		group_offer(streams, group, pending);
	else
		group_take_back(streams, group, pending,
		                xnack->mode == XNACK_SILENT ? PENDING_RELEASED : PENDING_FAILED);
	dead_letters_try(streams, group, id);
	return STREAM_ENTRY;
}

/* Gives back what the arguments say; ids are argv[xnack.first ...). */
static enum command_result
xnack_serve(struct bus *bus, struct session *s, struct streams *streams, const struct slice *argv,
            const struct xnack *xnack, struct xwork *work, size_t next)
{
	struct stream_group *group;
	size_t i = next > 0 ? next : xnack->first, end = xnack->first + xnack->n;

	if (next == 0 && keyspace_must_wait(bus, s, streams))
		return COMMAND_WAIT;
	group = xgroup_require(bus, s, streams, argv[1], argv[2]);
	if (!group || (next == 0 && !xwork_require_ids(bus, s, argv, end, xnack->first)))
		return COMMAND_DONE;
	if (next == 0 && xnack->is_forced && !xgroup_require_room(bus, s, streams, group->stream))
		return COMMAND_DONE;
	for (; i < end; i++) {
		enum stream_step step;
		struct stream_id id;

		if (xwork_must_pause(bus, s, work, i))
			return COMMAND_MORE;
		bus->flow.work.done += WORK_LOOKUP;
		stream_id_parse(argv[i], 0, &id);
		step = xnack_one(streams, group, id, xnack);
		if (step == STREAM_COLD)
			return xwork_wait_cold(bus, s, streams, work, i);
		if (step == STREAM_ERROR)
			return keyspace_refuse_error(bus, s);
		work->n += step == STREAM_ENTRY;
	}
	if (work->n > 0)
		blocked_wake_claims(streams, group->stream, group->no);
	keyspace_hold(bus, streams, group->stream);
	reply_integer(bus, s, work->n);
	keyspace_release(bus);
	return COMMAND_DONE;
}

static enum command_result
xnack_run(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, struct xwork *work, size_t next)
{
	struct streams *streams = keyspace_open(bus, s, argv[1], KEYSPACE_READ);
	struct xnack xnack;

	if (!streams || !xnack_require(bus, s, argv, argc, &xnack))
		return COMMAND_DONE;
	return xnack_serve(bus, s, streams, argv, &xnack, work, next);
}

enum command_result
cmd_xnack(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return xwork_run(bus, s, argv, argc, xnack_run);
}

/* key group mode id [STATUS status] [TEXT text] */
static bool
udsd_nack_require(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, struct xnack *ret_xnack)
{
	struct xnack xnack = { .first = 4, .n = 1, .is_udsd = true };
	bool is_valid = xnack_take_mode(argv[3], &xnack);

	for (size_t i = 5; is_valid && i < argc; i += 2) {
		is_valid = i + 1 < argc;
		if (is_valid && slice_is_word(argv[i], "STATUS")) {
			if (!keyspace_require_integer(bus, s, argv[i + 1], &xnack.status))
				return false;
			xnack.has_status = true;
		} else if (is_valid && slice_is_word(argv[i], "TEXT")) {
			xnack.text = argv[i + 1];
		} else {
			is_valid = false;
		}
	}
	if (!is_valid)
		reply_error(bus, s, "ERR syntax error");
	*ret_xnack = xnack;
	return is_valid;
}

static enum command_result
udsd_nack_run(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, struct xwork *work,
              size_t next)
{
	struct streams *streams = keyspace_open(bus, s, argv[2], KEYSPACE_READ);
	struct xnack xnack;

	if (!streams || !udsd_nack_require(bus, s, argv + 1, argc - 1, &xnack))
		return COMMAND_DONE;
	return xnack_serve(bus, s, streams, argv + 1, &xnack, work, next);
}

enum command_result
cmd_udsd_nack(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return xwork_run(bus, s, argv, argc, udsd_nack_run);
}
