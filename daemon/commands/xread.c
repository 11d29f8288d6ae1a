#include "xread.h"

#include <stdlib.h>

#include "group-lag.h"
#include "streams.h"
#include "xgroup.h"
#include "xread-claims.h"

/* One stream in the answer. */
struct xread_part {
	struct stream *stream;
	size_t list; /* where the list of its entries begins in the answer */
	uint64_t n;  /* entries */
	bool is_open;
};

static void
xread_open(struct xread *read, struct xread_part *part)
{
	if (part->is_open)
		return;
	part->is_open = true;
	if (!client_is_resp3(&read->s->client))
		answer_array(&read->answer, 2);
	answer_bulk(&read->answer, (struct slice){ part->stream->name, part->stream->name_len });
	part->list = answer_open(&read->answer);
}

static void
xread_close(struct xread *read, struct xread_part *part)
{
	struct barrier *hold = streams_barrier(read->streams, part->stream);

	if (!part->is_open)
		return;
	answer_close_array(&read->answer, part->list, part->n);
	read->n_served++;
	read->hold = barrier_later(read->hold, hold);
	read->streams->read += part->n;
}

/* Whether nothing more is taken into the part. */
static bool
xread_is_full(const struct xread *read, const struct xread_part *part)
{
	return part->n >= read->args.count || answer_bytes(&read->answer) >= XREAD_BYTES;
}

/* What a step that found no entry means: STREAM_END to end the part as it is; or the step, for which it is dropped. */
static enum stream_step
xread_stop(struct xread *read, enum stream_step step)
{
	if (step == STREAM_END || answer_bytes(&read->answer) >= XREAD_BYTES_COLD ||
	    (read->n_served > 0 && read->args.is_group))
		return STREAM_END;
	return step;
}

enum stream_step
xread_serve_plain(struct xread *read, struct stream *stream, struct stream_id after)
{
	size_t begin = answer_bytes(&read->answer);
	struct xread_part part = { .stream = stream };
	enum stream_step step = STREAM_ENTRY;
	struct stream_cursor cursor;
	struct stream_entry entry;

	if (stream_id_cmp(stream->last, after) <= 0 || !stream_id_next(&after))
		return STREAM_END;
	stream_seek(&cursor, stream, after, STREAM_ID_MAX, false);
	while (!xread_is_full(read, &part) && (step = stream_step(read->streams, &cursor, &entry)) == STREAM_ENTRY) {
		xread_open(read, &part);
		answer_entry(&read->answer, &entry);
		part.n++;
	}
	if (step != STREAM_ENTRY && xread_stop(read, step) != STREAM_END) {
		answer_cut(&read->answer, begin);
		return step;
	}
	xread_close(read, &part);
	return step == STREAM_ENTRY ? STREAM_END : step;
}

/* Notes that the answer has an entry. Returns false without memory. */
static bool
xread_note(struct xread *read, struct stream_id id, const struct stream_pending *pending)
{
	if (read->n_gifts == read->gifts_cap) {
		size_t cap = 2 * read->gifts_cap + 16;
		struct xread_gift *gifts = reallocarray(read->gifts, cap, sizeof(*gifts));

		if (!gifts)
			return false;
		read->gifts = gifts;
		read->gifts_cap = cap;
	}
	read->gifts[read->n_gifts++] = (struct xread_gift){
		.id = id,
		.deliveries = pending ? pending->deliveries : 0,
		.is_pending = pending != NULL,
	};
	return true;
}

static void
xread_put(struct xread *read, struct stream_entry *entry, const struct stream_pending *pending)
{
	uint64_t now_ms = streams_now_ms(read->streams);

	if (!read->args.has_claim) {
		answer_entry(&read->answer, entry);
		return;
	}
	answer_array(&read->answer, 4);
	answer_id(&read->answer, entry->id);
	answer_fields(&read->answer, entry);
	answer_integer(&read->answer, pending ? pending_idle(pending, now_ms) : 0);
	answer_integer(&read->answer, pending ? (int64_t)pending->deliveries : 0);
}

/* Entries that are pending for the consumer already, after an id. */
static enum stream_step
xread_serve_history(struct xread *read, struct xread_part *part, const struct stream_group *group,
                    const struct stream_consumer *consumer, struct stream_id after)
{
	struct stream_pending *pending;
	struct stream_entry entry;
	uint64_t left = consumer->n_pending;

	xread_open(read, part);
	while (left > 0 && !xread_is_full(read, part) && stream_id_next(&after) &&
	       (pending = pending_next(&group->pending, after))) {
		enum stream_step step;

		read->bus->flow.work.done += WORK_VISIT;
		after = pending->id;
		if (pending->consumer != consumer)
			continue;
		left--;
		step = stream_find(read->streams, part->stream, pending->id, &entry);
		if (step == STREAM_COLD || step == STREAM_ERROR)
			return step;
		if (step == STREAM_ENTRY) {
			answer_entry(&read->answer, &entry);
			if (!xread_note(read, pending->id, pending))
				return STREAM_ERROR;
		} else {
			answer_array(&read->answer, 2);
			answer_id(&read->answer, pending->id);
			answer_null_array(&read->answer);
		}
		part->n++;
	}
	return STREAM_END;
}

