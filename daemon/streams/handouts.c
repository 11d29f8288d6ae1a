/*
 * A pending entry of such a group is in one of three states: it has a handout, which is in the list of the connection
 * that has it; it has a handout that waits for its time; or its id is among the released ones. Whatever may be long,
 * a connection that ends with many entries or a group that goes, is put on a list, and done in portions by
 * handouts_advance(). So a handout may be met whose group is gone, which it finds out from handouts.stream.
 *
 * If there is no memory for a handout or an id, the entry has neither, and the group is scanned, as it is when rules
 * have changed: that finds the entry, and releases it.
 */
#include "handouts.h"

#include <errno.h>
#include <stdlib.h>

#include "blocked.h"
#include "stream-owner.h"
#include "stream-rule.h"
#include "streams-clock.h"

/* For how long nothing is scanned once there was no memory for it. */
#define HANDOUTS_RETRY_US 1000000

/* Memory is charged for so many handouts at a time. */
#define HANDOUTS_CHARGED 64

void
handouts_init_all(struct streams *streams)
{
	TAILQ_INIT(&streams->handouts_scanned);
	TAILQ_INIT(&streams->handouts_gone);
	TAILQ_INIT(&streams->holders_ending);
}

struct handouts *
handouts_new(struct streams *streams, struct stream *stream, uint64_t group, struct pending *pending)
{
	struct handouts *handouts = calloc(1, sizeof(*handouts));

	if (!handouts)
		return NULL;
	streams->flow->work.done += WORK_LOOKUP;
	handouts->stream = stream;
	handouts->group = group;
	handouts->pending = pending;
	pending_init(&handouts->released);
	TAILQ_INIT(&handouts->list);
	return handouts;
}

static void
handouts_charge(struct streams *streams, struct handouts *handouts)
{
	size_t n = (handouts->n + HANDOUTS_CHARGED - 1) / HANDOUTS_CHARGED * HANDOUTS_CHARGED;
	size_t bytes = n * (sizeof(struct handout) + sizeof(struct heap_node *)) + pending_bytes(&handouts->released);

	if (bytes != handouts->charged)
		stream_charge(streams, handouts->stream->uid, (int64_t)bytes - (int64_t)handouts->charged);
	handouts->charged = bytes;
}

/* Nobody has it, and it waits for nothing. */
static void
handout_detach(struct streams *streams, struct handout *handout)
{
	streams->flow->work.done += WORK_LOOKUP;
	heap_remove(&streams->handouts_due, &handout->due);
	if (handout->holder)
		TAILQ_REMOVE(&handout->holder->list, handout, link);
	handout->holder = NULL;
}

static void
handout_free(struct streams *streams, struct handout *handout)
{
	handout_detach(streams, handout);
	TAILQ_REMOVE(&handout->handouts->list, handout, group_link);
	handout->handouts->n--;
	free(handout);
}

static void
handouts_stop_scan(struct streams *streams, struct handouts *handouts)
{
	if (handouts->is_scanned)
		TAILQ_REMOVE(&streams->handouts_scanned, handouts, link);
	handouts->is_scanned = handouts->has_orphans = false;
}

void
handouts_end(struct streams *streams, struct handouts *handouts)
{
	if (!handouts)
		return;
	handouts_stop_scan(streams, handouts);
	stream_charge(streams, handouts->stream->uid, -(int64_t)handouts->charged);
	handouts->stream = NULL;
	handouts->pending = NULL;
	TAILQ_INSERT_TAIL(&streams->handouts_gone, handouts, link);
}

void
handouts_scan(struct streams *streams, struct handouts *handouts, bool has_orphans)
{
	handouts->scan_at = STREAM_ID_MIN;
	handouts->has_orphans |= has_orphans;
	if (!handouts->is_scanned)
		TAILQ_INSERT_TAIL(&streams->handouts_scanned, handouts, link);
	handouts->is_scanned = true;
}

static void
handouts_lack_memory(struct streams *streams, struct handouts *handouts)
{
	handouts_scan(streams, handouts, true);
	streams->handouts_retry_us = streams_now_us() + HANDOUTS_RETRY_US;
}

void
handouts_forget(struct streams *streams, struct handouts *handouts, struct stream_pending *entry)
{
	if (handouts->released.n_entries > 0)
		pending_remove(&handouts->released, entry->id, NULL);
	if (entry->handout)
		handout_free(streams, entry->handout);
	entry->handout = NULL;
	handouts_charge(streams, handouts);
}

