/*
 * What the configuration says about streams: the sections [stream GLOB], of which the first one that matches the name
 * of a stream decides. Each stream remembers its rule, and looks for it again when the rules have changed since.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "streams-data.h"

#define STREAM_MAX_PENDING 100000

/* Durations of a list, at most. */
#define STREAM_DELAYS_MAX 16

struct stream_delays {
	size_t n;
	uint64_t ms[STREAM_DELAYS_MAX];
};

/* What happens to what a full stream would have too much. */
enum stream_full { STREAM_FULL_TRIM, STREAM_FULL_REFUSE };
/* What a bound removes: nothing that a group has not acknowledged, but for max_bytes; or anything. */
enum stream_keep { STREAM_KEEP_UNACKED, STREAM_KEEP_ANY };

struct stream_rule {
	STAILQ_ENTRY(stream_rule) link;
	bool published;       /* what is published to the channel of the same name is added */
	uint64_t max_entries; /* bounds; 0: none */
	uint64_t max_bytes;
	uint64_t max_age_ms;
	int when_full;         /* enum stream_full */
	int keep;              /* enum stream_keep */
	uint64_t max_pending;  /* entries that each group may have given and not seen acknowledged */
	uint64_t redeliver_ms; /* without acknowledgement for so long: given again; 0: never */
	/* What was released is given again after so long: after its first delivery, its second one and so on, the last
	 * one for all further ones. */
	struct stream_delays retry_delay;
	size_t glob_len;
	char glob[];
};

STAILQ_HEAD(stream_rules, stream_rule);

/* A rule whose values the caller sets; the caller frees it with free(). NULL without memory. */
struct stream_rule *stream_rule_new(const char *glob);

/* The rule for streams of that name; it may be one that no section gives. rules: may be NULL. Counts *cost up. */
const struct stream_rule *stream_rule_find(const struct stream_rules *rules, struct slice name, uint64_t *cost);

/* Whether some rule says `published`. rules: may be NULL. */
bool stream_rules_publish(const struct stream_rules *rules);

/* For stream_rule(). */
const struct stream_rule *stream_rule_look_up(struct streams *streams, struct stream *stream);

/* The rule of the stream, until other rules are set. */
static inline const struct stream_rule *
stream_rule(struct streams *streams, struct stream *stream)
{
	return stream->rules_generation == streams->rules_generation ? stream->rule
	                                                             : stream_rule_look_up(streams, stream);
}

/* Whether groups of such streams give entries again without being asked to. */
static inline bool
stream_rule_redelivers(const struct stream_rule *rule)
{
	return rule->redeliver_ms > 0 || rule->retry_delay.n > 0;
}

/* How long an entry that was released after so many deliveries waits, in ms. */
static inline uint64_t
stream_rule_delay(const struct stream_rule *rule, uint64_t deliveries)
{
	const struct stream_delays *delays = &rule->retry_delay;

	if (delays->n == 0 || deliveries == 0)
		return 0;
	return delays->ms[deliveries <= delays->n ? deliveries - 1 : delays->n - 1];
}
