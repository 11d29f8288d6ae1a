/* The oldest entries are kept in a heap, the youngest of them on top, so each further entry costs one comparison unless
 * it is older. Entries mostly are as old as they are far behind, so nearly none is. */
#include "xread-claims.h"

#include <stdlib.h>

/* Pending entries that are looked at in one step, and those that are to find out when a waiter looks again: there may
 * be very many, and it looks again in any case. Looking at one costs so much: it is in no cache. */
#define CLAIMS_STEP 1000
#define CLAIMS_DUE 100000
#define CLAIMS_VISIT 5

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

struct xread_claims *
xread_claims_begin(const struct pending *pending, uint64_t now_ms, uint64_t min_idle_ms, uint64_t max)
{
	struct xread_claims *claims;

	if (max > XREAD_CLAIMS_MAX)
		max = XREAD_CLAIMS_MAX;
	if (max > pending->n_entries)
		max = pending->n_entries;
	claims = malloc(sizeof(*claims) + max * sizeof(claims->found[0]));
	if (claims)
		*claims = (struct xread_claims){ .now_ms = now_ms, .min_idle_ms = min_idle_ms, .max = max };
	return claims;
}

/* Makes a sorted list of the heap. */
static void
xread_claims_sort(struct xread_claims *claims)
{
	for (size_t n = claims->n; n > 1; n--) {
		struct xread_claim last = claims->found[n - 1];

		claims->found[n - 1] = claims->found[0];
		xread_claims_sink(claims->found, n - 1, last);
	}
	claims->is_done = true;
}

void
xread_claims_step(struct xread_claims *claims, const struct pending *pending, struct work *work)
{
	struct pending_walk walk;
	const struct stream_pending *entry = NULL;

	pending_walk_from(pending, &walk, claims->at);
	for (int i = 0; i < CLAIMS_STEP && claims->max > 0 && (entry = pending_walk(pending, &walk)); i++) {
		struct xread_claim claim = { entry->delivered_ms, entry->id };

		claims->at = entry->id;
		work->done += CLAIMS_VISIT;
		if (!xread_claims_wants(entry, claims->now_ms, claims->min_idle_ms))
			continue;
		work->done += WORK_VISIT;
		if (claims->n < claims->max)
			xread_claims_rise(claims->found, claims->n++, claim);
		else if (xread_claim_is_older(&claim, &claims->found[0]))
			xread_claims_sink(claims->found, claims->max, claim);
	}
	if (!entry || !stream_id_next(&claims->at))
		xread_claims_sort(claims);
}

uint64_t
xread_claims_due(const struct pending *pending, uint64_t now_ms, uint64_t min_idle_ms, struct work *work)
{
	struct pending_walk walk = { 0 };
	const struct stream_pending *entry;
	uint64_t oldest_ms = UINT64_MAX;

	for (int i = 0; i < CLAIMS_DUE && (entry = pending_walk(pending, &walk)); i++) {
		work->done += CLAIMS_VISIT;
		if (entry->delivered_ms < oldest_ms && entry->delivered_ms + min_idle_ms > now_ms)
			oldest_ms = entry->delivered_ms;
	}
	return oldest_ms == UINT64_MAX ? UINT64_MAX : oldest_ms + min_idle_ms - now_ms;
}
