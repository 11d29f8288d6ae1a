#include "barrier.h"

#include <assert.h>
#include <stdlib.h>

/* As many as a pass uses at most, nearly always; more go back to the heap. */
#define FREE_MAX 64

void
barrier_pool_init(struct barrier_pool *pool)
{
	*pool = (struct barrier_pool){ 0 };
	TAILQ_INIT(&pool->ready);
}

void
barrier_pool_deinit(struct barrier_pool *pool)
{
	struct barrier *barrier;

	assert(TAILQ_EMPTY(&pool->ready));
	while ((barrier = pool->free)) {
		pool->free = barrier->next_free;
		free(barrier);
	}
}

struct barrier *
barrier_new(struct barrier_pool *pool)
{
	struct barrier *barrier = pool->free;

	if (barrier) {
		pool->free = barrier->next_free;
		pool->n_free--;
	} else if (!(barrier = malloc(sizeof(*barrier)))) {
		return NULL;
	}
	barrier->pool = pool;
	barrier->refs = 1;
	barrier->pending = 0;
	TAILQ_INIT(&barrier->waiters);
	return barrier;
}

void
barrier_release(struct barrier *barrier)
{
	struct barrier_pool *pool = barrier->pool;

	assert(TAILQ_EMPTY(&barrier->waiters));
	if (pool->n_free == FREE_MAX) {
		free(barrier);
		return;
	}
	barrier->next_free = pool->free;
	pool->free = barrier;
	pool->n_free++;
}

void
barrier_open(struct barrier *barrier)
{
	struct barrier_waiter *waiter;

	TAILQ_FOREACH(waiter, &barrier->waiters, link)
		waiter->list = &barrier->pool->ready;
	TAILQ_CONCAT(&barrier->pool->ready, &barrier->waiters, link);
	if (barrier->refs == 0)
		barrier_release(barrier);
}

void
barrier_wait(struct barrier *barrier, struct barrier_waiter *waiter)
{
	assert(!waiter->list && barrier->pending > 0);
	waiter->list = &barrier->waiters;
	TAILQ_INSERT_TAIL(waiter->list, waiter, link);
}

void
barrier_forget(struct barrier_waiter *waiter)
{
	if (waiter->list)
		TAILQ_REMOVE(waiter->list, waiter, link);
	waiter->list = NULL;
}

struct barrier_waiter *
barrier_take_ready(struct barrier_pool *pool)
{
	struct barrier_waiter *waiter = TAILQ_FIRST(&pool->ready);

	if (waiter)
		barrier_forget(waiter);
	return waiter;
}
