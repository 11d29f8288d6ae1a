/*
 * A hash table of embedded nodes, chained, that grows and shrinks with what it holds. It compares nothing
 * itself: a look-up walks hashtable_first() and hashtable_next(), which yield the nodes whose whole hash is equal.
 * Adding and removing take constant time, whatever the table holds: none of them ever moves all nodes.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct hashtable_node {
	struct hashtable_node *next, *prev; /* in its bucket */
	uint64_t hash;
};

struct hashtable {
	struct hashtable_node **buckets;
	size_t n_buckets, cap; /* in use, and allocated */
	size_t level;          /* a power of two; n_buckets is more than that and at most twice it */
	size_t n;
};

/* Frees the table, but not the nodes in it: it does not own them. */
void hashtable_deinit(struct hashtable *table);

/* Returns 0, or -ENOMEM for the first node only: without memory to grow, the table just gets slower. */
int hashtable_insert(struct hashtable *table, struct hashtable_node *node, uint64_t hash);

/* The node must be in the table. */
void hashtable_remove(struct hashtable *table, struct hashtable_node *node);

static inline struct hashtable_node *
hashtable_match(struct hashtable_node *node, uint64_t hash)
{
	while (node && node->hash != hash)
		node = node->next;
	return node;
}

/* The bucket of a hash: buckets are split one after another, so those behind the last split still serve two. */
static inline size_t
hashtable_bucket(const struct hashtable *table, uint64_t hash)
{
	size_t i = hash & (2 * table->level - 1);

	return i < table->n_buckets ? i : i - table->level;
}

static inline struct hashtable_node *
hashtable_first(const struct hashtable *table, uint64_t hash)
{
	return table->n > 0 ? hashtable_match(table->buckets[hashtable_bucket(table, hash)], hash) : NULL;
}

static inline struct hashtable_node *
hashtable_next(const struct hashtable_node *node)
{
	return hashtable_match(node->next, node->hash);
}
