/*
 * The patterns that somebody is subscribed to, indexed by the literal bytes that they begin with: a channel's name is
 * compared only with patterns whose literal beginning it shares.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hashtable.h"
#include "protocol.h"
#include "recvset.h"
#include "siphash.h"

struct work;

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
	/* The lengths of literal beginnings, ascending, and how many patterns have each. */
	struct literal_length {
		uint32_t len, n;
	} * lengths;
	size_t n_lengths, cap_lengths;
	struct work *work;
	size_t *bytes; /* is counted up by the memory of the patterns */
};

/* All patterns must have been removed. */
void pattern_index_deinit(struct pattern_index *index);

/* Returns the pattern with this text, or NULL. */
struct pattern *pattern_find(const struct pattern_index *index, struct slice text);

/* Likewise, but makes it if it does not exist; NULL when there is no memory. */
struct pattern *pattern_get(struct pattern_index *index, struct slice text);

/* Frees a pattern without receivers. */
void pattern_remove(struct pattern_index *index, struct pattern *pattern);

/* Where a search over several passes goes on; zeroed at first. It holds until a pattern comes or goes. */
struct pattern_cursor {
	size_t i;                    /* in `lengths` */
	struct hashtable_node *node; /* the next one with a literal beginning of that length, if is_inside */
	bool is_inside;
};

#define PATTERN_E_MORE 1 /* there may be more: call again with the same cursor */

/*
 * Calls visit for each pattern that matches the name, until work.done is `end`, though for one more at least. Returns 0
 * when all are done, PATTERN_E_MORE, or the first negative result of visit.
 */
int pattern_search(struct pattern_index *index, struct slice name, struct pattern_cursor *cursor, uint64_t end,
                   int (*visit)(struct pattern *pattern, void *arg), void *arg);
