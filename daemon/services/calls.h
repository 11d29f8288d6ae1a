/* Callers: their requests, and the answers. */
#pragma once

#include "workers.h"

/* Requests of one client that have not ended, at most. */
#define CALLS_MAX 10000

/* The longest times that a caller may ask for, in ms, and how often a request may be repeated. */
#define CALLS_MS_MAX (UINT64_C(24) * 60 * 60 * 1000)
#define CALLS_RETRIES_MAX 1000

struct call {
	struct slice name, payload;
	uint64_t timeout_ms; /* 0: that of the service's rule, which is the longest one in any case */
	uint64_t wait_ms;    /* so long it waits for somebody to serve it */
	uint32_t retries;
	bool is_muted;        /* its answer goes nowhere */
	struct slice channel; /* of an ASK; p: NULL: it is a CALL */
};

/*
 * Begins a request. Its answer is kept a place for as the client's next reply, unless it is_muted or an ASK. Returns 0;
 * or, with nothing done, -ENOMEM, SERVICES_E_DENIED, SERVICES_E_UNSERVED, SERVICES_E_BUSY, SERVICES_E_TOO_MANY or
 * SERVICES_E_OVER_QUOTA. *ret_id: of an ASK.
 */
int calls_begin(struct services *services, struct client *c, const struct call *call, uint64_t *ret_id);

/* Ends a request that the client has made with ASK. Returns whether there was one of this id. */
bool calls_cancel(struct services *services, struct client *c, uint64_t id);

/* The worker's request of this id, or NULL. Then the worker calls request_end(). */
struct request *calls_find_running(struct services *services, const struct client *worker, uint64_t id);

/* Nobody waits any more for what the client has asked. */
void calls_drop(struct services *services, struct party *caller);

/* Ends requests whose time is over. */
void calls_check(struct services *services, uint64_t now_us);

/* Ends requests that wait for services which nobody serves any more, until work.done is `end`. */
void calls_check_deserted(struct services *services, uint64_t end);
