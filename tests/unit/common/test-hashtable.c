/* The hash table, against a list of what should be in it. */
#include "hashtable.h"

#include <stdarg.h>
#include <stdbool.h>
#include <setjmp.h>

#include <cmocka.h>

#include "prng.h"

#define N_NODES ((size_t)3000)

struct item {
	struct hashtable_node node; /* first */
	uint64_t hash;
	bool is_in;
	unsigned int visits;
};

/* Walks the nodes of one hash, and holds them against the items that should have it. */
static void
check_hash(const struct hashtable *table, struct item *items, uint64_t hash)
{
	size_t expected = 0, found = 0;

	for (size_t i = 0; i < N_NODES; i++)
		expected += items[i].is_in && items[i].hash == hash;
	for (struct hashtable_node *node = hashtable_first(table, hash); node; node = hashtable_next(node)) {
		struct item *item = (struct item *)node;

		assert_true(item >= items && item < items + N_NODES);
		assert_true(item->is_in);
		assert_true(item->hash == hash);
		found++;
		assert_true(found <= expected); /* not in a circle either */
	}
	assert_int_equal(found, expected);
}

/* Visits the nodes of all buckets. Returns how many. */
static size_t
visit_all(const struct hashtable *table)
{
	size_t n = 0;

	for (size_t i = 0; i < table->n_buckets; i++)
		for (struct hashtable_node *node = table->buckets[i]; node; node = node->next) {
			assert_true(hashtable_bucket(table, node->hash) == i);
			assert_true(!node->next || node->next->prev == node);
			((struct item *)node)->visits++;
			n++;
		}
	return n;
}

static void
check_all(const struct hashtable *table, struct item *items, size_t n)
{
	assert_int_equal(table->n, n);
	for (size_t i = 0; i < N_NODES; i++)
		items[i].visits = 0;
	assert_int_equal(visit_all(table), n);
	for (size_t i = 0; i < N_NODES; i++)
		assert_int_equal(items[i].visits, items[i].is_in);
}

static void
empty(void **state __attribute__((unused)))
{
	struct hashtable table = { 0 };

	assert_null(hashtable_first(&table, 0));
	assert_null(hashtable_first(&table, UINT64_MAX));
	assert_int_equal(visit_all(&table), 0);
	hashtable_deinit(&table);
	assert_int_equal(table.n_buckets, 0);
}

/* bits: how many bits of the hashes vary, so that whole hashes collide, or only buckets, or nearly none. */
static void
random_use(unsigned int bits, bool high)
{
	struct hashtable table = { 0 };
	struct item *items = calloc(N_NODES, sizeof(*items));
	struct prng prng;
	size_t n = 0, target = N_NODES;

	assert_non_null(items);
	prng_init(&prng, prng_seed());
	for (int step = 0; step < 60000; step++) {
		struct item *item = &items[prng_below(&prng, N_NODES)];

		if (step % 5000 == 0)
			target = prng_below(&prng, N_NODES); /* grows and shrinks in waves */
		if (!item->is_in && n < target) {
			item->hash = bits == 64 ? prng_next(&prng) : prng_next(&prng) & ((UINT64_C(1) << bits) - 1);
			item->hash = high ? item->hash << (64 - bits) : item->hash;
			assert_int_equal(hashtable_insert(&table, &item->node, item->hash), 0);
			item->is_in = true;
			n++;
		} else if (item->is_in && n > target) {
			hashtable_remove(&table, &item->node);
			item->is_in = false;
			n--;
		}
		if (step % 100 == 0)
			check_hash(&table, items, item->hash);
		if (step % 2000 == 0)
			check_all(&table, items, n);
		assert_true(table.n_buckets < 16 + 16 * n + 16); /* it does not stay large for nothing */
	}
	for (size_t i = 0; i < N_NODES; i++)
		if (items[i].is_in) {
			hashtable_remove(&table, &items[i].node);
			items[i].is_in = false;
		}
	check_all(&table, items, 0);
	assert_null(hashtable_first(&table, items[0].hash));
	hashtable_deinit(&table);
	free(items);
}

static void
good_hashes(void **state __attribute__((unused)))
{
	random_use(64, false);
}

static void
colliding_hashes(void **state __attribute__((unused)))
{
	random_use(7, false);
}

static void
same_bucket(void **state __attribute__((unused)))
{
	random_use(10, true);
}

static void
one_hash(void **state __attribute__((unused)))
{
	random_use(0, false);
}

/* The buckets keep pace with the nodes. */
static void
size_follows_use(void **state __attribute__((unused)))
{
	struct hashtable table = { 0 };
	struct item *items = calloc(N_NODES, sizeof(*items));

	assert_non_null(items);
	for (size_t i = 0; i < N_NODES; i++) {
		assert_int_equal(hashtable_insert(&table, &items[i].node, i * 0x9e3779b97f4a7c15), 0);
		assert_true(table.n_buckets >= table.n);
		assert_true(table.n_buckets <= 16 || table.n_buckets <= table.n + 1); /* one more with each */
	}
	for (size_t i = 0; i < N_NODES; i++)
		hashtable_remove(&table, &items[i].node);
	assert_true(table.n_buckets <= 64);
	hashtable_deinit(&table);
	free(items);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),       cmocka_unit_test(good_hashes), cmocka_unit_test(colliding_hashes),
		cmocka_unit_test(same_bucket), cmocka_unit_test(one_hash),    cmocka_unit_test(size_follows_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
