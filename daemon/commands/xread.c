#include "xread.h"

#include <stdlib.h>

#include "dead-letters.h"
#include "group-lag.h"
#include "xgroup.h"
#include "xread-claims.h"

bool
xread_is_enough(const struct xread *read)
{
	return answer_bytes(&read->work->answer) >= XREAD_BYTES || read->bus->flow.work.done - read->begin > XREAD_WORK;
}

/* Begins the part of the stream in the answer, if it has not begun. */
static void
xread_open(struct xread *read, const struct stream *stream)
{
	struct xread_part *part = &read->state->part;
	struct answer *answer = &read->work->answer;

	if (part->is_open)
		return;
	part->is_open = true;
	if (!client_is_resp3(&read->s->client))
		answer_array(answer, 2);
	answer_bulk(answer, (struct slice){ stream->name, stream->name_len });
	part->list = answer_open(answer);
}

void
xread_close(struct xread *read, struct stream *stream)
{
	struct xread_state *state = read->state;

	if (state->part.is_open) {
		answer_close_array(&read->work->answer, state->part.list, state->part.n);
		state->n_served++;
		read->n_sent = state->part.n;
		read->streams->read += state->part.n;
		/* A stream that was served before a wait may have changed since: then all changes are waited for. */
		read->hold = state->is_resumed ? streams_barrier(read->streams, NULL)
		                               : barrier_later(read->hold, streams_barrier(read->streams, stream));
	}
	state->part = (struct xread_part){ 0 };
	state->at++;
}

/* Whether nothing more is taken into the part. */
static bool
xread_is_full(const struct xread *read)
{
	return read->state->part.n >= read->args.count || xread_is_enough(read);
}

