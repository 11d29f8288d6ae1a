#include "needs-groups.h"

#include <stdlib.h>
#include <string.h>

#include "group-consumers.h"
#include "group-handouts.h"
#include "num.h"
#include "xread-claims.h"
#include "xread.h"

/* All pending entries of a group are looked at in one turn if they are no more than this. */
#define NEEDS_CLAIMS 100000

/* XGROUP CREATE and SETID: what is read next comes after this id. */
enum stream_step
needs_xgroup_move(struct needs *needs)
{
	struct stream_id id;

	if (!stream_id_parse(needs->argv[4], 0, &id))
		id = needs->stream && needs->argv[4].p[0] != '-' ? needs->stream->last : STREAM_ID_MIN;
	needs->known->moved_key = needs->argv[2];
	needs->known->moved_group = needs->argv[3];
	needs->known->moved_to = id;
	return STREAM_END;
}

/* The arguments of XREAD and XREADGROUP as far as they matter here. */
struct needs_read {
	uint64_t count, bytes;
	int64_t claim_ms;             /* -1: no CLAIM */
	struct slice group, consumer; /* of XREADGROUP */
	const struct slice *names, *ids;
	size_t n;
};

static bool
needs_parse_read(struct needs *needs, struct needs_read *ret_read)
{
	struct needs_read read = { .bytes = XREAD_BYTES, .claim_ms = -1 };
	int64_t count = 0;
	size_t i = 1;

	for (; i + 2 < needs->argc && !slice_is_word(needs->argv[i], "STREAMS"); i++) {
		const struct slice *value = &needs->argv[i + 1];

		needs->bus->flow.work.done += WORK_VISIT;
		if (slice_is_word(needs->argv[i], "GROUP")) {
			read.group = value[0];
			read.consumer = value[1];
			i += 2;
		} else if (slice_is_word(needs->argv[i], "COUNT")) {
			if (num_parse_resp(value->p, value->len, &count) != 0)
				return false;
			i++;
		} else if (slice_is_word(needs->argv[i], "CLAIM")) {
			if (num_parse_resp(value->p, value->len, &read.claim_ms) != 0)
				return false;
			i++;
		} else if (slice_is_word(needs->argv[i], "BLOCK")) {
			i++;
		}
	}
	if (i + 2 >= needs->argc)
		return false;
	read.count = count > 0 ? (uint64_t)count : UINT64_MAX;
	read.n = (needs->argc - i - 1) / 2;
	read.names = &needs->argv[i + 1];
	read.ids = read.names + read.n;
	*ret_read = read;
	return true;
}

enum stream_step
needs_xread(struct needs *needs)
{
	size_t *at = &needs->known->place.at;
	struct needs_read read;
	uint64_t count;

	if (!needs_parse_read(needs, &read))
		return STREAM_END;
	count = needs_sum(read.count, needs->known->removed);
	for (; *at < read.n && !needs->is_enough; ++*at) {
		struct stream *stream = needs_find(needs, read.names[*at]);
		enum stream_step step = STREAM_END;
		struct stream_id id;

		if (needs_must_pause(needs))
			return STREAM_MORE;
		if (stream && slice_is_word(read.ids[*at], "+"))
			step = needs_backward(needs, stream, STREAM_ID_MIN, STREAM_ID_MAX,
			                      needs_sum(1, needs->known->removed), read.bytes);
		else if (stream && stream_id_parse(read.ids[*at], 0, &id) && stream_id_next(&id))
			step = needs_forward(needs, stream, id, STREAM_ID_MAX, count, read.bytes);
		if (step == STREAM_COLD)
			return STREAM_COLD;
	}
	return STREAM_END;
}

/* What the consumer has already, from place.id on. place.n counts it. */
static enum stream_step
needs_history(struct needs *needs, struct stream *stream, const struct stream_group *group,
              const struct needs_read *read)
{
	const struct stream_consumer *consumer = group_find_consumer(group, read->consumer);
	uint64_t count = needs_sum(read->count, needs->known->removed);
	struct stream_id *id = &needs->known->place.id;
	const struct stream_pending *pending;

	while (consumer && needs->known->place.n < count && !needs->is_enough &&
	       (pending = pending_next(&group->pending, *id))) {
		if (needs_must_pause(needs))
			return STREAM_MORE;
		needs->bus->flow.work.done += WORK_VISIT;
		if (pending->consumer == consumer) {
			if (needs_open_entry(needs, stream, pending->id) == STREAM_COLD)
				return STREAM_COLD;
			needs->known->place.n++;
		}
		*id = pending->id;
		if (!stream_id_next(id))
			break;
	}
	return STREAM_END;
}

/* What was released. place.n counts it, so that each turn goes further. */
static enum stream_step
needs_released(struct needs *needs, struct stream *stream, struct stream_group *group, uint64_t count)
{
	struct stream_id *id = &needs->known->place.id;
	const struct stream_pending *pending;

	while (needs->known->place.n < count && !needs->is_enough &&
	       (pending = group_next_released(needs->streams, group, *id))) {
		if (needs_must_pause(needs))
			return STREAM_MORE;
		needs->bus->flow.work.done += WORK_LOOKUP;
		if (needs_open_entry(needs, stream, pending->id) == STREAM_COLD)
			return STREAM_COLD;
		needs->known->place.n++;
		*id = pending->id;
		if (!stream_id_next(id))
			break;
	}
	return STREAM_END;
}

