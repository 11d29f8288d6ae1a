/* XCLAIM and XAUTOCLAIM: pending entries change their consumer. */
#include "dead-letters.h"
#include "handlers.h"
#include "num.h"
#include "xgroup.h"
#include "xread.h"
#include "xwork.h"

/* What both have to know for each entry. */
struct xclaim {
	struct bus *bus;
	struct streams *streams;
	struct stream_group *group;
	struct stream_consumer *consumer;
	uint64_t now_ms, min_idle;
	bool is_just_id;
	/* XCLAIM only. */
	bool is_forced;
	int64_t delivered_ms;  /* -1: now */
	int64_t count;         /* deliveries; -1: one more */
	struct stream_id last; /* LASTID */
	size_t n;              /* ids: argv[5 .. 5 + n) */
};

static bool
xclaim_require_number(struct bus *bus, struct session *s, struct slice text, const char *mistake, int64_t *ret_value)
{
	if (num_parse_resp(text.p, text.len, ret_value) == 0)
		return true;
	reply_error(bus, s, "%s", mistake);
	return false;
}

/* The least idle time, the fifth argument. */
static bool
xclaim_require_idle(struct bus *bus, struct session *s, struct slice text, const char *mistake, struct xclaim *claim)
{
	int64_t idle;

	if (!xclaim_require_number(bus, s, text, mistake, &idle))
		return false;
	claim->min_idle = idle > 0 ? (uint64_t)idle : 0;
	return true;
}

/* Takes an option of XCLAIM at argv[*i]. */
static bool
xclaim_option(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, size_t *i,
              struct xclaim *claim)
{
	struct slice option = argv[*i];
	bool has_value = *i + 1 < argc;

	if (slice_is_word(option, "FORCE")) {
		claim->is_forced = true;
	} else if (slice_is_word(option, "JUSTID")) {
		claim->is_just_id = true;
	} else if (slice_is_word(option, "IDLE") && has_value) {
		if (!xclaim_require_number(bus, s, argv[++*i], "ERR Invalid IDLE option argument for XCLAIM",
		                           &claim->delivered_ms))
			return false;
		/* Bogus times become now, see xclaim_require(). */
		if (__builtin_sub_overflow((int64_t)claim->now_ms, claim->delivered_ms, &claim->delivered_ms))
			claim->delivered_ms = -1;
	} else if (slice_is_word(option, "TIME") && has_value) {
		return xclaim_require_number(bus, s, argv[++*i], "ERR Invalid TIME option argument for XCLAIM",
		                             &claim->delivered_ms);
	} else if (slice_is_word(option, "RETRYCOUNT") && has_value) {
		return xclaim_require_number(bus, s, argv[++*i], "ERR Invalid RETRYCOUNT option argument for XCLAIM",
		                             &claim->count);
	} else if (slice_is_word(option, "LASTID") && has_value) {
		return keyspace_require_id(bus, s, argv[++*i], 0, &claim->last);
	} else {
		reply_error(bus, s, "ERR Unrecognized XCLAIM option '%.*s'", COMMAND_SHOWN(option));
		return false;
	}
	return true;
}

/* n: how many ids there are, if an earlier turn has counted them; or 0. */
static bool
xclaim_require(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, size_t n,
               struct xclaim *claim)
{
	struct stream_id id;
	size_t i = 5 + n;

	claim->delivered_ms = claim->count = -1;
	if (!xclaim_require_idle(bus, s, argv[4], "ERR Invalid min-idle-time argument for XCLAIM", claim))
		return false;
	bus->flow.work.done += (argc - i) * WORK_ARGUMENT;
	while (n == 0 && i < argc && stream_id_parse(argv[i], 0, &id))
		i++;
	claim->n = i - 5;
	for (; i < argc; i++)
		if (!xclaim_option(bus, s, argv, argc, &i, claim))
			return false;
	if (claim->delivered_ms < 0 || claim->delivered_ms > (int64_t)claim->now_ms)
		claim->delivered_ms = (int64_t)claim->now_ms;
	return true;
}

/* Gives an entry that exists to the consumer and adds it to the answer, unless it was given often enough. Returns
 * ENTRY, or ERROR without memory. */
static enum stream_step
xclaim_give(struct xclaim *claim, struct xwork *work, struct stream_entry *entry, uint64_t deliveries)
{
	struct stream_pending *pending;

	if (claim->count < 0 && !claim->is_just_id && dead_letters_instead(claim->streams, claim->group, entry->id))
		return STREAM_ENTRY;
	if (claim->is_just_id)
		answer_id(&work->answer, entry->id);
	else
		answer_entry(&work->answer, entry);
	pending = group_give(claim->streams, claim->group, claim->consumer, entry->id);
	if (!pending)
		return STREAM_ERROR;
	pending->delivered_ms = (uint64_t)claim->delivered_ms;
	pending->deliveries = claim->count >= 0   ? (uint64_t)claim->count
	                      : claim->is_just_id ? deliveries
	                                          : pending_count(deliveries);
	xgroup_hand_out(work->answer.s, claim->streams, claim->group, pending);
	work->n++;
	claim->streams->claimed++;
	group_see_consumer(claim->group, claim->consumer, claim->now_ms, true);
	return STREAM_ENTRY;
}

