/*
 * When rules have changed, which they have at the start, all streams are looked at, in portions. Most find their new
 * rule earlier, when a command uses them; but nobody may ask a group whose entries are due by a new rule.
 *
 * At the start no connection has an entry: whatever is pending and was not given since is released. So it is in later
 * walks until one has reached all streams.
 */
#include "streams-rules.h"

#include "blocked.h"
#include "dead-letters.h"
#include "group-handouts.h"
#include "group-idle.h"
#include "handouts-advance.h"
#include "later-due.h"
#include "stream-retain.h"
#include "streams-registry.h"

/* About so much of a pass. */
#define ADVANCE_WORK ((uint64_t)500 * 1000)
/* Streams that are looked at in one step. */
#define WALK_STREAMS 16

void
streams_set_rules(struct streams *streams, const struct stream_rules *rules)
{
	streams->rules = rules;
	streams->rules_generation++;
	streams->rules_walk = 0;
	streams->must_walk_rules = true;
}

static void
streams_walk_rules(struct streams *streams, uint64_t work_end)
{
	struct stream *found[WALK_STREAMS];
	struct stream_group *group;
	bool is_end = false;

	while (!is_end && streams->flow->work.done < work_end) {
		struct streams_walk walk = { streams->rules_walk };
		size_t n = streams_walk(streams, &walk, found, WALK_STREAMS, &is_end);

		streams->rules_walk = walk.bucket;
		for (size_t i = 0; i < n; i++) {
			stream_note_full(streams, found[i]);
			TAILQ_FOREACH(group, &found[i]->groups, link)
				group_apply_rule(streams, group, !streams->has_walked_rules);
		}
	}
	if (is_end) {
		streams->must_walk_rules = false;
		streams->has_walked_rules = true;
	}
}

void
streams_advance(struct streams *streams)
{
	uint64_t work_end = streams->flow->work.done + ADVANCE_WORK;

	if (streams->is_filling)
		return; /* the batch is to become whole */
	if (streams->must_walk_rules)
		streams_walk_rules(streams, work_end);
	handouts_advance(streams, work_end);
	group_idle_advance(streams, work_end);
	dead_letters_advance(streams, work_end);
	later_advance(streams, work_end);
}

bool
streams_have_work(const struct streams *streams)
{
	return streams->must_walk_rules || handouts_have_work(streams) || dead_letters_have_work(streams) ||
	       later_have_work(streams) || group_idle_have_work(streams) || streams_have_expired(streams);
}

uint64_t
streams_next_deadline(const struct streams *streams)
{
	const uint64_t deadlines[] = { blocked_next_deadline(streams),      handouts_next_deadline(streams),
		                       dead_letters_next_deadline(streams), later_next_deadline(streams),
		                       group_idle_next_deadline(streams),   streams_retain_deadline(streams),
		                       streams_next_expiry(streams) };
	uint64_t first_us = UINT64_MAX;

	for (size_t i = 0; i < sizeof(deadlines) / sizeof(deadlines[0]); i++)
		if (deadlines[i] < first_us)
			first_us = deadlines[i];
	return first_us;
}

bool
streams_want_clock(const struct streams *streams)
{
	return streams->laters_due.n > 0;
}
