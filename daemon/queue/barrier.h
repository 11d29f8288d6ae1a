/*
 * What makes "answered means delivered" true. A barrier counts the pieces of output (spans) that carry the messages of
 * one batch and are not written to their receivers' sockets yet. The replies to the publishers refer to it and are not
 * written before the count is zero.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Embedded in whatever is to be woken when a barrier opens. All zero while it waits for none. */
struct barrier_waiter {
	struct barrier_waiter *next, *prev;
};

/* Unused barriers, and the waiters whose barrier has opened. */
struct barrier_pool {
	struct barrier *free;
	uint32_t n_free;
	uint32_t last_commit;        /* number of the newest barrier of a commit */
	struct barrier_waiter ready; /* in the order in which their barriers opened */
};

struct barrier {
	struct barrier_pool *pool;
	struct barrier *next; /* of the pool's free ones, or of the followers */
	uint32_t refs;        /* of the open batch and of replies; the barrier lives until refs and pending are 0 */
	uint32_t pending;     /* spans that are not written yet; the barrier is open while it is 0 */
	uint32_t commit;      /* 0; or, of a barrier that waits for the disk, its number: a later one opens later */
	/* Of BARRIER_SLOT: where the span that waits for its bytes is in its ring, see outq-slot.h. */
	uint32_t slot : 31;
	bool is_broken : 1;        /* it never opens: whoever comes to it is disconnected */
	struct barrier *followers; /* that wait for it; see barrier_follow() */
	struct barrier_waiter waiters;
};

void barrier_pool_init(struct barrier_pool *pool);

/* All barriers must have been released, and nobody may wait. */
void barrier_pool_deinit(struct barrier_pool *pool);

/* An open barrier with one reference, or NULL when there is no memory. */
struct barrier *barrier_new(struct barrier_pool *pool);

/*
 * A barrier that opens when a commit of the store is done: with one reference, and closed until barrier_arrive() is
 * called once. Messages may overtake the replies that wait for it, see outq.h. NULL without memory.
 */
struct barrier *barrier_new_commit(struct barrier_pool *pool);

/*
 * The barrier, which was open until now and is that of no commit, opens no sooner than that of the commit, which is
 * closed. From now on messages may overtake what waits for it.
 */
void barrier_follow(struct barrier *barrier, struct barrier *commit);

/* In place of the number of a commit: the barrier of one reply that is not known yet, see outq-slot.h. */
#define BARRIER_SLOT UINT32_MAX

/* The barrier of one reply that is not known yet: with one reference, and closed until that is filled in. Or NULL. */
struct barrier *barrier_new_slot(struct barrier_pool *pool);

/* Whether replies wait for the barrier and messages may overtake them. Takes NULL. */
static inline bool
barrier_is_overtaken(const struct barrier *barrier)
{
	return barrier && barrier->commit && barrier->pending > 0;
}

/* Of two barriers of commits the one that opens later. Either may be NULL: nothing to wait for. */
struct barrier *barrier_later(struct barrier *a, struct barrier *b);

/* For the inline functions below: the last reference, or the last pending span, is gone. */
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

/* One more span has to be written before the barrier opens. */
static inline void
barrier_add(struct barrier *barrier)
{
	barrier->pending++;
}

/* A span was written, or its receiver has gone. */
static inline void
barrier_arrive(struct barrier *barrier)
{
	if (--barrier->pending == 0)
		barrier_open(barrier);
}

/* What the barrier waits for does not come. Its waiters are ready, and find out that they came to a broken barrier. */
void barrier_break(struct barrier *barrier);

/* Puts the waiter behind those that wait already. The barrier must be closed. */
void barrier_wait(struct barrier *barrier, struct barrier_waiter *waiter);

/* The waiter leaves its barrier or the ready ring. No-op if it waits for none. */
void barrier_forget(struct barrier_waiter *waiter);

/* Removes and returns the first waiter whose barrier has opened, or NULL. */
struct barrier_waiter *barrier_take_ready(struct barrier_pool *pool);