/* Whether the entry is idle for long enough. */
static bool
xclaim_is_idle(const struct xclaim *claim, const struct stream_pending *pending)
{
	return !pending->consumer || claim->min_idle == 0 || claim->now_ms < pending->delivered_ms
	           ? !pending->consumer || claim->min_idle == 0
	           : claim->now_ms - pending->delivered_ms >= claim->min_idle;
}

/* One id of XCLAIM. Returns ENTRY, also for what is not claimed, or why it cannot go on. */
static enum stream_step
xclaim_one(struct xclaim *claim, struct xwork *work, struct stream_id id)
{
	struct stream_pending *pending = pending_find(&claim->group->pending, id);
	uint64_t deliveries = 1, before = claim->group->pending.n_entries;
	struct stream_entry entry;
	enum stream_step step;

	if (!pending && !claim->is_forced)
		return STREAM_ENTRY;
	step = stream_find(claim->streams, claim->group->stream, id, &entry);
	if (step == STREAM_END && pending) { /* it was deleted */
		group_acknowledge(claim->streams, claim->group, id);
		xgroup_wake_if_full(claim->streams, claim->group, before);
	}
	if (step != STREAM_ENTRY)
		return step == STREAM_END ? STREAM_ENTRY : step;
	if (pending && !xclaim_is_idle(claim, pending))
		return STREAM_ENTRY;
	if (!pending && before >= stream_rule(claim->streams, claim->group->stream)->max_pending)
		return STREAM_ENTRY;
	if (pending)
		deliveries = pending->deliveries;
	return xclaim_give(claim, work, &entry, deliveries);
}

static void
xclaim_begin_answer(struct bus *bus, struct session *s, struct xwork *work)
{
	answer_begin(&work->answer, bus, s);
	work->has_answer = true;
}

/* What XCLAIM and XAUTOCLAIM begin with once their arguments are right. Returns false after an error reply. */
static bool
xclaim_require_consumer(struct bus *bus, struct session *s, struct slice name, struct xclaim *claim)
{
	if (!xgroup_require_consumer(bus, s, claim->streams, claim->group, name))
		return false;
	claim->consumer = group_find_consumer(claim->group, name);
	group_see_consumer(claim->group, claim->consumer, claim->now_ms, false);
	return true;
}

static enum command_result
xclaim_run(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, struct xwork *work, size_t next)
{
	struct streams *streams = keyspace_open(bus, s, argv[1], KEYSPACE_READ);
	struct xclaim claim = { .bus = bus, .streams = streams };
	size_t i = next;

	if (!streams)
		return COMMAND_DONE;
	if (next == 0 && keyspace_must_wait(bus, s, streams))
		return COMMAND_WAIT;
	claim.now_ms = streams_now_ms(streams);
	claim.group = xgroup_require(bus, s, streams, argv[1], argv[2]);
	if (!claim.group || !xclaim_require(bus, s, argv, argc, work->left, &claim))
		return COMMAND_DONE;
	work->left = claim.n;
	if (next == 0 && claim.is_forced && !xgroup_require_room(bus, s, streams, claim.group->stream))
		return COMMAND_DONE;
	if (stream_id_cmp(claim.last, claim.group->last) > 0)
		group_set_last(streams, claim.group, claim.last, claim.group->entries_read);
	if (!xclaim_require_consumer(bus, s, argv[3], &claim))
		return COMMAND_DONE;
	if (i == 0) {
		i = 5;
		xclaim_begin_answer(bus, s, work);
		work->list = answer_open(&work->answer);
	}
	for (; i < 5 + claim.n && answer_bytes(&work->answer) < XREAD_BYTES; i++) {
		enum stream_step step;
		struct stream_id id;

		if (xwork_must_pause(bus, s, work, i))
			return COMMAND_MORE;
		bus->flow.work.done += WORK_LOOKUP;
		stream_id_parse(argv[i], 0, &id);
		step = xclaim_one(&claim, work, id);
		if (step == STREAM_COLD)
			return xwork_wait_cold(bus, s, streams, work, i);
		if (step == STREAM_ERROR)
			return keyspace_refuse_error(bus, s);
	}
	answer_close_array(&work->answer, work->list, work->n);
	return xwork_send(bus, streams, claim.group->stream, work);
}

enum command_result
cmd_xclaim(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return xwork_run(bus, s, argv, argc, xclaim_run);
}

static bool
xautoclaim_require(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, struct xclaim *claim,
                   struct stream_id *ret_from)
{
	const char *mistake;

