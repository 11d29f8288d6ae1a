#include "arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

/* Things of many sizes do not overlap, and are aligned. */
static void
keeps_all_apart(void **state __attribute__((unused)))
{
	enum { N = 3000 };
	static uint8_t *things[N];
	struct arena arena = { 0 };
	size_t total = 0;

	for (size_t i = 0; i < N; i++) {
		size_t size = i % 100 == 99 ? 100000 : i % 77;

		things[i] = arena_alloc(&arena, size);
		assert_non_null(things[i]);
		assert_int_equal((uintptr_t)things[i] % _Alignof(max_align_t), 0);
		memset(things[i], (int)(i % 251), size);
		total += size;
	}
	for (size_t i = 0; i < N; i++) {
		size_t size = i % 100 == 99 ? 100000 : i % 77;

		for (size_t k = 0; k < size; k++)
			assert_int_equal(things[i][k], i % 251);
	}
	assert_in_range(arena.bytes, total, 2 * total);
	arena_clear(&arena);
	assert_int_equal(arena.bytes, 0);
	assert_non_null(arena_alloc(&arena, 1)); /* it can be used again */
	assert_in_range(arena.bytes, 1, 200);    /* and takes little for little */
	arena_clear(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(keeps_all_apart) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
