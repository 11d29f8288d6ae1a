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
#include "stream.h"
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
	TAILQ_INIT(&streams->handouts_doomed);
	TAILQ_INIT(&streams->histories_gone);
	TAILQ_INIT(&streams->holders_ending);
}

struct handouts *
handouts_new(struct streams *streams, struct stream *stream, uint64_t group, struct pending *pending,
             struct group_values *values)
{
	struct handouts *handouts = calloc(1, sizeof(*handouts));

	if (!handouts)
		return NULL;
	streams->flow->work.done += WORK_LOOKUP;
	handouts->stream = stream;
	handouts->group = group;
	handouts->pending = pending;
	handouts->values = values;
	pending_init(&handouts->released);
	pending_init(&handouts->doomed);
	TAILQ_INIT(&handouts->list);
	return handouts;
}

const struct stream_delivery *
handouts_delivery(struct streams *streams, struct handouts *handouts)
{
	return group_delivery(streams, handouts->stream, handouts->values);
}

static void
handouts_charge(struct streams *streams, struct handouts *handouts)
{
	size_t n = (handouts->n + HANDOUTS_CHARGED - 1) / HANDOUTS_CHARGED * HANDOUTS_CHARGED;
	size_t leaves = handouts->released.n + handouts->doomed.n, bytes;

	if (n == handouts->n_charged && leaves == handouts->leaves_charged)
		return;
	handouts->n_charged = n;
	handouts->leaves_charged = leaves;
	bytes = n * (sizeof(struct handout) + sizeof(struct heap_node *)) + pending_bytes(&handouts->released) +
	        pending_bytes(&handouts->doomed);

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
	handout->handouts->n_delayed -= handout->is_delayed;
	handout->is_delayed = false;
}

void
handout_free(struct streams *streams, struct handout *handout)
{
	handout_detach(streams, handout);
	TAILQ_REMOVE(&handout->handouts->list, handout, group_link);
	handout->handouts->n--;
	free(handout);
}

void
handouts_stop_scan(struct streams *streams, struct handouts *handouts)
{
	if (handouts->is_scanned)
		TAILQ_REMOVE(&streams->handouts_scanned, handouts, link);
	handouts->is_scanned = handouts->has_orphans = false;
}

/* The entry is not released or doomed any more, if it was. */
static void
handouts_take(struct streams *streams, struct handouts *handouts, struct stream_id id)
{
	if (handouts->released.n_entries > 0)
		pending_remove(&handouts->released, id, NULL);
	if (handouts->doomed.n_entries > 0 && pending_remove(&handouts->doomed, id, NULL) &&
	    handouts->doomed.n_entries == 0)
		TAILQ_REMOVE(&streams->handouts_doomed, handouts, doomed_link);
}

void
handouts_charge_histories(struct streams *streams, const struct stream *stream, struct pending_histories *histories)
{
	if (histories->bytes != histories->charged)
		stream_charge(streams, stream->uid, (int64_t)histories->bytes - (int64_t)histories->charged);
	histories->charged = histories->bytes;
}

void
handouts_take_histories(struct streams *streams, const struct stream *stream, struct pending_histories *histories)
{
	TAILQ_CONCAT(&streams->histories_gone, &histories->list, link);
	histories->bytes = 0;
	handouts_charge_histories(streams, stream, histories);
}

void
handouts_end(struct streams *streams, struct handouts *handouts)
{
	if (!handouts)
		return;
	handouts_stop_scan(streams, handouts);
	if (handouts->doomed.n_entries > 0)
		TAILQ_REMOVE(&streams->handouts_doomed, handouts, doomed_link);
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
	handouts_take(streams, handouts, entry->id);
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
	handouts_take(streams, handouts, entry->id);
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
	uint64_t redeliver_ms = handouts_delivery(streams, handouts)->redeliver_ms;
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
	if (entry->history) {
		entry->history->is_over = entry->history->is_fatal = false;
		entry->history->due_ms = 0;
	}
	handout->is_orphan = false;
	handout->holder = holder;
	if (holder)
		TAILQ_INSERT_TAIL(&holder->list, handout, link);
}

void
handouts_keep(struct streams *streams, struct handouts *handouts, struct stream_pending *entry, uint64_t keep_ms)
{
	struct handout *handout = handouts_get(streams, handouts, entry);

	if (handout && heap_add(&streams->handouts_due, &handout->due, streams_now_us() + keep_ms * 1000) == 0) {
		handout->is_delayed = false;
		handout->is_orphan = true;
		return;
	}
	handouts_forget(streams, handouts, entry);
	handouts_lack_memory(streams, handouts);
}

