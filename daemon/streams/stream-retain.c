/*
 * A stream that gets too large is noted by stream_append(), which compares two numbers; one whose oldest entry gets too
 * old, by a heap. Once in a pass all that were noted are looked at, before the commit: so an answer that says that an
 * entry was added leaves when the stream is within its bounds again, however many entries the pass has added.
 *
 * What a group still needs is behind a floor: the smallest id that some group was not given or has not acknowledged.
 * While it keeps a stream from being trimmed, the stream is looked at again when anything of it changes, such as its
 * groups.
 */
#include "stream-retain.h"

#include <stdio.h>

#include "group.h"
#include "human.h"
#include "stream-rule.h"
#include "stream-trim.h"
#include "streams-registry.h"
#include "stream-name.h"
#include "streams-clock.h"

/* About so much of a pass; and what a client that adds an entry may take for it. */
#define RETAIN_WORK ((uint64_t)500 * 1000)
#define RETAIN_WORK_ADD ((uint64_t)50 * 1000)

/* When a stream is looked at again for which a block is fetched, or there was no memory. */
#define RETAIN_COLD_US 2000
#define RETAIN_ERROR_US 1000000

/* An entry may stay so much longer than max_age, as a part of that; and at most, in ms. */
#define RETAIN_SLACK_PART 16
#define RETAIN_SLACK_MS 60000

#define RETAIN_LOG_LINES 5
#define RETAIN_LOG_MS 60000

#define RETAINED(node) ((struct stream *)((char *)(node)-offsetof(struct stream, retain_due)))

void
stream_retain_init(struct streams *streams)
{
	TAILQ_INIT(&streams->retaining);
}

void
stream_retain_deinit(struct streams *streams)
{
	heap_deinit(&streams->retain_due);
}

/* The smallest id that some group needs. */
static struct stream_id
stream_retain_floor(struct streams *streams, const struct stream *stream)
{
	struct stream_id floor = STREAM_ID_MAX;
	const struct stream_group *group;

	streams->flow->work.done += stream->n_groups * (uint64_t)WORK_LOOKUP / 4;
	TAILQ_FOREACH(group, &stream->groups, link) {
		const struct stream_pending *first = pending_first(&group->pending);
		struct stream_id id = group->last;

		stream_id_next(&id);
		if (stream_id_cmp(id, floor) < 0)
			floor = id;
		if (first && stream_id_cmp(first->id, floor) < 0)
			floor = first->id;
	}
	return floor;
}

/* What the stream may have, by its rule. */
static struct stream_bounds
stream_retain_bounds(struct streams *streams, struct stream *stream, const struct stream_rule *rule)
{
	bool spares = rule->keep == STREAM_KEEP_UNACKED && stream->n_groups > 0;
	struct stream_bounds bounds = {
		.entries = UINT64_MAX,
		.bytes = UINT64_MAX,
		.hard_bytes = UINT64_MAX,
		.floor = spares ? stream_retain_floor(streams, stream) : STREAM_ID_MAX,
	};
	uint64_t now_ms = streams_now_ms(streams);

	if (rule->max_age_ms > 0 && now_ms > rule->max_age_ms)
		bounds.min_id.ms = now_ms - rule->max_age_ms;
	if (rule->when_full == STREAM_FULL_TRIM) {
		bounds.entries = rule->max_entries > 0 ? rule->max_entries : UINT64_MAX;
		bounds.hard_bytes = rule->max_bytes > 0 ? rule->max_bytes : UINT64_MAX;
	} else if (spares) { /* there is always room for one more, if anything was acknowledged */
		bounds.entries = rule->max_entries > 0 ? rule->max_entries - 1 : UINT64_MAX;
		bounds.bytes = rule->max_bytes > 0 ? rule->max_bytes - 1 : UINT64_MAX;
	}
	return bounds;
}

/* Removes what is too much until work.done is work_end. */
static enum stream_step
stream_retain_trim(struct streams *streams, struct stream *stream, const struct stream_rule *rule, uint64_t work_end)
{
	struct stream_bounds bounds = stream_retain_bounds(streams, stream, rule);
	enum stream_step step = stream_trim_to_bounds(streams, stream, &bounds, work_end);

	streams->trimmed += bounds.removed;
	streams->trimmed_needed += bounds.removed_needed;
	if (bounds.removed_needed > 0 &&
	    log_limit_allows(&streams->retain_log, RETAIN_LOG_LINES, RETAIN_LOG_MS, streams->flow->now_ms, NULL))
		log_warning("stream '%s': entries go that a group has not acknowledged (max_bytes = %s)",
		            stream_name_text(stream).text, human_exact_size(rule->max_bytes).text);
	stream->is_kept = bounds.is_kept;
	/* From here on an added entry is too much; while something is kept, any change is a reason to look again. */
	stream->bound_entries = bounds.is_kept ? UINT64_MAX : bounds.entries;
	stream->bound_bytes = bounds.hard_bytes < bounds.bytes ? bounds.hard_bytes : bounds.bytes;
	if (bounds.is_kept)
		stream->bound_bytes = bounds.hard_bytes;
	return step;
}

