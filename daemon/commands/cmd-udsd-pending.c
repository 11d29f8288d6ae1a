/* UDSD PENDING: each entry that a group has given and not seen acknowledged, with what became of it so far. */
#include "handlers.h"
#include "num.h"
#include "streams-clock.h"
#include "xgroup.h"
#include "xwork.h"

struct udsd_pending {
	struct stream_id from, to;
	uint64_t count;
};

/* [start [end [COUNT count]]] */
static bool
udsd_pending_require(struct bus *bus, struct session *s, const struct slice *argv, size_t argc,
                     struct udsd_pending *ret_args)
{
	struct udsd_pending args = { STREAM_ID_MIN, STREAM_ID_MAX, UINT64_MAX };
	const char *mistake = NULL;
	int64_t count;

	if (argc > 4)
		mistake = stream_id_parse_bound(argv[4], false, &args.from);
	if (!mistake && argc > 5)
		mistake = stream_id_parse_bound(argv[5], true, &args.to);
	if (!mistake && argc > 6 && (argc != 8 || !slice_is_word(argv[6], "COUNT")))
		mistake = "ERR syntax error";
	if (mistake) {
		reply_error(bus, s, "%s", mistake);
		return false;
	}
	if (argc > 6) {
		if (!keyspace_require_integer(bus, s, argv[7], &count))
			return false;
		args.count = count > 0 ? (uint64_t)count : 0;
	}
	*ret_args = args;
	return true;
}

/* What becomes of the entry; *ret_due_ms: if that is for later, in how many ms. */
static const char *
udsd_pending_state(const struct stream_group *group, const struct stream_pending *pending, uint64_t *ret_due_ms)
{
	const struct handout *handout = pending->handout;
	uint64_t now_us;

	*ret_due_ms = 0;
	if (handout && handout->is_delayed) {
		now_us = streams_now_us();
		*ret_due_ms = handout->due.key > now_us ? (handout->due.key - now_us + 999) / 1000 : 0;
		return "delayed";
	}
	if (!handout && group->handouts && pending_find(&group->handouts->doomed, pending->id))
		return "dead";
	if (!pending->consumer ||
	    (!handout && group->handouts && pending_find(&group->handouts->released, pending->id)))
		return "released";
	return "running";
}

static void
udsd_pending_put_figure(struct answer *answer, const char *name, uint64_t value)
{
	answer_text(answer, name);
	answer_integer(answer, (int64_t)value);
}

static void
udsd_pending_put(struct answer *answer, const struct stream_group *group, const struct stream_pending *pending,
                 uint64_t now_ms)
{
	static const char *const causes[PENDING_CAUSES] = { "failed", "timed_out", "died", "released" };
	const struct pending_history *history = pending->history;
	const struct client *client =
	    pending->handout && pending->handout->holder ? pending->handout->holder->client : NULL;
	const struct stream_consumer *consumer = pending->consumer;
	bool has_status = history && history->has_status, has_text = history && history->text_len > 0;
	uint64_t due_ms;
	const char *state = udsd_pending_state(group, pending, &due_ms);

	answer_map(answer, 13 + has_status + has_text);
	answer_text(answer, "id");
	answer_id(answer, pending->id);
	answer_text(answer, "consumer");
	answer_bulk(answer,
	            consumer ? (struct slice){ consumer->name, consumer->name_len } : (struct slice){ NULL, 0 });
	answer_text(answer, "state");
	answer_text(answer, state);
	answer_text(answer, "idle_ms");
	answer_integer(answer, pending_idle(pending, now_ms));
	udsd_pending_put_figure(answer, "deliveries", pending->deliveries);
	udsd_pending_put_figure(answer, "due_ms", due_ms);
	for (size_t i = 0; i < PENDING_CAUSES; i++)
		udsd_pending_put_figure(answer, causes[i], history ? history->ended[i] : 0);
	udsd_pending_put_figure(answer, "pid", client && client->identity.pid > 0 ? (uint64_t)client->identity.pid : 0);
	udsd_pending_put_figure(answer, "uid", client ? client->identity.uid : 0);
	udsd_pending_put_figure(answer, "client", client ? client->id : 0);
	if (has_status) {
		answer_text(answer, "status");
		answer_integer(answer, history->status);
	}
	if (has_text) {
		answer_text(answer, "text");
		answer_bulk(answer, (struct slice){ history->text, history->text_len });
	}
}

static enum command_result
udsd_pending_list(struct bus *bus, struct session *s, struct streams *streams, const struct stream_group *group,
                  const struct udsd_pending *args, struct xwork *work, size_t next)
{
	const struct stream_pending *pending;

	if (next == 0) {
		answer_begin(&work->answer, bus, s);
		work->has_answer = true;
		work->list = answer_open(&work->answer);
		work->at = args->from;
	}
	while (work->n < args->count && (pending = pending_next(&group->pending, work->at)) &&
	       stream_id_cmp(pending->id, args->to) <= 0) {
		bus->flow.work.done += 2 * WORK_LOOKUP;
		udsd_pending_put(&work->answer, group, pending, streams_now_ms(streams));
		work->n++;
		work->at = pending->id;
		if (!stream_id_next(&work->at))
			break;
		if (work->n > 1 && answer_is_too_long(&work->answer)) {
			reply_error(bus, s, "ERR the answer is over queue_limit, %llu bytes; ask for a smaller COUNT",
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
udsd_pending_run(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, struct xwork *work,
                 size_t next)
{
	struct streams *streams = keyspace_open(bus, s, argv[2], KEYSPACE_READ);
	struct stream_group *group;
	struct udsd_pending args;

	if (!streams || !udsd_pending_require(bus, s, argv, argc, &args))
		return COMMAND_DONE;
	group = xgroup_require(bus, s, streams, argv[2], argv[3]);
	if (!group)
		return COMMAND_DONE;
	return udsd_pending_list(bus, s, streams, group, &args, work, next);
}

enum command_result
cmd_udsd_pending(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return xwork_run(bus, s, argv, argc, udsd_pending_run);
}
