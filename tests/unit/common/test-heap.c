/* The heap against an array that is searched. */
#include "heap.h"

#include <stdarg.h>
#include <setjmp.h>

#include <cmocka.h>

#include "prng.h"

#define NODES 300

static void
random_keys(void **state)
{
	struct heap_node nodes[NODES] = { 0 };
	struct heap heap = { 0 };
	struct prng prng;

	(void)state;
	prng_init(&prng, prng_seed());
	for (int step = 0; step < 100000; step++) {
		struct heap_node *node = &nodes[prng_below(&prng, NODES)];
		uint64_t least = UINT64_MAX;
		size_t n = 0;

		/* It is sometimes nearly full, and sometimes nearly empty. */
		if (node->at > 0)
			heap_remove(&heap, node);
		else if (prng_below(&prng, 10) < (size_t)(step / 10000 % 2 ? 2 : 9))
			assert_int_equal(heap_add(&heap, node, prng_below(&prng, 1000)), 0);
		for (size_t i = 0; i < NODES; i++) {
			n += nodes[i].at > 0;
			if (nodes[i].at > 0 && nodes[i].key < least)
				least = nodes[i].key;
		}
		assert_int_equal(heap.n, n);
		assert_true(heap_first(&heap) ? n > 0 && heap_first(&heap)->key == least : n == 0);
	}
	heap_deinit(&heap);
	assert_int_equal(heap.cap, 0);
}

/* They come in the order of their keys. */
static void
in_order(void **state)
{
	struct heap_node nodes[NODES] = { 0 };
	struct heap heap = { 0 };
	uint64_t last = 0;

	(void)state;
	for (size_t i = 0; i < NODES; i++)
		assert_int_equal(heap_add(&heap, &nodes[i], i * 7919 % 101), 0);
	assert_in_range(heap.cap, NODES, 2 * NODES);
	for (size_t i = 0; i < NODES; i++) {
		struct heap_node *node = heap_first(&heap);

		assert_in_range(node->key, last, UINT64_MAX);
		last = node->key;
		heap_remove(&heap, node);
		assert_int_equal(node->at, 0);
		heap_remove(&heap, node);
	}
	assert_null(heap_first(&heap));
	assert_in_range(heap.cap, 0, 64); /* its memory is given back */
	heap_deinit(&heap);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_keys),
		cmocka_unit_test(in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
