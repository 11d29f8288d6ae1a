/* Barriers and their waiters. */
#include "barrier.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>

#include <cmocka.h>

static void
opens_when_all_have_arrived(void **state __attribute__((unused)))
{
	struct barrier_pool pool;
	struct barrier *barrier;
	struct barrier_waiter waiter = { 0 };

	barrier_pool_init(&pool);
	barrier = barrier_new(&pool);
	assert_non_null(barrier);
	assert_int_equal(barrier->pending, 0);
	for (int i = 0; i < 3; i++)
		barrier_add(barrier);
	barrier_wait(barrier, &waiter);
	for (int i = 0; i < 3; i++) {
		assert_null(barrier_take_ready(&pool));
		barrier_arrive(barrier);
	}
	assert_ptr_equal(barrier_take_ready(&pool), &waiter);
	assert_null(barrier_take_ready(&pool));
	barrier_unref(barrier);
	barrier_pool_deinit(&pool);
}

/* Waiters of a barrier that opened earlier are ready first, and of one barrier those that came first. */
static void
order_of_waking(void **state __attribute__((unused)))
{
	struct barrier_pool pool;
	struct barrier *a, *b;
	struct barrier_waiter waiters[8] = { 0 };

	barrier_pool_init(&pool);
	a = barrier_new(&pool);
	b = barrier_new(&pool);
	barrier_add(a);
	barrier_add(b);
	for (size_t i = 0; i < 8; i++)
		barrier_wait(i % 2 ? a : b, &waiters[i]);
	barrier_arrive(b);
	barrier_arrive(a);
	for (size_t i = 0; i < 8; i++)
		assert_ptr_equal(barrier_take_ready(&pool), &waiters[i < 4 ? i * 2 : (i - 4) * 2 + 1]);
	assert_null(barrier_take_ready(&pool));
	barrier_unref(a);
	barrier_unref(b);
	barrier_pool_deinit(&pool);
}

/* Waiters of a broken barrier are ready, and it stays closed for those that come later. */
static void
breaks(void **state __attribute__((unused)))
{
	struct barrier_pool pool;
	struct barrier *barrier;
	struct barrier_waiter waiter = { 0 };

	barrier_pool_init(&pool);
	barrier = barrier_new(&pool);
	barrier_add(barrier);
	assert_false(barrier->is_broken);
	barrier_wait(barrier, &waiter);
	barrier_break(barrier);
	assert_ptr_equal(barrier_take_ready(&pool), &waiter);
	assert_null(barrier_take_ready(&pool));
	assert_true(barrier->is_broken && barrier->pending > 0);
	barrier_arrive(barrier);
	barrier_unref(barrier);
	barrier = barrier_new(&pool); /* the same one, used again */
	assert_false(barrier->is_broken);
	barrier_unref(barrier);
	barrier_pool_deinit(&pool);
}

/* A waiter may leave its barrier or the ready ring, from any position. */
static void
forgetting(void **state __attribute__((unused)))
{
	struct barrier_pool pool;
	struct barrier *barrier;
	struct barrier_waiter waiters[4] = { 0 };

	barrier_pool_init(&pool);
	barrier = barrier_new(&pool);
	barrier_add(barrier);
	for (size_t i = 0; i < 4; i++)
		barrier_wait(barrier, &waiters[i]);
	barrier_forget(&waiters[1]);
	barrier_forget(&waiters[1]);
	barrier_arrive(barrier);
	barrier_forget(&waiters[2]);
	assert_ptr_equal(barrier_take_ready(&pool), &waiters[0]);
	assert_ptr_equal(barrier_take_ready(&pool), &waiters[3]);
	assert_null(barrier_take_ready(&pool));
	/* It may wait again afterwards. */
	barrier_add(barrier);
	barrier_wait(barrier, &waiters[1]);
	barrier_forget(&waiters[1]);
	barrier_arrive(barrier);
	assert_null(barrier_take_ready(&pool));
	barrier_unref(barrier);
	barrier_pool_deinit(&pool);
}

/* A barrier lives while it has a reference or a pending span. */
static void
lifetime(void **state __attribute__((unused)))
{
	struct barrier_pool pool;
	struct barrier *barrier;

	barrier_pool_init(&pool);
	barrier = barrier_new(&pool);
	barrier_unref(barrier);
	assert_int_equal(pool.n_free, 1);
	assert_ptr_equal(barrier_new(&pool), barrier);
	assert_int_equal(pool.n_free, 0);
	assert_int_equal(barrier->refs, 1);
	barrier_add(barrier);
	barrier_unref(barrier);
	assert_int_equal(pool.n_free, 0);
	barrier_arrive(barrier);
	assert_int_equal(pool.n_free, 1);
	barrier = barrier_new(&pool);
	barrier_add(barrier);
	barrier_ref(barrier);
	barrier_arrive(barrier);
	barrier_unref(barrier);
	assert_int_equal(pool.n_free, 0);
	barrier_unref(barrier);
	assert_int_equal(pool.n_free, 1);
	barrier_unref(NULL);
	barrier_pool_deinit(&pool);
}

/* The free list is bounded: more barriers go back to the heap. */
static void
pool_is_bounded(void **state __attribute__((unused)))
{
	struct barrier_pool pool;
	struct barrier *barriers[2000];

	barrier_pool_init(&pool);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < 2000; i++) {
			barriers[i] = barrier_new(&pool);
			assert_non_null(barriers[i]);
		}
		assert_int_equal(pool.n_free, 0);
		for (size_t i = 0; i < 2000; i++)
			barrier_unref(barriers[i]);
		assert_in_range(pool.n_free, 1, 1999);
	}
	barrier_pool_deinit(&pool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_when_all_have_arrived),
		cmocka_unit_test(breaks),
		cmocka_unit_test(order_of_waking),
		cmocka_unit_test(forgetting),
		cmocka_unit_test(lifetime),
		cmocka_unit_test(pool_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
