/*
 * A hash table of embedded nodes, chained, that grows and shrinks with what it holds. It compares nothing
 * itself: a look-up walks table_first() and table_next(), which yield the nodes whose whole hash is equal.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct table_node {
	struct table_node *next;
	uint64_t hash;
};

struct table {
	struct table_node **buckets;
	size_t n_buckets; /* a power of two, or 0 */
	size_t n;
};

/* The table must be empty of nodes that anybody still looks for; it does not own them. */
void table_deinit(struct table *table);

/* Returns 0 or -ENOMEM; the latter only for the first node (later the table just gets slower). */
int table_insert(struct table *table, struct table_node *node, uint64_t hash);

/* The node must be in the table. */
void table_remove(struct table *table, struct table_node *node);

static inline struct table_node *
table_match(struct table_node *node, uint64_t hash)
{
	while (node && node->hash != hash)
		node = node->next;
	return node;
}

static inline struct table_node *
table_first(const struct table *table, uint64_t hash)
{
	return table->n > 0 ? table_match(table->buckets[hash & (table->n_buckets - 1)], hash) : NULL;
}

static inline struct table_node *
table_next(const struct table_node *node)
{
	return table_match(node->next, node->hash);
}

/* Calls visit for each node, in no order; visit must not change the table. */
void table_each(const struct table *table, void (*visit)(struct table_node *node, void *arg), void *arg);
