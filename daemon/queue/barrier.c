/*
 * A barrier is closed while spans are pending. References (of the open batch and of queued replies) and pending spans
 * are counted apart, since only spans close it; it goes back to the pool when both counts are zero, whichever comes
 * last.
 *
 * Opening a barrier calls nobody: it moves the waiters to the pool's ready ring, and the end of the pass takes them
 * from there one by one. Barriers open in the middle of a write or while a client is being closed, when it is not safe
 * to write to another client. Waiters stand in rings, so that one can leave its ring in constant time without knowing
 * whether it is a barrier's or the pool's.
 */
#include "barrier.h"

#include <assert.h>
#include <stdlib.h>

/* Size of the free list: enough for nearly every pass. More barriers go back to the heap. */
#define FREE_MAX 1024

static void
ring_init(struct barrier_waiter *head)
{
	head->next = head->prev = head;
}

static bool
ring_is_empty(const struct barrier_waiter *head)
{
	return head->next == head;
}

void
barrier_pool_init(struct barrier_pool *pool)
{
	*pool = (struct barrier_pool){ 0 };
	ring_init(&pool->ready);
}

void
barrier_pool_deinit(struct barrier_pool *pool)
{
	struct barrier *barrier;

	assert(ring_is_empty(&pool->ready));
	while ((barrier = pool->free)) {
		pool->free = barrier->next;
		free(barrier);
	}
}

struct barrier *
barrier_new(struct barrier_pool *pool)
{
	struct barrier *barrier = pool->free;

	if (barrier) {
		pool->free = barrier->next;
		pool->n_free--;
	} else if (!(barrier = malloc(sizeof(*barrier)))) {
		return NULL;
	}
	barrier->pool = pool;
	barrier->refs = 1;
	barrier->pending = 0;
	barrier->commit = 0;
	barrier->is_broken = false;
	barrier->followers = NULL;
	ring_init(&barrier->waiters);
	return barrier;
}

struct barrier *
barrier_new_commit(struct barrier_pool *pool)
{
	struct barrier *barrier = barrier_new(pool);

	if (!barrier)
		return NULL;
	pool->last_commit += pool->last_commit == BARRIER_SLOT - 1 ? 3 : 1; /* neither that nor 0 is a number */
	barrier->commit = pool->last_commit;
	barrier_add(barrier);
	return barrier;
}

void
barrier_follow(struct barrier *barrier, struct barrier *commit)
{
	assert(barrier->commit == 0 && commit->pending > 0);
	barrier->commit = commit->commit;
	barrier_add(barrier);
	barrier->next = commit->followers;
	commit->followers = barrier_ref(barrier);
	barrier_ref(commit); /* so it is seen that somebody waits for it */
}

struct barrier *
barrier_new_slot(struct barrier_pool *pool)
{
	struct barrier *barrier = barrier_new(pool);

	if (!barrier)
		return NULL;
	barrier->commit = BARRIER_SLOT;
	barrier_add(barrier);
	return barrier;
}

struct barrier *
barrier_later(struct barrier *a, struct barrier *b)
{
	if (!a || !b)
		return a ? a : b;
	return (int32_t)(a->commit - b->commit) >= 0 ? a : b; /* the numbers may have begun anew */
}

void
barrier_release(struct barrier *barrier)
{
	struct barrier_pool *pool = barrier->pool;

	assert(ring_is_empty(&barrier->waiters));
	if (pool->n_free == FREE_MAX) {
		free(barrier);
		return;
	}
	barrier->next = pool->free;
	pool->free = barrier;
	pool->n_free++;
}

static void
barrier_make_waiters_ready(struct barrier *barrier)
{
	struct barrier_waiter *from = &barrier->waiters, *to = &barrier->pool->ready;

	if (ring_is_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	ring_init(from);
}

void
barrier_open(struct barrier *barrier)
{
	struct barrier *follower;

	barrier_make_waiters_ready(barrier);
	while ((follower = barrier->followers)) {
		barrier->followers = follower->next;
		barrier->refs--;
		barrier_arrive(follower);
		barrier_unref(follower);
	}
	if (barrier->refs == 0)
		barrier_release(barrier);
}

void
barrier_break(struct barrier *barrier)
{
	barrier->is_broken = true;
	barrier_make_waiters_ready(barrier);
	for (struct barrier *follower = barrier->followers; follower; follower = follower->next)
		barrier_break(follower);
}

void
barrier_wait(struct barrier *barrier, struct barrier_waiter *waiter)
{
	struct barrier_waiter *head = &barrier->waiters;

	assert(!waiter->next && barrier->pending > 0);
	*waiter = (struct barrier_waiter){ .next = head, .prev = head->prev };
	head->prev->next = waiter;
	head->prev = waiter;
}

void
barrier_forget(struct barrier_waiter *waiter)
{
	if (!waiter->next)
		return;
	waiter->next->prev = waiter->prev;
	waiter->prev->next = waiter->next;
	waiter->next = NULL;
}

struct barrier_waiter *
barrier_take_ready(struct barrier_pool *pool)
{
	struct barrier_waiter *waiter = pool->ready.next;

	if (ring_is_empty(&pool->ready))
		return NULL;
	barrier_forget(waiter);
	return waiter;
}
