/* The oldest entries are kept in a heap, the youngest of them on top, so each further entry costs one comparison unless
 * it is older. Entries mostly are as old as they are far behind, so nearly none is. */
#include "xread-claims.h"

#include <errno.h>
#include <stdlib.h>

static bool
xread_claim_is_older(const struct xread_claim *a, const struct xread_claim *b)
{
	if (a->delivered_ms != b->delivered_ms)
		return a->delivered_ms < b->delivered_ms;
	return stream_id_cmp(a->id, b->id) < 0;
}

/* Puts the claim into the place at the top of a heap of n, moving younger ones up. */
static void
xread_claims_sink(struct xread_claim *heap, size_t n, struct xread_claim claim)
{
	size_t at = 0, child;

	for (; (child = 2 * at + 1) < n; at = child) {
		if (child + 1 < n && xread_claim_is_older(&heap[child], &heap[child + 1]))
			child++;
		if (!xread_claim_is_older(&claim, &heap[child]))
			break;
		heap[at] = heap[child];
	}
	heap[at] = claim;
}

static void
xread_claims_rise(struct xread_claim *heap, size_t at, struct xread_claim claim)
{
	for (; at > 0 && xread_claim_is_older(&heap[(at - 1) / 2], &claim); at = (at - 1) / 2)
		heap[at] = heap[(at - 1) / 2];
	heap[at] = claim;
}

int
xread_claims_find(struct xread_claims *ret_claims, const struct pending *pending, uint64_t now_ms, uint64_t min_idle_ms,
                  uint64_t max)
{
	struct xread_claims claims = { 0 };
	struct pending_walk walk = { 0 };
	const struct stream_pending *entry;

	*ret_claims = claims;
	if (max > XREAD_CLAIMS_MAX)
		max = XREAD_CLAIMS_MAX;
	if (max > pending->n_entries)
		max = pending->n_entries;
	if (max == 0)
		return 0;
	claims.found = malloc(max * sizeof(*claims.found));
	if (!claims.found)
		return -ENOMEM;
	while ((entry = pending_walk(pending, &walk))) {
		struct xread_claim claim = { entry->delivered_ms, entry->id };

		if (entry->consumer && (now_ms < entry->delivered_ms || now_ms - entry->delivered_ms < min_idle_ms))
			continue;
		if (claims.n < max)
			xread_claims_rise(claims.found, claims.n++, claim);
		else if (xread_claim_is_older(&claim, &claims.found[0]))
			xread_claims_sink(claims.found, max, claim);
	}
	for (size_t n = claims.n; n > 1; n--) {
		struct xread_claim last = claims.found[n - 1];

		claims.found[n - 1] = claims.found[0];
		xread_claims_sink(claims.found, n - 1, last);
	}
	*ret_claims = claims;
	return 0;
}

uint64_t
xread_claims_due(const struct pending *pending, uint64_t now_ms, uint64_t min_idle_ms)
{
	struct pending_walk walk = { 0 };
	const struct stream_pending *entry;
	uint64_t oldest_ms = UINT64_MAX;

	while ((entry = pending_walk(pending, &walk)))
		if (entry->delivered_ms < oldest_ms && entry->delivered_ms + min_idle_ms > now_ms)
			oldest_ms = entry->delivered_ms;
	return oldest_ms == UINT64_MAX ? UINT64_MAX : oldest_ms + min_idle_ms - now_ms;
}