/* What CLAIM takes; of very many pending entries it takes what is in memory. */
static enum stream_step
needs_claims(struct needs *needs, struct stream *stream, const struct stream_group *group, uint64_t idle_ms,
             uint64_t count)
{
	enum stream_step step = STREAM_END;
	struct xread_claims *claims;

	if (group->pending.n_entries > NEEDS_CLAIMS)
		return STREAM_END;
	claims = xread_claims_begin(&group->pending, streams_now_ms(needs->streams), idle_ms, count);
	while (claims && !claims->is_done)
		xread_claims_step(claims, &group->pending, &needs->bus->flow.work);
	for (size_t i = 0; claims && i < claims->n && step == STREAM_END && !needs->is_enough; i++) {
		needs->bus->flow.work.done += WORK_LOOKUP;
		step = needs_open_entry(needs, stream, claims->found[i].id);
	}
	free(claims);
	return step;
}

/* What the group gives next. group: NULL: a command before makes it. */
static enum stream_step
needs_given(struct needs *needs, struct slice name, struct stream *stream, struct stream_group *group,
            const struct needs_read *read)
{
	struct exec_needs *known = needs->known;
	uint64_t count = needs_sum(needs_sum(read->count, known->removed), known->taken);
	uint64_t bytes = (known->n_reads + 1) * XREAD_BYTES;
	struct stream_id from = group ? group->last : STREAM_ID_MIN;
	enum stream_step step = STREAM_END;

	if (known->moved_key.p && needs_is_name(known->moved_key, name) &&
	    needs_is_name(known->moved_group, read->group))
		from = known->moved_to;
	if (group)
		step = needs_released(needs, stream, group, count);
	if (group && step == STREAM_END && read->claim_ms >= 0)
		step = needs_claims(needs, stream, group, (uint64_t)read->claim_ms, count);
	if (step == STREAM_END && stream_id_next(&from))
		step = needs_forward(needs, stream, from, STREAM_ID_MAX, count, bytes);
	return step;
}

enum stream_step
needs_xreadgroup(struct needs *needs)
{
	struct exec_needs *known = needs->known;
	struct needs_read read;

	if (!needs_parse_read(needs, &read))
		return STREAM_END;
	while (known->place.at < read.n && !needs->is_enough) {
		struct stream *stream = needs_find(needs, read.names[known->place.at]);
		struct stream_group *group = stream ? group_find(stream, read.group) : NULL;
		enum stream_step step = STREAM_END;
		struct stream_id id;

		if (needs_must_pause(needs))
			return STREAM_MORE;
		needs->bus->flow.work.done += WORK_LOOKUP;
		if (!known->place.has_begun && group && stream_id_parse(read.ids[known->place.at], 0, &id))
			known->place.id = stream_id_next(&id) ? id : STREAM_ID_MAX;
		known->place.has_begun = true;
		if (stream && slice_is_word(read.ids[known->place.at], ">"))
			step = needs_given(needs, read.names[known->place.at], stream, group, &read);
		else if (group)
			step = needs_history(needs, stream, group, &read);
		if (step != STREAM_END)
			return step;
		known->place = (struct exec_needs_place){ .at = known->place.at + 1 };
	}
	known->taken = needs_sum(known->taken, read.count);
	known->n_reads++;
	return STREAM_END;
}

enum stream_step
needs_xautoclaim(struct needs *needs)
{
	struct stream_group *group = needs->stream ? group_find(needs->stream, needs->argv[2]) : NULL;
	int64_t count = needs_option(needs, 6, "COUNT", XAUTOCLAIM_COUNT), idle;
	struct exec_needs_place *place = &needs->known->place;
	uint64_t tries, left, now_ms = streams_now_ms(needs->streams);
	const struct stream_pending *pending;

	if (!group || count < 1 || count > XAUTOCLAIM_COUNT_MAX ||
	    num_parse_resp(needs->argv[4].p, needs->argv[4].len, &idle) != 0 ||
	    (!place->has_begun && stream_id_parse_bound(needs->argv[5], false, &place->id)))
		return STREAM_END;
	place->has_begun = true;
	tries = needs_sum((uint64_t)count * XAUTOCLAIM_TRIES, needs->known->removed);
	left = needs_sum((uint64_t)count, needs->known->taken);
	while (place->at < tries && place->n < left && !needs->is_enough &&
	       (pending = pending_next(&group->pending, place->id))) {
		if (needs_must_pause(needs))
			return STREAM_MORE;
		needs->bus->flow.work.done += WORK_LOOKUP;
		if (needs_open_entry(needs, needs->stream, pending->id) == STREAM_COLD)
			return STREAM_COLD;
		place->at++;
		place->n += !pending->consumer || pending_idle(pending, now_ms) >= idle;
		place->id = pending->id;
		if (!stream_id_next(&place->id))
			break;
	}
	needs->known->taken = left;
	return STREAM_END;
}