/* The entry can be given at once. */
static void
handouts_offer(struct streams *streams, struct handouts *handouts, struct stream_pending *entry)
{
	bool is_new = !pending_find(&handouts->released, entry->id);

	streams->flow->work.done += 2 * WORK_LOOKUP;
	if (entry->history)
		entry->history->due_ms = 0;
	if (is_new)
		handouts_take(streams, handouts, entry->id);
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

/* Nobody gets the entry any more: it is for the dead-letter stream. */
static void
handouts_doom(struct streams *streams, struct handouts *handouts, struct stream_pending *entry)
{
	bool is_first;

	if (pending_find(&handouts->doomed, entry->id))
		return;
	is_first = handouts->doomed.n_entries == 0;
	handouts_forget(streams, handouts, entry);
	streams->flow->work.done += 2 * WORK_LOOKUP;
	if (!pending_add(&handouts->doomed, entry->id)) {
		handouts_lack_memory(streams, handouts);
		return;
	}
	if (is_first)
		TAILQ_INSERT_TAIL(&streams->handouts_doomed, handouts, doomed_link);
	streams->doomed_retry_us = 0;
	handouts_charge(streams, handouts);
}

static bool
handouts_is_doomed(const struct stream_delivery *delivery, const struct stream_pending *entry)
{
	return stream_delivery_has_dead_letter(delivery) &&
	       ((entry->history && entry->history->is_fatal) || entry->deliveries == INT64_MAX ||
	        (delivery->max_deliveries > 0 && entry->deliveries >= delivery->max_deliveries));
}

void
handouts_settle(struct streams *streams, struct handouts *handouts, struct stream_pending *entry, uint64_t delay_ms)
{
	struct handout *handout;

	if (handouts_is_doomed(handouts_delivery(streams, handouts), entry)) {
		handouts_doom(streams, handouts, entry);
		return;
	}
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
		handouts->n_delayed++;
		handout->is_orphan = false;
		return;
	}
	handouts_forget(streams, handouts, entry);
	handouts_lack_memory(streams, handouts);
}

void
handouts_note(struct streams *streams, struct handouts *handouts, struct stream_pending *entry,
              enum pending_cause cause, uint64_t delay_ms)
{
	struct pending *pending = handouts->pending;
	struct pending_history *history = pending_history_get(&pending->histories, &entry->history);
	size_t n_dirty = pending->n_dirty;

	streams->flow->work.done += 2 * WORK_LOOKUP;
	if (history) {
		history->ended[cause] = pending_count(history->ended[cause]);
		history->cause = (uint8_t)cause;
		history->is_over = true;
		history->consumer = entry->consumer ? entry->consumer->no : history->consumer;
		history->due_ms = delay_ms > 0 ? streams_unix_ms() + delay_ms : 0;
	}
	pending_changed(pending, entry);
	streams->dirty_bytes += pending_batch_bytes(pending, n_dirty);
	if (pending->n_dirty == n_dirty && pending->histories.bytes > pending->histories.charged)
		streams->dirty_bytes += pending->histories.bytes - pending->histories.charged;
	handouts_charge_histories(streams, handouts->stream, &pending->histories);
	stream_touch_part(streams, handouts->stream);
}

void
handouts_release(struct streams *streams, struct handouts *handouts, struct stream_pending *entry,
                 enum pending_cause cause)
{
	uint64_t delay_ms = stream_delivery_delay(handouts_delivery(streams, handouts), entry->deliveries);

	handouts_note(streams, handouts, entry, cause, delay_ms);
	handouts_settle(streams, handouts, entry, delay_ms);
}

uint64_t
handouts_delay_left(struct streams *streams, struct handouts *handouts, const struct stream_pending *entry)
{
	uint64_t delay_ms = stream_delivery_delay(handouts_delivery(streams, handouts), entry->deliveries);
	uint64_t due_ms = entry->history ? entry->history->due_ms : 0, now_ms = streams_unix_ms();
	uint64_t left_ms = due_ms > now_ms ? due_ms - now_ms : 0;

	/* The clock may have been set back. */
	return left_ms < delay_ms ? left_ms : delay_ms;
}

struct holder *
holder_new(const struct client *client)
{
	struct holder *holder = malloc(sizeof(*holder));

	if (!holder)
		return NULL;
	TAILQ_INIT(&holder->list);
	holder->client = client;
	return holder;
}

void
holder_end(struct streams *streams, struct holder *holder)
{
	if (!holder)
		return;
	holder->client = NULL;
	TAILQ_INSERT_TAIL(&streams->holders_ending, holder, link);
}
