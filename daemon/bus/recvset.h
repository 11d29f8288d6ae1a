/* The receivers of one channel or pattern. Most have one, which then takes no memory of its own. */
#pragma once

#include <stdint.h>

#include "encoding.h"

struct client;

struct recvset {
	union {
		struct client *one; /* while cap is 0 */
		struct client **many;
	};
	uint32_t n, cap;
	uint32_t n_of[ENCODING_COUNT]; /* how many of them get which encoding */
};

void recvset_deinit(struct recvset *set);

/* Returns 0 or -ENOMEM. The new one stands at index n - 1. */
int recvset_add(struct recvset *set, struct client *c);

/* Returns the client that now stands at index (it was the last one before), or NULL if none does. */
struct client *recvset_remove(struct recvset *set, uint32_t index);

static inline struct client *const *
recvset_array(const struct recvset *set)
{
	return set->cap > 0 ? set->many : &set->one;
}
