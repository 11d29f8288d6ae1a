/*
 * The clients that receive one channel or pattern, in no order. Most sets have one member, which needs no memory beside
 * the set itself.
 */
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
	uint32_t n_of[ENCODING_COUNT]; /* members by encoding */
};

/* The set must be empty. */
void recvset_deinit(struct recvset *set);

/* Adds the client at index n, before n is counted up. Returns 0 or -ENOMEM. */
int recvset_add(struct recvset *set, struct client *c);

/* Returns the client that takes over the index, which was the last one; NULL if the last one was removed. */
struct client *recvset_remove(struct recvset *set, uint32_t index);

static inline struct client *const *
recvset_array(const struct recvset *set)
{
	return set->cap > 0 ? set->many : &set->one;
}