static enum stream_step
xread_serve_plain(struct xread *read, struct stream *stream)
{
	struct xread_part *part = &read->state->part;
	struct stream_id from = part->after;
	struct stream_cursor cursor;
	struct stream_entry entry;

	if (stream_id_cmp(stream->last, from) <= 0 || !stream_id_next(&from))
		return STREAM_END;
	stream_seek(&cursor, stream, from, STREAM_ID_MAX, false);
	while (!xread_is_full(read)) {
		enum stream_step step = stream_step(read->streams, &cursor, &entry);

		if (step != STREAM_ENTRY)
			return step;
		xread_open(read, stream);
		part->after = entry.id;
		part->n++;
		answer_entry(&read->work->answer, &entry);
	}
	return STREAM_END;
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

/* Adds an entry that the group gives. pending: what it was before, or NULL. Returns false without memory. */
static bool
xread_put(struct xread *read, const struct stream *stream, struct stream_entry *entry,
          const struct stream_pending *pending)
{
	struct answer *answer = &read->work->answer;

	if (!xread_note(read, entry->id, pending))
		return false;
	xread_open(read, stream);
	read->state->part.n++;
	if (!(read->args.has_claim || read->args.tells_deliveries) ||
	    stream_id_cmp(read->state->keys[read->state->at].after, XREAD_NEW) != 0) {
		answer_entry(answer, entry);
		return true;
	}
	answer_array(answer, 4);
	answer_id(answer, entry->id);
	answer_fields(answer, entry);
	answer_integer(answer, pending ? pending_idle(pending, streams_now_ms(read->streams)) : 0);
	answer_integer(answer, pending ? (int64_t)pending->deliveries : 0);
	return true;
}

/* Entries that are pending for the consumer already. Of those that were deleted, it gets the ids. */
static enum stream_step
xread_serve_history(struct xread *read, struct stream *stream, const struct stream_group *group,
                    const struct stream_consumer *consumer)
{
	struct xread_part *part = &read->state->part;
	struct stream_pending *pending;
	struct stream_entry entry;
	uint64_t left = consumer->n_pending;
	struct stream_id from;

	xread_open(read, stream);
	for (; left > 0 && !xread_is_full(read); part->after = pending->id) {
		enum stream_step step;

		from = part->after;
		if (!stream_id_next(&from) || !(pending = pending_next(&group->pending, from)))
			break;
		read->bus->flow.work.done += WORK_VISIT;
		if (pending->consumer != consumer)
			continue;
		left--;
		step = stream_find(read->streams, stream, pending->id, &entry);
		if (step == STREAM_END) {
			answer_array(&read->work->answer, 2);
			answer_id(&read->work->answer, pending->id);
			answer_null_array(&read->work->answer);
			part->n++;
		} else if (step != STREAM_ENTRY || !xread_put(read, stream, &entry, pending)) {
			return step == STREAM_ENTRY ? STREAM_ERROR : step;
		}
	}
	return STREAM_END;
}

/* Finds the pending entries that are idle for longest. STREAM_MORE: the turn is over. */
static enum stream_step
xread_find_claims(struct xread *read, const struct stream_group *group)
{
	struct xwork *work = read->work;

	if (!work->claims)
		work->claims = xread_claims_begin(&group->pending, streams_now_ms(read->streams), read->args.claim_ms,
		                                  read->args.count - read->state->part.n);
	if (!work->claims)
		return STREAM_ERROR;
	while (!work->claims->is_done) {
		if (xwork_must_pause(read->bus, read->s, work, 1))
			return STREAM_MORE;
		xread_claims_step(work->claims, &group->pending, &read->bus->flow.work);
	}
	return STREAM_END;
}

/* Pending entries that are idle for long enough, those that are so for longest first. */
static enum stream_step
xread_serve_claims(struct xread *read, struct stream *stream, struct stream_group *group)
{
	enum stream_step step = xread_find_claims(read, group);
	struct xread_state *state = read->state;
	const struct xread_claims *claims = read->work->claims;
	struct stream_entry entry;

	if (step != STREAM_END)
		return step;
	read->bus->flow.work.done += claims->n * WORK_LOOKUP;
	for (size_t i = 0; i < claims->n && !xread_is_full(read); i++) {
		const struct stream_pending *pending = pending_find(&group->pending, claims->found[i].id);

		/* Much may have happened since it was found. */
		if (!pending || !xread_claims_wants(pending, claims->now_ms, claims->min_idle_ms))
			continue;
		/* What it has taken itself, before it waited for the disk, it does not take again. */
		if (state->is_resumed && pending->delivered_ms >= state->begin_ms)
			continue;
		step = stream_find(read->streams, stream, pending->id, &entry);
		if (step == STREAM_END) /* it was deleted */
			continue;
		if (step == STREAM_ENTRY && dead_letters_instead(read->streams, group, pending->id))
			continue;
		if (step == STREAM_ENTRY && !xread_put(read, stream, &entry, pending))
			step = STREAM_ERROR;
		if (step != STREAM_ENTRY)
			break;
	}
	free(read->work->claims);
	read->work->claims = NULL;
	return step == STREAM_ENTRY ? STREAM_END : step;
}

/* Pending entries that were released, or not acknowledged in time. */
static enum stream_step
xread_serve_released(struct xread *read, struct stream *stream, struct stream_group *group,
                     const struct stream_consumer *consumer)
{
	struct xread_state *state = read->state;
	struct stream_id id = STREAM_ID_MIN;
	struct stream_pending *pending;
	struct stream_entry entry;

	while (!xread_is_full(read) && (pending = group_next_released(read->streams, group, id))) {
		bool is_own = state->is_resumed && state->part.n > 0 && pending->consumer == consumer &&
		              pending->delivered_ms >= state->begin_ms;
		enum stream_step step = is_own ? STREAM_ENTRY : stream_find(read->streams, stream, pending->id, &entry);

		read->bus->flow.work.done += WORK_LOOKUP;
		id = pending->id;
		if (step == STREAM_END) /* it was deleted */
			group_acknowledge(read->streams, group, id);
		else if (step != STREAM_ENTRY)
			return step;
		else if (!is_own && !xread_put(read, stream, &entry, pending)) /* else it was given before a wait */
			return STREAM_ERROR;
		if (!stream_id_next(&id))
			break;
	}
	return STREAM_END;
}

/* Entries that the group has not given to anybody yet. */
static enum stream_step
xread_serve_new(struct xread *read, struct stream *stream, const struct stream_group *group)
{
	uint64_t max = stream_rule(read->streams, stream)->max_pending, pending = group->pending.n_entries;
	struct stream_id from = group->last;
	struct stream_cursor cursor;
	struct stream_entry entry;

	if (stream_id_cmp(stream->last, from) <= 0 || !stream_id_next(&from))
		return STREAM_END;
	stream_seek(&cursor, stream, from, STREAM_ID_MAX, false);
	for (; !xread_is_full(read) && (read->args.is_noack || pending < max); pending++) {
		enum stream_step step = stream_step(read->streams, &cursor, &entry);

		if (step != STREAM_ENTRY)
			return step;
		if (!xread_put(read, stream, &entry, NULL))
			return STREAM_ERROR;
	}
	return STREAM_END;
}

/* Makes in the group true what the answer says. */
static void
xread_give(struct xread *read, struct stream_group *group, struct stream_consumer *consumer)
{
	uint64_t now_ms = streams_now_ms(read->streams);
	bool is_active = false;

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
		if (!gift->is_pending && pending->history) {
			pending_history_drop(&group->pending.histories, &pending->history);
			group_charge(read->streams, group);
		}
		pending->delivered_ms = now_ms;
		/* an entry that is given as new again, after XGROUP SETID, begins anew */
		pending->deliveries = gift->is_pending ? pending_count(gift->deliveries) : 1;
		xgroup_hand_out(read->s, read->streams, group, pending);
		is_active = true;
	}
	group_see_consumer(group, consumer, now_ms, is_active);
	if (read->blocked && read->n_gifts > 0) {
		read->blocked->is_served = true;
		xgroup_wake(read->streams, group);
	}
	read->n_gifts = 0;
}