/* Entries that the group has not given to anybody yet. */
static enum stream_step
xread_serve_new(struct xread *read, struct xread_part *part, const struct stream_group *group)
{
	uint64_t max = read->streams->limits.max_pending, pending = group->pending.n_entries;
	struct stream_id after = group->last;
	struct stream_cursor cursor;
	struct stream_entry entry;

	if (stream_id_cmp(part->stream->last, after) <= 0 || !stream_id_next(&after))
		return STREAM_END;
	stream_seek(&cursor, part->stream, after, STREAM_ID_MAX, false);
	while (!xread_is_full(read, part) && (read->args.is_noack || pending < max)) {
		enum stream_step step = stream_step(read->streams, &cursor, &entry);

		if (step != STREAM_ENTRY)
			return step;
		xread_open(read, part);
		xread_put(read, &entry, NULL);
		if (!xread_note(read, entry.id, NULL))
			return STREAM_ERROR;
		part->n++;
		pending++;
	}
	return STREAM_END;
}

/* Makes in the group true what the answer says. */
static void
xread_give(struct xread *read, struct stream *stream, struct stream_group *group, struct stream_consumer *consumer)
{
	uint64_t now_ms = streams_now_ms(read->streams);

	read->bus->flow.work.done += read->n_gifts * WORK_LOOKUP;
	for (size_t i = 0; i < read->n_gifts; i++) {
		const struct xread_gift *gift = &read->gifts[i];
		struct stream_pending *pending;

		if (!gift->is_pending)
			group_lag_advance(read->streams, group, gift->id);
		if (!gift->is_pending && read->args.is_noack)
			continue;
		pending = group_give(read->streams, group, consumer, gift->id);
		if (!pending) {
			flow_out_of_memory(&read->bus->flow, &read->s->client);
			return;
		}
		pending->delivered_ms = now_ms;
		/* an entry that is given as new again, after XGROUP SETID, begins anew */
		pending->deliveries = gift->is_pending ? pending_count(gift->deliveries) : 1;
	}
	group_see_consumer(group, consumer, now_ms, read->n_gifts > 0 && !read->args.is_noack);
}

/* Pending entries that are idle for long enough, those that are so for longest first. */
static enum stream_step
xread_serve_claims(struct xread *read, struct xread_part *part, const struct stream_group *group)
{
	uint64_t now_ms = streams_now_ms(read->streams);
	struct xread_claims claims;
	struct stream_entry entry;
	enum stream_step step = STREAM_END;

	if (xread_claims_find(&claims, &group->pending, now_ms, read->args.claim_ms, read->args.count) < 0)
		return STREAM_ERROR;
	read->bus->flow.work.done += group->pending.n_entries / 2 + claims.n * WORK_LOOKUP;
	for (size_t i = 0; i < claims.n && !xread_is_full(read, part); i++) {
		const struct stream_pending *pending = pending_find(&group->pending, claims.found[i].id);

		step = stream_find(read->streams, part->stream, pending->id, &entry);
		if (step == STREAM_END) /* it was deleted */
			continue;
		if (step != STREAM_ENTRY)
			break;
		xread_open(read, part);
		xread_put(read, &entry, pending);
		if (!xread_note(read, pending->id, pending)) {
			step = STREAM_ERROR;
			break;
		}
		part->n++;
	}
	free(claims.found);
	return step == STREAM_COLD || step == STREAM_ERROR ? step : STREAM_END;
}

enum stream_step
xread_serve_group(struct xread *read, struct stream *stream, struct stream_group *group, struct stream_id after)
{
	size_t begin = answer_bytes(&read->answer);
	struct xread_part part = { .stream = stream };
	struct stream_consumer *consumer = group_find_consumer(group, read->args.consumer);
	enum stream_step step = STREAM_END;

	read->n_gifts = 0;
	if (stream_id_cmp(after, XREAD_NEW) != 0) {
		step = xread_serve_history(read, &part, group, consumer, after);
	} else {
		if (read->args.has_claim)
			step = xread_serve_claims(read, &part, group);
		if (step == STREAM_END)
			step = xread_serve_new(read, &part, group);
	}
	if (xread_stop(read, step) != STREAM_END) {
		answer_cut(&read->answer, begin);
		return step;
	}
	xread_give(read, stream, group, consumer);
	xread_close(read, &part);
	if (read->blocked && part.n > 0) {
		read->blocked->is_served = true;
		xgroup_wake(read->streams, group);
	}
	return step == STREAM_END || part.is_open ? STREAM_END : step;
}
