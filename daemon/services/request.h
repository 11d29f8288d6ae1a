/* Requests: how they are made, where they are, and how they end. */
#pragma once

#include "service.h"

/* A request of the caller to the service, in no list but the caller's; or NULL without memory. */
struct request *request_new(struct services *services, struct service *service, struct party *caller);

/* Keeps a copy of the payload, for when it waits or may be given once more. Returns 0 or -ENOMEM. */
int request_keep_payload(struct services *services, struct request *request, struct slice payload);

/* Gives the request an id, by which it is found. Returns 0 or -ENOMEM. No-op if it has one. */
int request_enter(struct services *services, struct request *request);

/* The request of this id, or NULL. */
struct request *request_find(struct services *services, uint64_t id);

/* It is woken at that time, in place of an earlier call. Returns 0 or -ENOMEM. */
int request_set_alarm(struct services *services, struct request *request, uint64_t us);

/* The one whose alarm comes first, or NULL. */
static inline struct request *
request_first_due(const struct services *services)
{
	struct request *request = TAILQ_FIRST(&services->in_order);
	struct heap_node *node = heap_first(&services->alarms);

	return !node || (request && request->alarm.key <= node->key)
	           ? request
	           : (struct request *)((char *)node - offsetof(struct request, alarm));
}

/* It waits for a worker, before all others or behind them. */
void request_wait(struct services *services, struct request *request, bool is_first);
/* It runs, and the worker has it. */
void request_run(struct services *services, struct request *request, struct party *worker);
/* It does not any more. No-op if it does neither. */
void request_stop(struct services *services, struct request *request);

/*
 * Ends and frees the request, and tells its caller, unless that has gone. text: what the worker says. The service
 * may be gone afterwards.
 */
void request_end(struct services *services, struct request *request, enum request_end how, struct slice text);

/* Ends what could not be told while flow.is_exclusive, until work.done is `end`. */
void request_tell(struct services *services, uint64_t end);

static inline uint64_t
request_id(const struct request *request)
{
	return request->node.hash;
}
