/* Sets of receivers, compared with an array of their members. */
#include "recvset.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "prng.h"
#include "client.h"

#define N_SESSIONS ((size_t)500)

static void
one_takes_no_memory(void **state __attribute__((unused)))
{
	struct recvset set = { 0 };
	struct client a = { .encoding = ENCODING_RESP3 };

	assert_int_equal(set.n, 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(recvset_add(&set, &a), 0);
		assert_int_equal(set.n, 1);
		assert_int_equal(set.n_of[ENCODING_RESP3], 1);
		assert_int_equal(set.cap, 0);
		assert_ptr_equal(recvset_array(&set)[0], &a);
		assert_null(recvset_remove(&set, 0));
		assert_int_equal(set.n, 0);
		assert_int_equal(set.n_of[ENCODING_RESP3], 0);
	}
	recvset_deinit(&set);
}

static void
last_one_moves(void **state __attribute__((unused)))
{
	struct recvset set = { 0 };
	struct client s[4] = { { .encoding = ENCODING_RESP3 },
		               { .encoding = ENCODING_RESP2 },
		               { .encoding = ENCODING_RESP3 },
		               { .encoding = ENCODING_RESP2 } };

	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(recvset_add(&set, &s[i]), 0);
		assert_ptr_equal(recvset_array(&set)[set.n - 1], &s[i]);
	}
	assert_int_equal(set.n_of[ENCODING_RESP3], 2);
	assert_null(recvset_remove(&set, 3));
	assert_ptr_equal(recvset_remove(&set, 0), &s[2]);
	assert_int_equal(set.n_of[ENCODING_RESP3], 1);
	assert_ptr_equal(recvset_array(&set)[0], &s[2]);
	assert_ptr_equal(recvset_array(&set)[1], &s[1]);
	assert_ptr_equal(recvset_remove(&set, 0), &s[1]);
	assert_int_equal(set.n_of[ENCODING_RESP3], 0);
	assert_null(recvset_remove(&set, 0));
	recvset_deinit(&set);
	assert_int_equal(set.cap, 0);
}

static void
random_use(void **state __attribute__((unused)))
{
	static struct client sessions[N_SESSIONS];
	struct client *model[N_SESSIONS];
	bool is_in[N_SESSIONS] = { false };
	struct recvset set = { 0 };
	struct prng prng;
	size_t n = 0, target = N_SESSIONS;

	prng_init(&prng, prng_seed());
	for (size_t i = 0; i < N_SESSIONS; i++)
		sessions[i].encoding = prng_below(&prng, 2) ? ENCODING_RESP3 : ENCODING_RESP2;
	for (int step = 0; step < 50000; step++) {
		size_t i = prng_below(&prng, N_SESSIONS), n_resp3 = 0;

		if (step % 2000 == 0)
			target = step % 4000 ? 0 : prng_below(&prng, N_SESSIONS);
		if (!is_in[i] && n < target) {
			assert_int_equal(recvset_add(&set, &sessions[i]), 0);
			model[n++] = &sessions[i];
			is_in[i] = true;
		} else if (n > target) {
			size_t at = prng_below(&prng, n);
			struct client *moved = recvset_remove(&set, (uint32_t)at);

			is_in[model[at] - sessions] = false;
			assert_ptr_equal(moved, at == n - 1 ? NULL : model[n - 1]);
			model[at] = model[--n];
		}
		assert_int_equal(set.n, n);
		assert_true(set.cap <= 8 + 4 * n); /* it shrinks again */
		if (step % 16)
			continue;
		for (size_t k = 0; k < n; k++) {
			assert_ptr_equal(recvset_array(&set)[k], model[k]);
			n_resp3 += model[k]->encoding == ENCODING_RESP3;
		}
		assert_int_equal(set.n_of[ENCODING_RESP3], n_resp3);
	}
	while (set.n > 0)
		recvset_remove(&set, set.n - 1);
	assert_int_equal(set.n_of[ENCODING_RESP3], 0);
	recvset_deinit(&set);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_takes_no_memory),
		cmocka_unit_test(last_one_moves),
		cmocka_unit_test(random_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
