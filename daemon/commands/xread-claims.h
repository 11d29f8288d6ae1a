/* Which pending entries XREADGROUP with CLAIM takes. */
#pragma once

#include <stdbool.h>

#include "pending.h"
#include "work.h"

/* So many at most. */
#define XREAD_CLAIMS_MAX ((size_t)8192)

struct xread_claim {
	uint64_t delivered_ms;
	struct stream_id id;
};

/* A search, which may take several turns. */
struct xread_claims {
	uint64_t now_ms, min_idle_ms;
	struct stream_id at; /* it goes on with the pending entries from here on */
	bool is_done;
	size_t n, max;
	struct xread_claim found[];
};

/*
 * Begins to search for the `max` entries (XREAD_CLAIMS_MAX at most) that are idle for longest, and for at least
 * min_idle_ms, or were given back. The caller frees it with free(). NULL without memory.
 */
struct xread_claims *xread_claims_begin(const struct pending *pending, uint64_t now_ms, uint64_t min_idle_ms,
                                        uint64_t max);

/* Looks at some entries, and charges the work. is_done: that was all, and `found` is sorted, the longest idle first. */
void xread_claims_step(struct xread_claims *claims, const struct pending *pending, struct work *work);

/* Whether an entry is idle for so long, or was given back. */
static inline bool
xread_claims_wants(const struct stream_pending *entry, uint64_t now_ms, uint64_t min_idle_ms)
{
	return !entry->consumer || (now_ms >= entry->delivered_ms && now_ms - entry->delivered_ms >= min_idle_ms);
}

/*
 * In how many ms the next entry is idle for that long, of those that are looked at at once; UINT64_MAX: there is none
 * that is not already. Charges the work.
 */
uint64_t xread_claims_due(const struct pending *pending, uint64_t now_ms, uint64_t min_idle_ms, struct work *work);
