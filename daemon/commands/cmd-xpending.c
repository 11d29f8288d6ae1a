/* XPENDING: what a group has given and not seen acknowledged; in short, or entry by entry. */
#include "handlers.h"
#include "num.h"
#include "xgroup.h"
#include "xwork.h"

/* The arguments of the long form. */
struct xpending {
	struct stream_id from, to;
	uint64_t count, min_idle;
	const struct slice *consumer; /* or NULL */
};

static bool
xpending_require_bound(struct bus *bus, struct session *s, struct slice text, bool is_end, struct stream_id *ret_id)
{
	const char *mistake = stream_id_parse_bound(text, is_end, ret_id);

	if (mistake)
		reply_error(bus, s, "%s", mistake);
	return !mistake;
}

/* [IDLE min-idle-time] start end count [consumer] */
static bool
xpending_require(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, struct xpending *ret_args)
{
	struct xpending args = { 0 };
	int64_t count, idle = 0;
	size_t at = 3;

	if (slice_is_word(argv[at], "IDLE")) {
		if (!keyspace_require_integer(bus, s, argv[at + 1], &idle))
			return false;
		if (argc < 8) {
			reply_error(bus, s, "ERR syntax error");
			return false;
		}
		at += 2;
	}
	if (!keyspace_require_integer(bus, s, argv[at + 2], &count) ||
	    !xpending_require_bound(bus, s, argv[at], false, &args.from) ||
	    !xpending_require_bound(bus, s, argv[at + 1], true, &args.to))
		return false;
	args.count = count > 0 ? (uint64_t)count : 0;
	args.min_idle = idle > 0 ? (uint64_t)idle : 0;
	if (at + 3 < argc)
		args.consumer = &argv[at + 3];
	*ret_args = args;
	return true;
}

static struct slice
xpending_name(const struct stream_consumer *consumer)
{
	return consumer ? (struct slice){ consumer->name, consumer->name_len } : (struct slice){ NULL, 0 };
}

/* How many, the first and the last one, and how many each consumer has. */
static enum command_result
xpending_summary(struct bus *bus, struct session *s, struct streams *streams, const struct stream_group *group,
                 struct xwork *work)
{
	const struct pending *pending = &group->pending;
	struct answer *answer = &work->answer;
	char digits[NUM_DIGITS_MAX];
	size_t list, n = 0;

	answer_begin(answer, bus, s);
	work->has_answer = true;
	answer_array(answer, 4);
	answer_integer(answer, (int64_t)pending->n_entries);
	if (pending->n_entries == 0) {
		answer_null(answer);
		answer_null(answer);
		answer_null_array(answer);
		return xwork_send(bus, streams, group->stream, work);
	}
	answer_id(answer, pending_next(pending, STREAM_ID_MIN)->id);
	answer_id(answer, pending_prev(pending, STREAM_ID_MAX)->id);
	list = answer_open(answer);
	bus->flow.work.done += group->n_consumers * WORK_VISIT;
	for (size_t i = 0; i < group->n_consumers; i++) {
		const struct stream_consumer *consumer = group->consumers[i];

		if (consumer->n_pending == 0)
			continue;
		answer_array(answer, 2);
		answer_bulk(answer, xpending_name(consumer));
		answer_bulk(answer,
		            (struct slice){ (const uint8_t *)digits, num_put_u64(digits, consumer->n_pending) });
		n++;
	}
	answer_close_array(answer, list, n);
	return xwork_send(bus, streams, group->stream, work);
}

static void
xpending_put(struct answer *answer, const struct stream_pending *pending, uint64_t now_ms)
{
	answer_array(answer, 4);
	answer_id(answer, pending->id);
	answer_bulk(answer, xpending_name(pending->consumer));
	answer_integer(answer, pending_idle(pending, now_ms));
	answer_integer(answer, (int64_t)pending->deliveries);
}

/* Entry by entry, in as many turns as it takes. */
static enum command_result
xpending_list(struct bus *bus, struct session *s, struct streams *streams, const struct stream_group *group,
              const struct xpending *args, struct xwork *work, size_t next)
{
	const struct stream_consumer *consumer = args->consumer ? group_find_consumer(group, *args->consumer) : NULL;
	uint64_t now_ms = streams_now_ms(streams);
	const struct stream_pending *pending;

	if (next == 0) {
		answer_begin(&work->answer, bus, s);
		work->has_answer = true;
		work->list = answer_open(&work->answer);
		work->at = args->from;
	}
	while (work->n < args->count && (!args->consumer || consumer) &&
	       (pending = pending_next(&group->pending, work->at)) && stream_id_cmp(pending->id, args->to) <= 0) {
		bus->flow.work.done += 2 * WORK_VISIT;
		work->at = pending->id;
		if ((!args->consumer || pending->consumer == consumer) &&
		    (!pending->consumer || (uint64_t)pending_idle(pending, now_ms) >= args->min_idle)) {
			xpending_put(&work->answer, pending, now_ms);
			work->n++;
		}
		if (!stream_id_next(&work->at))
			break;
		if (answer_is_too_long(&work->answer)) {
			reply_error(bus, s, "ERR the answer is over queue_limit, %llu bytes; ask for a smaller count",
			            (unsigned long long)bus->flow.limits.queue_limit);
			return COMMAND_DONE;
		}
		if (xwork_must_pause(bus, s, work, 1))
			return COMMAND_MORE;
	}
	answer_close_array(&work->answer, work->list, work->n);
	return xwork_send(bus, streams, group->stream, work);
}

static enum command_result
xpending_run(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, struct xwork *work, size_t next)
{
	struct streams *streams = keyspace_open(bus, s, argv[1], KEYSPACE_READ);
	struct stream_group *group;
	struct xpending args;

	if (!streams)
		return COMMAND_DONE;
	if (argc != 3 && (argc < 6 || argc > 9)) {
		reply_error(bus, s, "ERR syntax error");
		return COMMAND_DONE;
	}
	if (argc > 3 && !xpending_require(bus, s, argv, argc, &args))
		return COMMAND_DONE;
	group = xgroup_require(bus, s, streams, argv[1], argv[2]);
	if (!group)
		return COMMAND_DONE;
	if (argc == 3)
		return xpending_summary(bus, s, streams, group, work);
	return xpending_list(bus, s, streams, group, &args, work, next);
}

enum command_result
cmd_xpending(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return xwork_run(bus, s, argv, argc, xpending_run);
}