/* Looks at the stream again at that time, or without memory for that soon. */
static void
stream_retain_later(struct streams *streams, struct stream *stream, uint64_t due_us)
{
	heap_remove(&streams->retain_due, &stream->retain_due);
	if (heap_add(&streams->retain_due, &stream->retain_due, due_us) < 0)
		stream->bound_entries = 0; /* the next entry makes it be looked at */
}

/* When the oldest entry will be too old. */
static void
stream_retain_await_age(struct streams *streams, struct stream *stream, uint64_t max_age_ms)
{
	uint64_t now_ms = streams_now_ms(streams), slack_ms = max_age_ms / RETAIN_SLACK_PART, due_ms;

	if (stream->length == 0) {
		heap_remove(&streams->retain_due, &stream->retain_due);
		stream->bound_entries = 0; /* the first entry makes it be looked at */
		return;
	}
	if (stream->is_kept) {
		heap_remove(&streams->retain_due, &stream->retain_due);
		return;
	}
	if (slack_ms > RETAIN_SLACK_MS)
		slack_ms = RETAIN_SLACK_MS;
	due_ms = stream_first_id(stream).ms;
	due_ms = due_ms < UINT64_MAX - max_age_ms - 1 ? due_ms + max_age_ms + 1 : UINT64_MAX;
	if (due_ms < now_ms + slack_ms + 1)
		due_ms = now_ms + slack_ms + 1;
	if (due_ms - now_ms < UINT64_MAX / 2000)
		stream_retain_later(streams, stream, streams_now_us() + (due_ms - now_ms) * 1000);
}

/* One look at a stream that was noted. Returns whether it is done with it for now. */
static bool
stream_retain_look(struct streams *streams, struct stream *stream, uint64_t work_end)
{
	const struct stream_rule *rule = stream_rule(streams, stream);
	enum stream_step step = stream_retain_trim(streams, stream, rule, work_end);

	streams->flow->work.done += 2 * WORK_VISIT;
	if (step == STREAM_MORE)
		return false;
	if (step == STREAM_COLD)
		stream_retain_later(streams, stream, streams_now_us() + RETAIN_COLD_US);
	else if (step == STREAM_ERROR)
		stream_retain_later(streams, stream, streams_now_us() + RETAIN_ERROR_US);
	else if (rule->max_age_ms > 0)
		stream_retain_await_age(streams, stream, rule->max_age_ms);
	else
		heap_remove(&streams->retain_due, &stream->retain_due);
	return true;
}

void
streams_retain(struct streams *streams)
{
	uint64_t work_end = streams->flow->work.done + RETAIN_WORK, now_us;
	struct heap_node *due = heap_first(&streams->retain_due);
	struct stream *stream;

	if (streams->is_dead || streams->is_filling) /* the batch is to become whole */
		return;
	now_us = due ? streams_now_us() : 0;
	while (due && due->key <= now_us && streams->flow->work.done < work_end) {
		heap_remove(&streams->retain_due, due);
		stream_note_full(streams, RETAINED(due));
		streams->flow->work.done += WORK_LOOKUP;
		due = heap_first(&streams->retain_due);
	}
	while ((stream = TAILQ_FIRST(&streams->retaining)) && streams->flow->work.done < work_end) {
		stream_unnote_full(streams, stream);
		if (!stream_retain_look(streams, stream, work_end))
			stream_note_full(streams, stream);
	}
}

bool
streams_must_retain(const struct streams *streams)
{
	return !TAILQ_EMPTY(&streams->retaining) && !streams->is_dead;
}

uint64_t
streams_retain_deadline(const struct streams *streams)
{
	const struct heap_node *due = heap_first(&streams->retain_due);

	return due && !streams->is_dead ? due->key : UINT64_MAX;
}

static bool
stream_retain_is_full(const struct stream *stream, const struct stream_rule *rule)
{
	return rule->when_full == STREAM_FULL_REFUSE &&
	       ((rule->max_entries > 0 && stream->length >= rule->max_entries) ||
	        (rule->max_bytes > 0 && stream->bytes >= rule->max_bytes));
}

const char *
stream_retain_refusal(struct streams *streams, struct stream *stream)
{
	const struct stream_rule *rule = stream_rule(streams, stream);
	char bound[64];

	if (!stream_retain_is_full(stream, rule))
		return NULL;
	stream_retain_trim(streams, stream, rule, streams->flow->work.done + RETAIN_WORK_ADD);
	if (!stream_retain_is_full(stream, rule))
		return NULL;
	if (rule->max_entries > 0 && stream->length >= rule->max_entries)
		snprintf(bound, sizeof(bound), "max_entries = %llu", (unsigned long long)rule->max_entries);
	else
		snprintf(bound, sizeof(bound), "max_bytes = %s", human_exact_size(rule->max_bytes).text);
	stream_note_full(streams, stream); /* perhaps a block has to be read first */
	snprintf(streams->refusal, sizeof(streams->refusal), "OOM command not allowed: the stream is full (%s)", bound);
	streams->refused_full++;
	return streams->refusal;
}
