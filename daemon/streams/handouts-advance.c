/*
 * Each step is done only as far as the work of a pass goes: connections that end with many entries, groups that go with
 * many, and groups that are scanned.
 */
#include "handouts-advance.h"

#include <stdlib.h>

#include "handouts.h"
#include "streams-clock.h"

/* Whoever had it was interrupted by the end of the daemon, and is not to blame. */
static void
handouts_release_orphan(struct streams *streams, struct handouts *handouts, struct stream_pending *entry)
{
	entry->deliveries -= entry->deliveries > 0 && entry->deliveries < INT64_MAX;
	handouts_note(streams, handouts, entry, PENDING_RELEASED, 0);
	handouts_settle(streams, handouts, entry, 0);
}

/* The connection is gone, or the time has come. */
static void
handout_let_go(struct streams *streams, struct handout *handout, bool is_due)
{
	struct handouts *handouts = handout->handouts;
	const struct stream_delivery *delivery;
	struct stream_pending *entry;

	streams->flow->work.done += WORK_LOOKUP;
	if (!handouts->stream) {
		handout_free(streams, handout);
		return;
	}
	entry = pending_find(handouts->pending, handout->id);
	delivery = handouts_delivery(streams, handouts);
	if (!stream_delivery_redelivers(delivery)) {
		handouts_forget(streams, handouts, entry);
		return;
	}
	if (handout->is_orphan) {
		handouts_release_orphan(streams, handouts, entry);
		return;
	}
	if (is_due && !handout->is_delayed && delivery->redeliver_ms == 0) {
		heap_remove(&streams->handouts_due, &handout->due);
		return;
	}
	if (!handout->is_delayed)
		handouts_note(streams, handouts, entry, is_due ? PENDING_TIMED_OUT : PENDING_DIED, 0);
	handouts_settle(streams, handouts, entry, 0);
}

/* One entry of a group that is scanned. */
static void
handouts_scan_one(struct streams *streams, struct handouts *handouts, struct stream_pending *entry)
{
	const struct stream_delivery *delivery = handouts_delivery(streams, handouts);
	bool is_offered = pending_find(&handouts->released, entry->id) || pending_find(&handouts->doomed, entry->id);

	streams->flow->work.done += WORK_LOOKUP;
	if (entry->handout && entry->handout->is_orphan)
		return;
	if (entry->handout && !entry->handout->is_delayed) {
		handouts_give(streams, handouts, entry, entry->handout->holder);
	} else if (is_offered) { /* perhaps it is doomed now, or not any more */
		handouts_settle(streams, handouts, entry, 0);
	} else if (!entry->handout && (!entry->consumer || (entry->history && entry->history->is_over))) {
		handouts_settle(streams, handouts, entry, handouts_delay_left(streams, handouts, entry));
	} else if (handouts->has_orphans && !entry->handout && delivery->is_own && streams->orphans_ms > 0) {
		handouts_keep(streams, handouts, entry, streams->orphans_ms);
	} else if (handouts->has_orphans && !entry->handout) {
		handouts_release_orphan(streams, handouts, entry);
	} else if (delivery->redeliver_ms > 0 && !entry->handout) {
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

		if (stream_delivery_redelivers(handouts_delivery(streams, handouts)))
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
	struct pending_history *history;
	struct handouts *handouts;

	while (streams->flow->work.done < work_end && (history = TAILQ_FIRST(&streams->histories_gone))) {
		TAILQ_REMOVE(&streams->histories_gone, history, link);
		streams->flow->work.done += WORK_LOOKUP;
		pending_history_free(history);
	}
	while (streams->flow->work.done < work_end && (handouts = TAILQ_FIRST(&streams->handouts_gone))) {
		struct handout *handout = TAILQ_FIRST(&handouts->list);

		streams->flow->work.done += WORK_VISIT;
		if (handout) {
			handout_free(streams, handout);
			continue;
		}
		TAILQ_REMOVE(&streams->handouts_gone, handouts, link);
		streams->flow->work.done += (handouts->released.n + handouts->doomed.n) * WORK_VISIT;
		pending_deinit(&handouts->released);
		pending_deinit(&handouts->doomed);
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
	while (streams->flow->work.done < work_end && !streams->keeps_handouts &&
	       (holder = TAILQ_FIRST(&streams->holders_ending))) {
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
	return (!TAILQ_EMPTY(&streams->holders_ending) && !streams->keeps_handouts) ||
	       !TAILQ_EMPTY(&streams->handouts_gone) || !TAILQ_EMPTY(&streams->histories_gone) ||
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