static enum stream_step
xread_serve_group(struct xread *read, struct stream *stream, struct stream_group *group)
{
	struct stream_consumer *consumer = group_find_consumer(group, read->args.consumer);
	struct xread_part *part = &read->state->part;
	enum stream_step step = STREAM_END;

	if (!consumer) /* it was deleted while this waited for the disk */
		return STREAM_END;
	if (stream_id_cmp(read->state->keys[read->state->at].after, XREAD_NEW) != 0) {
		step = xread_serve_history(read, stream, group, consumer);
	} else if (!group_is_paused(group)) {
		if (read->args.has_claim && !part->has_claimed)
			step = xread_serve_claims(read, stream, group);
		part->has_claimed = step == STREAM_END;
		if (read->args.has_claim) /* so that nothing is taken twice */
			xread_give(read, group, consumer);
		if (step == STREAM_END)
			step = xread_serve_released(read, stream, group, consumer);
		if (step == STREAM_END)
			step = xread_serve_new(read, stream, group);
	}
	xread_give(read, group, consumer);
	return step;
}

enum stream_step
xread_serve(struct xread *read)
{
	struct xread_state *state = read->state;
	const struct blocked_key *key = &state->keys[state->at];
	struct stream *stream = streams_find(read->streams, key->name);
	struct stream_group *group = stream && read->args.is_group ? group_find_no(stream, key->group) : NULL;
	enum stream_step step = STREAM_END;

	if (!state->part.is_open && state->part.n == 0)
		state->part.after = key->after;
	if (group)
		step = xread_serve_group(read, stream, group);
	else if (stream && !read->args.is_group)
		step = xread_serve_plain(read, stream);
	if (step == STREAM_END)
		xread_close(read, stream);
	return step;
}
