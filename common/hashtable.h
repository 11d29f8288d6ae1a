/*
 * A chained hash table of embedded nodes that grows and shrinks with their number. It does not compare keys: a look-up
 * walks hashtable_first() and hashtable_next(), which yield the nodes with the same 64-bit hash.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct hashtable_node {
	struct hashtable_node *next;
	uint64_t hash;
};

struct hashtable {
	struct hashtable_node **buckets;
	size_t n_buckets; /* a power of two, or 0 */
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

static inline struct hashtable_node *
hashtable_first(const struct hashtable *table, uint64_t hash)
{
	return table->n > 0 ? hashtable_match(table->buckets[hash & (table->n_buckets - 1)], hash) : NULL;
}

static inline struct hashtable_node *
hashtable_next(const struct hashtable_node *node)
{
	return hashtable_match(node->next, node->hash);
}

/* Calls visit for each node, in any order; visit must not change the table. */
void hashtable_each(const struct hashtable *table, void (*visit)(struct hashtable_node *node, void *arg), void *arg);
