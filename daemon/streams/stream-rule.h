/*
 * What the configuration says about streams: the sections [stream GLOB], of which the first one that matches the name
 * of a stream decides. Each stream remembers its rule, and looks for it again when the rules have changed since.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "protocol.h"
#include "stream-delays.h"
#include "streams-data.h"

#define STREAM_MAX_PENDING 100000

/* What groups do by themselves with the entries that they have given. */
struct stream_delivery {
	uint64_t redeliver_ms; /* without acknowledgement for so long: given again; 0: never */
	/* What was given back is given again after so long: after its first delivery, its second one and so on, the
	 * last one for all further ones. */
	struct stream_delays retry_delay;
	uint64_t max_deliveries;      /* after so many, an entry goes to the dead-letter stream; 0: no limit */
	uint64_t consumer_timeout_ms; /* a consumer that does nothing for so long is removed; 0: never */
	bool is_own;                  /* the group has values of its own, see group-values.h */
	/* Its name, with "%s" for that of the stream; or empty: see STREAM_DEAD_LETTER. */
	char dead_letter[PROTOCOL_NAME_MAX + 1];
};

#define STREAM_DELIVERIES_MAX 1000000000
#define STREAM_DEAD_LETTER "%s.dead"

/* What happens to what a full stream would have too much. */
enum stream_full { STREAM_FULL_TRIM, STREAM_FULL_REFUSE };
/* What a bound removes: nothing that a group has not acknowledged, but for max_bytes; or anything. */
enum stream_keep { STREAM_KEEP_UNACKED, STREAM_KEEP_ANY };

/* The field with the user ID of who has added the entry; -1: it is not known. */
#define STREAM_SENDER "udsd-sender"

struct stream_rule {
	STAILQ_ENTRY(stream_rule) link;
	bool published;       /* what is published to the channel of the same name is added */
	bool sender;          /* entries tell who has added them */
	uint64_t max_entries; /* bounds; 0: none */
	uint64_t max_bytes;
	uint64_t max_age_ms;
	int when_full;        /* enum stream_full */
	int keep;             /* enum stream_keep */
	uint64_t max_pending; /* entries that each group may have given and not seen acknowledged */
	struct stream_delivery delivery;
	size_t glob_len;
	char glob[];
};

STAILQ_HEAD(stream_rules, stream_rule);

/* A rule whose values the caller sets; the caller frees it with free(). NULL without memory. */
struct stream_rule *stream_rule_new(const char *glob);

/* The rule for streams of that name; it may be one that no section gives. rules: may be NULL. Counts *cost up. */
const struct stream_rule *stream_rule_find(const struct stream_rules *rules, struct slice name, uint64_t *cost);

/* Whether that is the name of a field that tells who has added the entry. */
static inline bool
stream_rule_is_sender(struct slice name)
{
	return name.len == sizeof(STREAM_SENDER) - 1 && slice_is(name, (const uint8_t *)STREAM_SENDER);
}

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

/* Whether entries that cannot be handled go to a dead-letter stream. */
static inline bool
stream_delivery_has_dead_letter(const struct stream_delivery *delivery)
{
	return delivery->is_own || delivery->max_deliveries > 0 || delivery->dead_letter[0];
}

/* Whether such groups give entries again without being asked to. */
static inline bool
stream_delivery_redelivers(const struct stream_delivery *delivery)
{
	return delivery->redeliver_ms > 0 || delivery->retry_delay.n > 0 || delivery->consumer_timeout_ms > 0 ||
	       stream_delivery_has_dead_letter(delivery);
}

/* How long an entry waits that was given back after so many deliveries, in ms. */
static inline uint64_t
stream_delivery_delay(const struct stream_delivery *delivery, uint64_t deliveries)
{
	const struct stream_delays *delays = &delivery->retry_delay;

	if (delays->n == 0)
		return 0;
	if (deliveries == 0) /* the only one was not counted */
		deliveries = 1;
	return delays->ms[deliveries <= delays->n ? deliveries - 1 : delays->n - 1];
}
