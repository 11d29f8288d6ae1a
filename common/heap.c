#include "heap.h"

#include <errno.h>
#include <stdlib.h>

#define CAP_MIN 16

void
heap_deinit(struct heap *heap)
{
	free(heap->nodes);
	*heap = (struct heap){ 0 };
}

static void
heap_put(struct heap *heap, size_t at, struct heap_node *node)
{
	heap->nodes[at - 1] = node;
	node->at = at;
}

/* Puts the node at the free place `at`, or higher. */
static void
heap_rise(struct heap *heap, size_t at, struct heap_node *node)
{
	for (; at > 1 && heap->nodes[at / 2 - 1]->key > node->key; at /= 2)
		heap_put(heap, at, heap->nodes[at / 2 - 1]);
	heap_put(heap, at, node);
}

/* Puts the node at the free place `at`, or lower. */
static void
heap_sink(struct heap *heap, size_t at, struct heap_node *node)
{
	for (size_t child; (child = 2 * at) <= heap->n; at = child) {
		if (child < heap->n && heap->nodes[child]->key < heap->nodes[child - 1]->key)
			child++;
		if (heap->nodes[child - 1]->key >= node->key)
			break;
		heap_put(heap, at, heap->nodes[child - 1]);
	}
	heap_put(heap, at, node);
}

static int
heap_resize(struct heap *heap, size_t cap)
{
	struct heap_node **nodes = realloc(heap->nodes, cap * sizeof(struct heap_node *));

	if (!nodes)
		return -ENOMEM;
	heap->nodes = nodes;
	heap->cap = cap;
	return 0;
}

int
heap_add(struct heap *heap, struct heap_node *node, uint64_t key)
{
	if (heap->n == heap->cap && heap_resize(heap, heap->cap > 0 ? 2 * heap->cap : CAP_MIN) < 0)
		return -ENOMEM;
	node->key = key;
	heap_rise(heap, ++heap->n, node);
	return 0;
}

void
heap_remove(struct heap *heap, struct heap_node *node)
{
	size_t at = node->at;
	struct heap_node *last;

	if (at == 0)
		return;
	node->at = 0;
	last = heap->nodes[--heap->n];
	if (last != node && at > 1 && heap->nodes[at / 2 - 1]->key > last->key)
		heap_rise(heap, at, last);
	else if (last != node)
		heap_sink(heap, at, last);
	if (heap->cap > CAP_MIN && heap->n < heap->cap / 4)
		heap_resize(heap, heap->cap / 2); /* without memory it stays as it is */
}
