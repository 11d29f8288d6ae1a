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

struct stream_rule {
	STAILQ_ENTRY(stream_rule) link;
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
