/*
 * The patterns that somebody is subscribed to, found through the literal bytes that they begin with: a
 * channel name is held only against patterns whose literal beginning it shares.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "protocol.h"
#include "recvset.h"
#include "siphash.h"
#include "hashtable.h"

struct pattern {
	struct hashtable_node by_text;
	struct hashtable_node by_literal;
	struct recvset receivers;
	uint32_t literal_len, len;
	uint8_t text[];
};

struct pattern_index {
	struct siphash_key key;
	struct hashtable by_text, by_literal;
	/* The lengths of literal beginnings that occur, ascending, and how many patterns have each. */
	struct literal_length {
		uint32_t len, n;
	} * lengths;
	size_t n_lengths, cap_lengths;
	uint64_t *work; /* is counted up by the bytes of patterns and names that are held against each other */
};

/* All patterns must have been removed. */
void pattern_index_deinit(struct pattern_index *index);

struct pattern *pattern_find(const struct pattern_index *index, struct slice text);

/* Returns the pattern, made if need be, or NULL when there is no memory. */
struct pattern *pattern_get(struct pattern_index *index, struct slice text);

/* Removes and frees a pattern without receivers. */
void pattern_remove(struct pattern_index *index, struct pattern *pattern);

/* Calls visit for each pattern that matches; a negative result of it ends the search and is returned, else 0. */
int pattern_each_match(struct pattern_index *index, struct slice name, int (*visit)(struct pattern *pattern, void *arg),
                       void *arg);
