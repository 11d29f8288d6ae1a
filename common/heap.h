/*
 * A binary heap of embedded nodes: finds the one with the smallest key. Adding and removing take logarithmic time. It
 * does not own its nodes.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct heap_node {
	uint64_t key;
	size_t at; /* its place in the heap, counted from 1; 0: it is in none */
};

/* All zero: empty, without memory. */
struct heap {
	struct heap_node **nodes; /* place 1 is nodes[0] */
	size_t n, cap;
};

/* Frees the memory of a heap. Its nodes, if there are any left, must not be used with it any more. */
void heap_deinit(struct heap *heap);

/* Returns 0 or -ENOMEM. The node must be in no heap. */
int heap_add(struct heap *heap, struct heap_node *node, uint64_t key);

/* No-op if the node is in no heap. */
void heap_remove(struct heap *heap, struct heap_node *node);

/* The node with the smallest key, or NULL. */
static inline struct heap_node *
heap_first(const struct heap *heap)
{
	return heap->n > 0 ? heap->nodes[0] : NULL;
}