/* The handout of the entry, which waits for nothing; a new one if it has none. Returns NULL without memory. */
static struct handout *
handouts_get(struct streams *streams, struct handouts *handouts, struct stream_pending *entry)
{
	struct handout *handout = entry->handout;

	streams->flow->work.done += WORK_LOOKUP;
	if (handout) {
		handout_detach(streams, handout);
		return handout;
	}
	if (handouts->released.n_entries > 0)
		pending_remove(&handouts->released, entry->id, NULL);
	handout = calloc(1, sizeof(*handout));
	if (!handout)
		return NULL;
	handout->handouts = handouts;
	handout->id = entry->id;
	TAILQ_INSERT_TAIL(&handouts->list, handout, group_link);
	handouts->n++;
	entry->handout = handout;
	handouts_charge(streams, handouts);
	return handout;
}

/* When an entry that somebody has is given again. */
static uint64_t
handouts_redeliver_us(const struct stream_pending *entry, uint64_t redeliver_ms)
{
	uint64_t due_ms = entry->delivered_ms + redeliver_ms, now_ms = streams_unix_ms();
	uint64_t left_ms = due_ms > now_ms ? due_ms - now_ms : 0;

	/* The clock may have been set back. */
	return streams_now_us() + (left_ms < redeliver_ms ? left_ms : redeliver_ms) * 1000;
}

void
handouts_give(struct streams *streams, struct handouts *handouts, struct stream_pending *entry, struct holder *holder)
{
	uint64_t redeliver_ms = stream_rule(streams, handouts->stream)->redeliver_ms;
	struct handout *handout = handouts_get(streams, handouts, entry);

	if (handout && redeliver_ms > 0 &&
	    heap_add(&streams->handouts_due, &handout->due, handouts_redeliver_us(entry, redeliver_ms)) < 0) {
		handouts_forget(streams, handouts, entry);
		handout = NULL;
	}
	if (!handout) {
		handouts_lack_memory(streams, handouts);
		return;
	}
	handout->is_delayed = false;
	handout->holder = holder;
	if (holder)
		TAILQ_INSERT_TAIL(&holder->list, handout, link);
}

/* The entry can be given at once. */
static void
handouts_offer(struct streams *streams, struct handouts *handouts, struct stream_pending *entry)
{
	bool is_new = !pending_find(&handouts->released, entry->id);

	streams->flow->work.done += 2 * WORK_LOOKUP;
	if (is_new && !pending_add(&handouts->released, entry->id)) {
		handouts_forget(streams, handouts, entry);
		handouts_lack_memory(streams, handouts);
		return;
	}
	if (entry->handout)
		handout_free(streams, entry->handout);
	entry->handout = NULL;
	handouts_charge(streams, handouts);
	streams->released += is_new;
	blocked_wake_next(streams, handouts->stream, handouts->group);
}

void
handouts_release(struct streams *streams, struct handouts *handouts, struct stream_pending *entry)
{
	const struct stream_rule *rule = stream_rule(streams, handouts->stream);
	uint64_t delay_ms = stream_rule_delay(rule, entry->deliveries);
	struct handout *handout;

	if (entry->deliveries == INT64_MAX) {
		handouts_forget(streams, handouts, entry);
		return;
	}
	if (delay_ms == 0) {
		handouts_offer(streams, handouts, entry);
		return;
	}
	handout = handouts_get(streams, handouts, entry);
	if (handout && heap_add(&streams->handouts_due, &handout->due, streams_now_us() + delay_ms * 1000) == 0) {
		handout->is_delayed = true;
		return;
	}
	handouts_forget(streams, handouts, entry);
	handouts_lack_memory(streams, handouts);
}

struct holder *
holder_new(void)
{
	struct holder *holder = malloc(sizeof(*holder));

	if (holder)
		TAILQ_INIT(&holder->list);
	return holder;
}

void
holder_end(struct streams *streams, struct holder *holder)
{
	if (holder)
		TAILQ_INSERT_TAIL(&streams->holders_ending, holder, link);
}

/* The connection is gone, or the time has come. */
static void
handout_let_go(struct streams *streams, struct handout *handout, bool is_due)
{
	struct handouts *handouts = handout->handouts;
	const struct stream_rule *rule;
	struct stream_pending *entry;

	streams->flow->work.done += WORK_LOOKUP;
	if (!handouts->stream) {
		handout_free(streams, handout);
		return;
	}
	entry = pending_find(handouts->pending, handout->id);
	rule = stream_rule(streams, handouts->stream);
	if (!stream_rule_redelivers(rule))
		handouts_forget(streams, handouts, entry);
	else if (is_due && !handout->is_delayed && rule->redeliver_ms == 0)
		heap_remove(&streams->handouts_due, &handout->due);
	else if (is_due)
		handouts_offer(streams, handouts, entry);
	else
		handouts_release(streams, handouts, entry);
}

