/*
 * What stands behind "answered means delivered": a barrier counts the pieces of output (spans) that carry
 * the messages of one run and are not in their receivers' sockets yet. The publishers' replies refer to it
 * and are held back until the count is zero.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Something that holds replies behind a barrier; embedded in what is to be woken. It stands in a ring, whose head is a
 * barrier's or the pool's: it can leave without knowing which. next is NULL while it waits for none.
 */
struct barrier_waiter {
	struct barrier_waiter *next, *prev;
};

/* Where barriers come from, and where those that waited for one that is now open stand. */
struct barrier_pool {
	struct barrier *free;
	uint32_t n_free;
	struct barrier_waiter ready; /* in the order in which they were woken */
};

struct barrier {
	struct barrier_pool *pool;
	struct barrier *next_free;
	uint32_t refs;    /* references of replies and of the run; pending counts as well */
	uint32_t pending; /* spans not yet written */
	struct barrier_waiter waiters;
};

void barrier_pool_init(struct barrier_pool *pool);
void barrier_pool_deinit(struct barrier_pool *pool);

/* A barrier with one reference, or NULL. */
struct barrier *barrier_new(struct barrier_pool *pool);
void barrier_release(struct barrier *barrier);
void barrier_open(struct barrier *barrier);

static inline struct barrier *
barrier_ref(struct barrier *barrier)
{
	barrier->refs++;
	return barrier;
}

/* Takes NULL. */
static inline void
barrier_unref(struct barrier *barrier)
{
	if (barrier && --barrier->refs == 0 && barrier->pending == 0)
		barrier_release(barrier);
}

/* One more span that must be written. */
static inline void
barrier_add(struct barrier *barrier)
{
	barrier->pending++;
}

/* A span was written, or its receiver is gone. */
static inline void
barrier_arrive(struct barrier *barrier)
{
	if (--barrier->pending == 0)
		barrier_open(barrier);
}

void barrier_wait(struct barrier *barrier, struct barrier_waiter *waiter);

/* Stops waiting, or leaves the pool's ready list. Does nothing if the waiter is in neither. */
void barrier_forget(struct barrier_waiter *waiter);

/* Takes the first woken waiter off the list, or returns NULL. */
struct barrier_waiter *barrier_take_ready(struct barrier_pool *pool);
