/*
 * Services: requests from one client to another that serves, and the answer back. No protocol and no sockets: what a
 * client is told, the layers above write (struct services_ops). workers.h and calls.h have the operations.
 */
#pragma once

#include "calls.h"

void services_init(struct services *services, struct flow *flow);

/* All clients must be gone. */
void services_deinit(struct services *services);

/* Set once, before the first request. */
void services_set_ops(struct services *services, const struct services_ops *ops);

/* Other rules hold from now on; NULL: none. Workers that may not serve any more are disconnected when a request comes.
 */
void services_set_rules(struct services *services, const struct service_rules *rules);

/* The client's input has ended: it cannot answer any more, but still get answers. No-op for others. */
void services_leave(struct services *services, struct client *c);

/* The client is about to be freed. */
void services_forget(struct services *services, struct client *c);

/* The daemon stops: no request waits for a worker to come. */
void services_stop(struct services *services);

/* The next deadline, in microseconds of CLOCK_MONOTONIC, or UINT64_MAX. */
static inline uint64_t
services_next_deadline(const struct services *services)
{
	const struct heap_node *parked;
	const struct request *request;
	uint64_t us;

	if (services->parties.n == 0)
		return UINT64_MAX;
	parked = heap_first(&services->parked_alarms);
	request = request_first_due(services);
	us = request ? request->alarm.key : UINT64_MAX;
	return parked && parked->key < us ? parked->key : us;
}

/* Whether services_advance() has something to do at once. */
static inline bool
services_have_work(const struct services *services)
{
	return !TAILQ_EMPTY(&services->deserted) || !TAILQ_EMPTY(&services->untold);
}

/* How far flow.now_ms may be behind, in ms. */
#define SERVICES_COARSE_MS 20

/* Ends what is due, and what nobody serves any more. Call in each pass, before its output is written, if it
 * services_must_advance(). */
void services_advance(struct services *services);

static inline bool
services_must_advance(const struct services *services)
{
	return services->parties.n > 0 &&
	       (services_have_work(services) ||
	        services_next_deadline(services) <= (services->flow->now_ms + SERVICES_COARSE_MS) * 1000);
}

/* Call at the end of a pass. */
static inline void
services_end_pass(struct services *services)
{
	services->now_us = 0;
}

/* Whether some replies of the client are not known yet; then it waits, and goes on when they are. */
bool services_settle(struct services *services, struct client *c);

/* A walk over all services that may take several passes. */
void services_begin_walk(struct services *services, struct services_walk *walk);
struct service *services_walk(struct services *services, struct services_walk *walk); /* NULL: it has ended */
void services_end_walk(struct services_walk *walk);