/* One entry of a group that is scanned. */
static void
handouts_scan_one(struct streams *streams, struct handouts *handouts, struct stream_pending *entry)
{
	uint64_t redeliver_ms = stream_rule(streams, handouts->stream)->redeliver_ms;

	streams->flow->work.done += WORK_LOOKUP;
	if (entry->handout && !entry->handout->is_delayed)
		handouts_give(streams, handouts, entry, entry->handout->holder);
	else if (!entry->handout && !pending_find(&handouts->released, entry->id)) {
		if (handouts->has_orphans || !entry->consumer)
			handouts_release(streams, handouts, entry);
		else if (redeliver_ms > 0)
			handouts_give(streams, handouts, entry, NULL);
	}
}

static bool
handouts_can_scan(const struct streams *streams)
{
	return !TAILQ_EMPTY(&streams->handouts_scanned) &&
	       (streams->handouts_retry_us == 0 || streams_now_us() >= streams->handouts_retry_us);
}

static void
handouts_advance_scans(struct streams *streams, uint64_t work_end)
{
	struct handouts *handouts = TAILQ_FIRST(&streams->handouts_scanned);

	streams->handouts_retry_us = 0;
	while (handouts && streams->flow->work.done < work_end && streams->handouts_retry_us == 0) {
		struct stream_pending *entry = NULL;
		struct stream_id id;

		if (stream_rule_redelivers(stream_rule(streams, handouts->stream)))
			entry = pending_next(handouts->pending, handouts->scan_at);
		if (entry) {
			id = entry->id;
			handouts_scan_one(streams, handouts, entry);
			if (streams->handouts_retry_us > 0) /* it begins again */
				return;
			handouts->scan_at = id;
		}
		if (!entry || !stream_id_next(&handouts->scan_at)) {
			handouts_stop_scan(streams, handouts);
			handouts = TAILQ_FIRST(&streams->handouts_scanned);
		}
	}
}

static void
handouts_advance_gone(struct streams *streams, uint64_t work_end)
{
	struct handouts *handouts;

	while (streams->flow->work.done < work_end && (handouts = TAILQ_FIRST(&streams->handouts_gone))) {
		struct handout *handout = TAILQ_FIRST(&handouts->list);

		streams->flow->work.done += WORK_VISIT;
		if (handout) {
			handout_free(streams, handout);
			continue;
		}
		TAILQ_REMOVE(&streams->handouts_gone, handouts, link);
		streams->flow->work.done += handouts->released.n * WORK_VISIT;
		pending_deinit(&handouts->released);
		free(handouts);
	}
}

void
handouts_advance(struct streams *streams, uint64_t work_end)
{
	uint64_t now_us = heap_first(&streams->handouts_due) ? streams_now_us() : 0;
	struct heap_node *first;
	struct holder *holder;

	while (streams->flow->work.done < work_end && (first = heap_first(&streams->handouts_due)) &&
	       first->key <= now_us)
		handout_let_go(streams, (struct handout *)((char *)first - offsetof(struct handout, due)), true);
	while (streams->flow->work.done < work_end && (holder = TAILQ_FIRST(&streams->holders_ending))) {
		struct handout *handout = TAILQ_FIRST(&holder->list);

		if (handout) {
			handout_let_go(streams, handout, false);
			continue;
		}
		TAILQ_REMOVE(&streams->holders_ending, holder, link);
		free(holder);
	}
	handouts_advance_gone(streams, work_end);
	if (handouts_can_scan(streams))
		handouts_advance_scans(streams, work_end);
}

void
handouts_deinit_all(struct streams *streams)
{
	struct holder *holder;

	handouts_advance_gone(streams, UINT64_MAX);
	while ((holder = TAILQ_FIRST(&streams->holders_ending))) {
		TAILQ_REMOVE(&streams->holders_ending, holder, link);
		free(holder);
	}
	heap_deinit(&streams->handouts_due);
}

bool
handouts_have_work(const struct streams *streams)
{
	return !TAILQ_EMPTY(&streams->holders_ending) || !TAILQ_EMPTY(&streams->handouts_gone) ||
	       handouts_can_scan(streams);
}

uint64_t
handouts_next_deadline(const struct streams *streams)
{
	const struct heap_node *first = heap_first(&streams->handouts_due);
	uint64_t us = first ? first->key : UINT64_MAX;

	if (!TAILQ_EMPTY(&streams->handouts_scanned) && streams->handouts_retry_us > 0 &&
	    streams->handouts_retry_us < us)
		us = streams->handouts_retry_us;
	return us;
}
