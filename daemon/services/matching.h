/* Which worker gets which request: the longest idle worker, and the oldest request. */
#pragma once

#include "request.h"

/*
 * Gives the request to an idle worker of its service, if there is one. payload: request->payload if that is kept.
 * Returns whether it did; if there was no memory, the request waits.
 */
bool matching_give(struct services *services, struct request *request, struct slice payload);

/* The oldest request that waits for one of the services of the worker; or NULL, perhaps since it may not serve any more
 * and has died. */
struct request *matching_oldest(struct services *services, struct party *worker);

/* Gives a request that waits to a worker that asks for one now. Returns whether it has got it, or has died. */
bool matching_give_now(struct services *services, struct request *request, struct party *worker);

/* Gives the worker's parked NEXT what waits for its services. */
void matching_feed(struct services *services, struct party *worker);

/* The worker has a parked NEXT, and goes behind the others that are idle; or it has none. */
void matching_set_idle(struct services *services, struct party *worker);

/* A NEXT of the worker that is not parked yet, in no list; or NULL without memory. */
struct parked *matching_new_parked(struct services *services, struct party *worker);
void matching_free_parked(struct services *services, struct parked *parked);

/* Ends a parked NEXT, and frees it; its slot is the caller's. */
void matching_unpark(struct services *services, struct parked *parked);

/*
 * The worker of the request answers no more: another one gets it, if it may run again; or if what the worker was sent
 * is_gone and has surely not been read. Else its caller is told.
 */
void matching_lose(struct services *services, struct request *request, bool is_gone);