	claim->count = XAUTOCLAIM_COUNT;
	if (!xclaim_require_idle(bus, s, argv[4], "ERR Invalid min-idle-time argument for XAUTOCLAIM", claim))
		return false;
	mistake = stream_id_parse_bound(argv[5], false, ret_from);
	if (mistake) {
		reply_error(bus, s, "%s", mistake);
		return false;
	}
	for (size_t i = 6; i < argc; i++) {
		if (slice_is_word(argv[i], "COUNT") && i + 1 < argc) {
			i++;
			if (num_parse_resp(argv[i].p, argv[i].len, &claim->count) != 0 || claim->count < 1 ||
			    claim->count > XAUTOCLAIM_COUNT_MAX) {
				reply_error(bus, s, "ERR COUNT must be > 0");
				return false;
			}
		} else if (slice_is_word(argv[i], "JUSTID")) {
			claim->is_just_id = true;
		} else {
			reply_error(bus, s, "ERR syntax error");
			return false;
		}
	}
	return true;
}

/* One pending entry. Returns ENTRY or why it cannot go on. */
static enum stream_step
xautoclaim_one(struct xclaim *claim, struct xwork *work, const struct stream_pending *pending)
{
	uint64_t deliveries = pending->deliveries, before = claim->group->pending.n_entries;
	bool is_idle = xclaim_is_idle(claim, pending);
	struct stream_id id = pending->id;
	struct stream_entry entry;
	enum stream_step step = stream_find(claim->streams, claim->group->stream, id, &entry);

	if (step == STREAM_COLD || step == STREAM_ERROR)
		return step;
	if (step == STREAM_END) { /* it was deleted */
		if (xwork_add_id(work, id) < 0)
			return STREAM_ERROR;
		group_acknowledge(claim->streams, claim->group, id);
		xgroup_wake_if_full(claim->streams, claim->group, before);
		work->left--;
		return STREAM_ENTRY;
	}
	if (!is_idle)
		return STREAM_ENTRY;
	work->left--;
	return xclaim_give(claim, work, &entry, deliveries);
}

/* Replies where to go on, what was claimed, and what was deleted. */
static enum command_result
xautoclaim_reply(struct session *s, struct xclaim *claim, struct xwork *work, const struct stream_pending *next)
{
	struct bus *bus = claim->bus;

	answer_close_array(&work->answer, work->list, work->n);
	answer_array(&work->answer, work->n_ids);
	for (size_t i = 0; i < work->n_ids; i++)
		answer_id(&work->answer, work->ids[i]);
	keyspace_hold(bus, claim->streams, claim->group->stream);
	reply_array(bus, s, 3);
	keyspace_reply_id(bus, s, next ? next->id : STREAM_ID_MIN);
	answer_send(&work->answer);
	keyspace_release(bus);
	work->has_answer = false;
	return COMMAND_DONE;
}

static enum command_result
xautoclaim_run(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, struct xwork *work,
               size_t next)
{
	struct streams *streams = keyspace_open(bus, s, argv[1], KEYSPACE_READ);
	struct xclaim claim = { .bus = bus, .streams = streams };
	const struct stream_pending *pending;
	struct stream_id from;

	if (!streams || !xautoclaim_require(bus, s, argv, argc, &claim, &from))
		return COMMAND_DONE;
	if (next == 0 && keyspace_must_wait(bus, s, streams))
		return COMMAND_WAIT;
	claim.now_ms = streams_now_ms(streams);
	claim.delivered_ms = (int64_t)claim.now_ms;
	claim.group = xgroup_require(bus, s, streams, argv[1], argv[2]);
	if (!claim.group || !xclaim_require_consumer(bus, s, argv[3], &claim))
		return COMMAND_DONE;
	if (next == 0) {
		xclaim_begin_answer(bus, s, work);
		work->list = answer_open(&work->answer);
		work->at = from;
		work->left = (uint64_t)claim.count;
		work->tries = (uint64_t)claim.count * XAUTOCLAIM_TRIES;
	}
	claim.count = -1;
	while ((pending = pending_next(&claim.group->pending, work->at)) && work->left > 0 && work->tries > 0 &&
	       answer_bytes(&work->answer) < XREAD_BYTES) {
		struct stream_id id = pending->id;
		enum stream_step step;

		work->at = id;
		if (xwork_must_pause(bus, s, work, 1))
			return COMMAND_MORE;
		bus->flow.work.done += WORK_LOOKUP;
		step = xautoclaim_one(&claim, work, pending);
		if (step == STREAM_COLD && bus->flow.executing == &s->client && work->n + work->n_ids > 0)
			break; /* EXEC does not wait for the disk: it goes on from here */
		if (step == STREAM_COLD)
			return xwork_wait_cold(bus, s, streams, work, 1);
		if (step == STREAM_ERROR)
			return keyspace_refuse_error(bus, s);
		work->tries--;
		if (!stream_id_next(&work->at)) {
			pending = NULL;
			break;
		}
	}
	return xautoclaim_reply(s, &claim, work, pending);
}

enum command_result
cmd_xautoclaim(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return xwork_run(bus, s, argv, argc, xautoclaim_run);
}
