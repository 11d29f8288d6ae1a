/* Chunks, their pool and streams. */
#include "chunk.h"

#include <stdarg.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

static void
standard_chunks_come_back(void **state __attribute__((unused)))
{
	struct chunk_pool pool = { 0 };
	struct chunk *a = chunk_new(&pool, 1), *b = chunk_new(&pool, CHUNK_ROOM);

	assert_non_null(a);
	assert_non_null(b);
	assert_int_equal(a->cap, CHUNK_ROOM);
	assert_int_equal(b->cap, CHUNK_ROOM);
	assert_int_equal(a->len, 0);
	assert_int_equal(pool.bytes, 2 * CHUNK_SIZE);
	memset(a->data, 1, a->cap);
	a->len = 5;
	chunk_ref(a);
	chunk_unref(a);
	assert_int_equal(pool.n_free, 0);
	chunk_unref(a);
	assert_int_equal(pool.n_free, 1);
	assert_int_equal(pool.bytes, 2 * CHUNK_SIZE);
	a = chunk_new(&pool, 10); /* the same memory, as new */
	assert_int_equal(pool.n_free, 0);
	assert_int_equal(pool.bytes, 2 * CHUNK_SIZE);
	assert_int_equal(a->len, 0);
	assert_int_equal(a->refs, 1);
	chunk_unref(a);
	chunk_unref(b);
	chunk_unref(NULL);
	chunk_pool_deinit(&pool);
	assert_int_equal(pool.bytes, 0);
}

static void
large_chunks(void **state __attribute__((unused)))
{
	struct chunk_pool pool = { 0 };
	struct chunk *a = chunk_new(&pool, CHUNK_ROOM + 1);

	assert_non_null(a);
	assert_int_equal(a->cap, CHUNK_ROOM + 1);
	memset(a->data, 1, a->cap);
	assert_int_equal(pool.bytes, CHUNK_SIZE + 1);
	chunk_unref(a);
	assert_int_equal(pool.n_free, 0); /* other sizes do not go to the free list */
	assert_int_equal(pool.bytes, 0);
	assert_null(chunk_new(&pool, UINT32_MAX));
	assert_int_equal(pool.bytes, 0);
	chunk_pool_deinit(&pool);
}

static void
growing(void **state __attribute__((unused)))
{
	struct chunk_pool pool = { 0 };
	struct chunk *a = chunk_new(&pool, 100000), *small;

	assert_non_null(a);
	for (size_t i = 0; i < 100000; i++)
		a->data[i] = (uint8_t)(i * 3);
	a->len = 100000;
	assert_ptr_equal(chunk_grow(a, 50000), a); /* large enough */
	a = chunk_grow(a, 300000);
	assert_non_null(a);
	assert_int_equal(a->cap, 300000);
	assert_int_equal(a->len, 100000);
	memset(a->data + a->len, 1, a->cap - a->len);
	for (size_t i = 0; i < 100000; i++)
		assert_int_equal(a->data[i], (uint8_t)(i * 3));
	assert_int_equal(pool.bytes, sizeof(*a) + 300000);
	assert_null(chunk_grow(a, UINT32_MAX)); /* and a is as it was */
	assert_int_equal(a->cap, 300000);
	chunk_unref(a);
	assert_int_equal(pool.bytes, 0);
	/* A chunk of the standard size, which does not go to the free list once it has grown. */
	small = chunk_grow(chunk_new(&pool, 10), 100000);
	assert_non_null(small);
	chunk_unref(small);
	assert_int_equal(pool.n_free, 0);
	assert_int_equal(pool.bytes, 0);
	chunk_pool_deinit(&pool);
}

/* Chunks that nobody needed between two trims go back to the heap. */
static void
trimming(void **state __attribute__((unused)))
{
	struct chunk_pool pool = { 0 };
	struct chunk *chunks[10];

	for (size_t i = 0; i < 10; i++)
		chunks[i] = chunk_new(&pool, 1);
	for (size_t i = 0; i < 10; i++)
		chunk_unref(chunks[i]);
	assert_int_equal(chunk_pool_trim(&pool), 10); /* they were in use after the last trim */
	for (size_t i = 0; i < 4; i++)
		chunks[i] = chunk_new(&pool, 1);
	for (size_t i = 0; i < 4; i++)
		chunk_unref(chunks[i]);
	assert_int_equal(pool.bytes, 10 * CHUNK_SIZE);
	assert_int_equal(chunk_pool_trim(&pool), 4);
	assert_int_equal(pool.bytes, 4 * CHUNK_SIZE);
	assert_int_equal(chunk_pool_trim(&pool), 0);
	assert_int_equal(pool.bytes, 0);
	assert_int_equal(chunk_pool_trim(&pool), 0);
	chunk_pool_deinit(&pool);
}

static void
streams(void **state __attribute__((unused)))
{
	struct chunk_pool pool = { 0 };
	struct writer writer = { .pool = &pool };
	struct chunk *first, *second;

	assert_int_equal(writer_reserve(&writer, 100), 0);
	first = writer.chunk;
	assert_ptr_equal(writer_end(&writer), first->data);
	first->len += 100;
	assert_ptr_equal(writer_end(&writer), first->data + 100);
	assert_int_equal(writer_reserve(&writer, CHUNK_ROOM - 100), 0); /* just fits */
	assert_ptr_equal(writer.chunk, first);
	assert_int_equal(first->len, 100);
	assert_int_equal(writer_reserve(&writer, CHUNK_ROOM), 0); /* nobody else refers to the chunk: it starts anew */
	assert_ptr_equal(writer.chunk, first);
	assert_int_equal(first->len, 0);
	first->len = 100;
	chunk_ref(first); /* somebody does: it stays as it is */
	assert_int_equal(writer_reserve(&writer, CHUNK_ROOM), 0);
	second = writer.chunk;
	assert_ptr_not_equal(second, first);
	assert_int_equal(first->len, 100);
	assert_int_equal(first->refs, 1);
	assert_int_equal(writer_reserve(&writer, 200000), 0);
	assert_true(writer.chunk->cap - writer.chunk->len >= 200000);
	chunk_unref(first);
	writer_deinit(&writer);
	assert_null(writer.chunk);
	writer_deinit(&writer);
	chunk_pool_deinit(&pool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(standard_chunks_come_back),
		cmocka_unit_test(large_chunks),
		cmocka_unit_test(growing),
		cmocka_unit_test(trimming),
		cmocka_unit_test(streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
