/* Which pending entries XREADGROUP with CLAIM takes. */
#pragma once

#include "pending.h"

/* So many at most. */
#define XREAD_CLAIMS_MAX ((size_t)8192)

struct xread_claim {
	uint64_t delivered_ms;
	struct stream_id id;
};

struct xread_claims {
	struct xread_claim *found; /* freed by the caller */
	size_t n;
};

/*
 * Finds the `max` entries (XREAD_CLAIMS_MAX at most) that are idle for longest, and for at least min_idle_ms, or were
 * given back; sorts them, the longest idle first. Returns 0 or -ENOMEM.
 */
int xread_claims_find(struct xread_claims *ret_claims, const struct pending *pending, uint64_t now_ms,
                      uint64_t min_idle_ms, uint64_t max);

/* In how many ms the next entry is idle for that long; UINT64_MAX: there is none that is not already. */
uint64_t xread_claims_due(const struct pending *pending, uint64_t now_ms, uint64_t min_idle_ms);
